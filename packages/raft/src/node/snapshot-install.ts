import type { SnapshotMeta } from '../core/messages.js';

interface Pending {
  readonly seq: number;
  readonly meta: SnapshotMeta;
  readonly settle: (installed: boolean) => void;
}

/**
 * The one received snapshot that waits for its mark in the log.
 *
 * Order (etcd issue 10219 is what happens otherwise): the snapshot's data is durable, then its mark is durable, then it
 * becomes the state, and only then anything after it is applied.
 */
export class SnapshotInstall {
  #asked: ((installed: boolean) => void) | undefined;
  #pending: Pending | undefined;

  /** Somebody waits for the outcome of the snapshot that the core is asked to take next. */
  ask(settle: (installed: boolean) => void): void {
    this.#asked = settle;
  }

  /** The core did not take it. */
  refused(): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.(false);
  }

  /** The core took it: its mark is in the batch of this number. */
  marked(seq: number, meta: SnapshotMeta): void {
    this.#pending = { seq, meta, settle: this.#asked ?? (() => undefined) };
    this.#asked = undefined;
  }

  /** @returns the snapshot whose mark was in this batch, which is durable now */
  take(seq: number): Pending | undefined {
    if (this.#pending?.seq !== seq) return undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  stop(): void {
    this.refused();
    this.#pending?.settle(false);
    this.#pending = undefined;
  }
}

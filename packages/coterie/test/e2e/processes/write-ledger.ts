import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerCluster } from './peer-cluster.js';
import { RemoteError } from './peer-process.js';

/** One put and what its caller learned of it. Each has a value of its own. */
export interface Written {
  readonly key: string;
  readonly value: string;
  state: 'open' | 'acknowledged' | 'refused' | 'unknown';
  revision: number;
}

/** [revision, key, value] as a watch showed it. */
export type Shown = readonly [revision: number, key: string, value: string | null];

const keysPerWriter = 40;

/** Writers on every peer, and a record of everything that was tried. */
export class WriteLedger {
  readonly writes: Written[] = [];
  acknowledged = 0;
  /** What no write may fail with. */
  readonly faults: string[] = [];
  #stopping = false;
  #writers: Promise<void>[] = [];

  /** @param pauseMs after each put, so that the history of a long test stays short enough to compare as a whole */
  start(cluster: PeerCluster, writersPerPeer: number, pauseMs: number): void {
    for (const name of cluster.names) {
      for (let i = 0; i < writersPerPeer; i++) this.#writers.push(this.#write(cluster, name, `${name}${i}`, pauseMs));
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#writers);
    this.#writers = [];
  }

  async #write(cluster: PeerCluster, name: string, writer: string, pauseMs: number): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      await sleep(pauseMs);
      const process = cluster.running.get(name);
      if (process === undefined) continue;
      const write: Written = {
        key: `${writer}/${n % keysPerWriter}`,
        value: `${writer}:${n}`,
        state: 'open',
        revision: 0,
      };
      this.writes.push(write);
      try {
        write.revision = (await process.call<{ revision: number }>('put', write.key, write.value)).revision;
        write.state = 'acknowledged';
        this.acknowledged++;
      } catch (error) {
        this.#failed(write, error);
      }
    }
  }

  #failed(write: Written, error: unknown): void {
    // The process has started and its peer is not open yet: nothing was asked of it.
    const tooEarly = error instanceof RemoteError && error.message.includes('no peer is open');
    const known = error instanceof RemoteError && error.outcome === 'not-applied';
    write.state = known || tooEarly ? 'refused' : 'unknown';
    if (!(error instanceof RemoteError) || tooEarly) return;
    if (error.code === undefined || error.outcome === undefined)
      this.faults.push(`${error.code ?? ''} ${error.message}`);
  }

  /**
   * Compares the record with the history that a peer shows and with the state that it reads.
   *
   * @returns what is wrong: a lost write, a revision given twice, a write applied twice or although it was refused, a
   *   torn order
   */
  compare(history: readonly Shown[], entries: readonly (readonly [string, string, number])[]): string[] {
    const found: string[] = [...this.faults];
    const shown = new Map<number, Shown>();
    const revisionOf = new Map<string, number>();
    const lastOf = new Map<string, Shown>();
    let before = 0;
    for (const event of history) {
      const [revision, key, value] = event;
      if (revision <= before) found.push(`revision ${revision} after ${before}`);
      before = revision;
      shown.set(revision, event);
      if (revisionOf.has(value ?? '')) found.push(`${value ?? ''} was applied twice`);
      revisionOf.set(value ?? '', revision);
      lastOf.set(key, event);
    }
    const given = new Set<number>();
    for (const { key, value, state, revision } of this.writes) {
      if (state === 'refused' && revisionOf.has(value)) found.push(`${value} was refused and is there`);
      if (state !== 'acknowledged') continue;
      if (given.has(revision)) found.push(`revision ${revision} was given twice`);
      given.add(revision);
      const [, shownKey, shownValue] = shown.get(revision) ?? [];
      if (shownKey !== key || shownValue !== value) found.push(`lost: ${key}=${value} of revision ${revision}`);
    }
    if (entries.length !== lastOf.size) found.push(`${entries.length} keys, ${lastOf.size} written`);
    for (const [key, value, modRevision] of entries) {
      const [revision, , last] = lastOf.get(key) ?? [];
      if (revision !== modRevision || last !== value) found.push(`${key} reads ${value} of ${modRevision}`);
    }
    return found.slice(0, 20);
  }
}

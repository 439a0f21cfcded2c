import { setTimeout as sleep } from 'node:timers/promises';
import type { EntryJson, ServiceClient } from './service-client.js';

/** Between two attempts to reach the service again. */
const reconnectMs = 100;

/**
 * Follows a prefix through one service and keeps every event by its revision. When the connection breaks it goes on
 * from the next revision, so nothing is missed and nothing comes twice, whatever happened to the service.
 */
export class PrefixWatch {
  readonly events = new Map<number, EntryJson>();
  /** What should never be seen: a revision that is not above the one before, or an event that is no put. */
  readonly faults: string[] = [];
  reconnects = 0;
  /** Why the connection broke last. */
  lastError = '';
  #revision: number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** @param revision where to begin: the first event is of the next one */
  constructor(revision: number) {
    this.#revision = revision;
  }

  /** The last revision that has been seen. */
  get revision(): number {
    return this.#revision;
  }

  start(client: ServiceClient, prefix: string): void {
    this.#running = this.#follow(client, prefix);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #follow(client: ServiceClient, prefix: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const batch of client.watch(prefix, this.#revision + 1, signal)) {
          if (batch.revision <= this.#revision) this.faults.push(`revision ${batch.revision} after ${this.#revision}`);
          this.#revision = batch.revision;
          for (const { type, entry } of batch.events) {
            if (type !== 'put' || this.events.has(batch.revision)) this.faults.push(`${type} of ${entry.key}`);
            this.events.set(batch.revision, entry);
          }
        }
      } catch (error) {
        // The service was killed, or it is not up yet. Whatever else it was, the events that are missing at the end
        // tell.
        this.lastError = String(error);
      }
      if (signal.aborted) return;
      this.reconnects++;
      await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

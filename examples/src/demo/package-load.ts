import { setTimeout as sleep } from 'node:timers/promises';
import { valueOf, type PackageEntry } from './lock-file-entries.js';
import type { PutLedger } from './put-ledger.js';
import type { ServiceClient } from './service-client.js';

interface Service {
  readonly client: ServiceClient;
  restsUntilMs: number;
}

/** A service that could not be reached is left alone for so long. */
const restMs = 300;
/** Between two attempts of one put. */
const retryMs = 20;

/**
 * Puts the packages again and again, pass after pass, with a fixed number of puts in flight, through several services
 * in turn. A put that fails is tried again elsewhere until it is acknowledged.
 */
export class PackageLoad {
  readonly #entries: readonly PackageEntry[];
  readonly #services: readonly Service[];
  readonly #ledger: PutLedger;
  readonly #workers: Promise<void>[] = [];
  #next = 0;
  #stopping = false;

  constructor(entries: readonly PackageEntry[], services: readonly ServiceClient[], ledger: PutLedger) {
    this.#entries = entries;
    this.#services = services.map((client) => ({ client, restsUntilMs: 0 }));
    this.#ledger = ledger;
  }

  /** Rejects only for a fault of the demo itself. */
  start(inFlight: number): Promise<void> {
    for (let i = 0; i < inFlight; i++) this.#workers.push(this.#work(i));
    return Promise.all(this.#workers).then(() => undefined);
  }

  /** No new puts; resolves when those in flight have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled(this.#workers);
  }

  async #work(home: number): Promise<void> {
    while (!this.#stopping) {
      const turn = this.#next++;
      await this.#put(this.#entries[turn % this.#entries.length]!, Math.floor(turn / this.#entries.length) + 1, home);
    }
  }

  async #put(entry: PackageEntry, pass: number, home: number): Promise<void> {
    for (let tries = 0; !this.#stopping; tries++) {
      if (tries > 0) await sleep(retryMs);
      const service = this.#choose(home + tries);
      const attempt = this.#ledger.begin(entry.key, pass);
      const result = await service.client.put(entry.key, valueOf(entry, pass, attempt.id));
      if (result.ok) {
        this.#ledger.acknowledge(attempt, result.revision);
        return;
      }
      this.#ledger.fail(attempt, result.applied);
      // Neither a lost connection nor a fault that may pass: the demo's own mistake, and trying again would hide it.
      if (result.applied === 'no' && !result.retryable)
        throw new Error(`a put of ${entry.key} is refused: ${result.code}`);
      service.restsUntilMs = performance.now() + restMs;
    }
  }

  /** In turn, without those that rest; if all rest, in turn. */
  #choose(turn: number): Service {
    const now = performance.now();
    const awake = this.#services.filter((service) => service.restsUntilMs <= now);
    const choice = awake.length > 0 ? awake : this.#services;
    return choice[turn % choice.length]!;
  }
}

import type { SubmitResult } from '@coterie/raft';
import { encodeEndSession, encodeExpireLeases } from '../command/encode.js';
import type { Logger } from '../kv/logger.js';
import type { MvccStateMachine } from '../machine.js';
import type { Proposer } from '../session/proposer.js';
import { SpaceKeeper } from './space-keeper.js';
import { HistoryKeeper, type HistoryLimits } from './history-keeper.js';

/** How often sessions and history are looked after. */
const performMs = 1_000;
/** How often leases whose time is over are looked for, and so how late their end is proposed. */
const expiryMs = 50;

/** What the upkeep looks at and proposes through: a member of a cluster, or the store of one process. */
export interface UpkeepHost {
  readonly machine: MvccStateMachine;
  readonly proposer: Proposer;
  /** The log time that the next entry would be stamped with; undefined where this process may not stamp. */
  logTimeMs(): number | undefined;
  submit(commands: readonly Uint8Array[]): SubmitResult;
}

/**
 * What whoever stamps the log does for the state: it ends sessions without contact and leases whose time is over,
 * counts for new quotas and lets old history go. All of it is only proposed; apply decides from the replicated state.
 */
export class Upkeep {
  readonly #host: UpkeepHost;
  readonly #history: HistoryKeeper;
  readonly #logger: Logger;
  readonly #historyBytes: number;
  readonly #space: SpaceKeeper;
  #counting = false;
  #raising = false;
  /** What whoever runs it is to call, and how often. */
  readonly duties: readonly { readonly everyMs: number; readonly run: () => void }[] = [
    { everyMs: performMs, run: () => this.perform() },
    { everyMs: expiryMs, run: () => this.endLeases() },
  ];

  constructor(host: UpkeepHost, history: HistoryLimits, logger: Logger) {
    this.#host = host;
    this.#history = new HistoryKeeper(history);
    this.#historyBytes = history.bytes;
    this.#space = new SpaceKeeper(host.machine, logger);
    this.#logger = logger;
  }

  /** Ends some leases each time: many that end at once do so in one entry after the other. */
  endLeases(): void {
    const logTimeMs = this.#host.logTimeMs();
    if (logTimeMs === undefined) return;
    const due = this.#host.machine.takeDueLeases(logTimeMs);
    if (due.length > 0) this.#host.submit([encodeExpireLeases(due)]);
  }

  /** Does nothing for the log where this process does not stamp. */
  perform(): void {
    const { machine, proposer } = this.#host;
    this.#space.look();
    const logTimeMs = this.#host.logTimeMs();
    if (logTimeMs === undefined) {
      // What was sampled under another leader's clock says nothing about ours.
      this.#history.reset();
      return;
    }
    const expired = machine.expiredSessions(logTimeMs);
    if (expired.length > 0) this.#host.submit(expired.map((session) => encodeEndSession(session)));
    void this.#count();
    const must = machine.historyFrom(this.#historyBytes);
    const compactTo = this.#history.sample(logTimeMs, machine.revision, machine.compactRevision, must);
    if (compactTo === undefined) return;
    // Somebody may have compacted further meanwhile; the next sample sees it.
    proposer.write({ kind: 'compact', revision: compactTo }, {}).catch((error: unknown) => {
      this.#logger.debug({ error: String(error) }, 'automatic compaction');
    });
  }

  /** Proposes a level that every member knows; apply looks whether they still are all of them. */
  raiseLevel(level: number, members: readonly number[]): void {
    if (this.#raising) return;
    this.#raising = true;
    this.#host.proposer
      .write({ kind: 'raiseLevel', level, members }, {})
      .catch((error: unknown) => {
        this.#logger.debug({ error: String(error) }, 'raising the feature level');
      })
      .finally(() => {
        this.#raising = false;
      });
  }

  /** One step after the other, until nothing is left to be counted or somebody else stamps. */
  async #count(): Promise<void> {
    if (this.#counting) return;
    this.#counting = true;
    const { machine, proposer } = this.#host;
    try {
      for (let due = machine.quotaCounts(); due.length > 0; due = machine.quotaCounts()) {
        if (this.#host.logTimeMs() === undefined) return;
        await proposer.write(due[0]!, {});
      }
    } catch (error) {
      this.#logger.debug({ error: String(error) }, 'counting for a quota');
    } finally {
      this.#counting = false;
    }
  }
}

import { encodeEndSession } from '@coterie/mvcc';
import type { Logger } from '../options.js';
import { HistoryKeeper, type HistoryLimits } from './history-keeper.js';
import type { Replica } from './replica.js';

/**
 * What a leader does for the cluster: it ends sessions without contact and lets old history go. Both are only proposed;
 * apply decides from the replicated state.
 */
export class LeaderDuties {
  readonly #replica: Replica;
  readonly #history: HistoryKeeper;
  readonly #logger: Logger;

  constructor(replica: Replica, history: HistoryLimits, logger: Logger) {
    this.#replica = replica;
    this.#history = new HistoryKeeper(history);
    this.#logger = logger;
  }

  /** Called about once a second; does nothing where this member does not lead. */
  perform(): void {
    const { node, machine, proposer } = this.#replica;
    const logTimeMs = node.logTimeMs();
    if (logTimeMs === undefined) {
      // What was sampled under another leader's clock says nothing about ours.
      this.#history.reset();
      return;
    }
    const expired = machine.expiredSessions(logTimeMs);
    if (expired.length > 0) node.submit(expired.map((session) => encodeEndSession(session)));
    const compactTo = this.#history.sample(logTimeMs, machine.revision, machine.compactRevision);
    if (compactTo === undefined) return;
    // Somebody may have compacted further meanwhile; the next sample sees it.
    proposer.write({ kind: 'compact', revision: compactTo }, {}).catch((error: unknown) => {
      this.#logger.debug({ error: String(error) }, 'automatic compaction');
    });
  }
}

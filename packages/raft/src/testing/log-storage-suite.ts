import { logBasics } from './log-basics.js';
import { logLives } from './log-lives.js';
import { type LogPlace, LogUser } from './log-user.js';
import { suiteOf, type Register, type Suite } from './suite.js';

/**
 * The conformance suite for a {@link LogStorage}: what raft relies on, tried on the author's own.
 *
 * @param make a new, empty place
 * @param register a runner's `test(name, run)`; left out, the caller runs `suite.tests`
 * @example
 * ```ts
 * import { MemoryLogStorage } from '@coterie/raft';
 * import { logStorageSuite } from '@coterie/raft/testing';
 *
 * const suite = logStorageSuite(async () => {
 *   const log = new MemoryLogStorage({ defer: setImmediate });
 *   return { open: () => log, crash: async () => log.crash() };
 * });
 * for (const { run } of suite.tests) await run();
 * ```
 */
export function logStorageSuite(make: () => Promise<LogPlace>, register?: Register): Suite {
  const run = async (body: (user: LogUser) => Promise<void>): Promise<void> => {
    const place = await make();
    const user = new LogUser(place);
    try {
      await body(user);
      user.claimAnswers();
    } finally {
      await user.log.close();
      await place.dispose?.();
    }
  };
  return suiteOf('log storage', [...logBasics, ...logLives], run, register, '');
}

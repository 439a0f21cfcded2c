import { logBasics } from './log-basics.js';
import { logLives } from './log-lives.js';
import { type LogPlace, LogUser } from './log-user.js';
import type { Suite } from './transport-suite.js';

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
export function logStorageSuite(
  make: () => Promise<LogPlace>,
  register?: (name: string, run: () => Promise<void>) => void,
): Suite {
  const tests = [...logBasics, ...logLives].map(([name, body]) => ({
    name,
    run: async () => {
      const place = await make();
      const user = new LogUser(place);
      try {
        await body(user);
        user.claimAnswers();
      } finally {
        await user.log.close();
        await place.dispose?.();
      }
    },
  }));
  for (const { name, run } of tests) register?.(name, run);
  return { name: 'log storage', tests };
}

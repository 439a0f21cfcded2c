import { CoterieError } from '@coterie/errors';
import type { Clock } from '@coterie/raft';
import type { CallControl } from '../engine/engine.js';
import { throwIfAborted } from '../kv/call-control.js';
import { storageError } from '../files/storage-error.js';

/**
 * Waits until the files of what was compacted are gone, as long as the call may.
 *
 * @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED, ERR_STORAGE, all with outcome 'applied': the compaction
 *   itself is done
 */
export async function physicallyDeleted(
  deleting: Promise<void>,
  clock: Clock,
  { signal, timeoutMs }: CallControl,
): Promise<void> {
  try {
    throwIfAborted(signal);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => end(() => throwIfAborted(signal));
      const onTimeout = (): void =>
        end(() => {
          throw new CoterieError('ERR_TIMEOUT', { message: 'what was compacted was not gone from the disk in time' });
        });
      const timer = timeoutMs === undefined || timeoutMs === 0 ? undefined : clock.setInterval(onTimeout, timeoutMs);
      const end = (check: () => void): void => {
        if (timer !== undefined) clock.clearInterval(timer);
        signal?.removeEventListener('abort', onAbort);
        try {
          check();
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      deleting.then(
        () => end(() => undefined),
        (error: unknown) =>
          end(() => {
            throw error;
          }),
      );
    });
  } catch (cause) {
    const { code, message } = storageError('what was compacted cannot be removed from the disk', cause) as CoterieError;
    throw new CoterieError(code, { message, cause, outcome: 'applied' });
  }
}

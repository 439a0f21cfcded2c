import { CoterieError } from '@coterie/errors';
import type { CallControl, WriteResult } from '@coterie/mvcc';
import type { Deadlines } from './deadlines.js';
import type { Replica } from './replica.js';

/**
 * The result of a compaction; of a physical one when what was compacted is gone from this member's disk.
 *
 * @throws CoterieError ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED, ERR_STORAGE, all with outcome 'applied': the compaction
 *   itself is done
 */
export async function deleted(
  { revision, physical }: { readonly revision: number; readonly physical?: boolean },
  done: Promise<WriteResult>,
  { machine }: Replica,
  deadlines: Deadlines,
  control: CallControl,
  requestTimeoutMs: number,
): Promise<WriteResult> {
  const result = await done;
  if (physical !== true) return result;
  try {
    return await deadlines.run<WriteResult>('the deletion', control, requestTimeoutMs, (resolve, reject) => {
      machine.deleteCompacted(revision).then(() => resolve(result), reject);
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error;
    const { code, message } = error;
    throw new CoterieError(code, { message, cause: error, outcome: 'applied' });
  }
}

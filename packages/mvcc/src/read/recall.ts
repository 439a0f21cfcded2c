import { CoterieError, invariant } from '@coterie/errors';
import { changedStore } from '../command/kept-form.js';
import type { KeyRequest, WriteRequest, WriteResult } from '../command/operation.js';
import { isSetting } from '../command/request-codec.js';
import type { Store } from '../store/store.js';
import type { BinaryKey, KeyedRecord, KeyRange, KeyRecord, StoreView } from '../store/types.js';
import type { LeaseView, TxnState } from '../txn/execution.js';
import { execute } from '../txn/executor.js';
import { wants } from '../txn/wants.js';
import { makesLeases, recalledLeases } from './recalled-leases.js';
import type { ReadPosition } from './reads.js';

const pageBytes = 256 * 1024;

/**
 * The whole result of a command that was applied, from what its session keeps of it.
 *
 * Execution is pure: on the state before the command, at one revision less if it made one, the same request gives the
 * same result again, with the entries that it returned. That state is read from history.
 *
 * @throws CoterieError ERR_RESULT_GONE with outcome 'applied' when history does not reach back so far any more
 */
export async function recall(
  store: Pick<Store, 'view' | 'viewAt'>,
  position: ReadPosition,
  request: WriteRequest,
  kept: WriteResult,
): Promise<WriteResult> {
  // A setting returns no entries: what is kept of it is all there is.
  if (isSetting(request)) return kept;
  const revision = kept.revision - (changedStore(kept) ? 1 : 0);
  let view: StoreView;
  try {
    if (revision < position.compactRevision) throw gone(revision);
    view = revision === position.revision ? store.view() : await store.viewAt(revision);
  } catch (error) {
    throw gone(revision, error);
  }
  try {
    const state = await load(view, request, position.compactRevision, await leasesOf(store, position, request, kept));
    const { outcome } = execute(request, state);
    invariant(outcome.kind === kept.kind && outcome.revision === kept.revision, 'a command has one result', {
      kept: kept.revision,
    });
    return outcome;
  } finally {
    await view.close();
  }
}

/** What the request needs of leases; only for those of keys' own is the state behind it read. */
async function leasesOf(
  store: Pick<Store, 'view' | 'viewAt'>,
  position: ReadPosition,
  request: WriteRequest,
  kept: WriteResult,
): Promise<LeaseView> {
  const { revision } = kept;
  const after = !makesLeases(request) || revision === position.revision ? store.view() : await store.viewAt(revision);
  try {
    return await recalledLeases(request, after);
  } finally {
    await after.close();
  }
}

/** What the request reads, out of a view into memory. */
async function load(
  view: StoreView,
  request: KeyRequest,
  compactRevision: number,
  leases: LeaseView,
): Promise<TxnState> {
  const wanted = wants(request);
  const records = new Map<BinaryKey, KeyRecord | undefined>();
  for (const key of wanted.keys) records.set(key, await view.get(key));
  const ranges = new Map<KeyRange, readonly KeyedRecord[]>();
  for (const { range, limit } of wanted.ranges) ranges.set(range, await scanned(view, range, limit));
  return {
    revision: view.revision,
    compactRevision,
    logTimeMs: 0,
    leases,
    lookup: (key) => records.get(key),
    scan: (range, limit) => {
      const found = ranges.get(range);
      invariant(found !== undefined, 'a request reads the ranges that it wants');
      return found.slice(0, limit);
    },
  };
}

async function scanned(view: StoreView, range: KeyRange, limit: number): Promise<readonly KeyedRecord[]> {
  const found: KeyedRecord[] = [];
  for await (const page of view.scan({ range, reverse: false, pageBytes })) {
    found.push(...page);
    if (found.length >= limit) break;
  }
  return found;
}

function gone(revision: number, cause?: unknown): CoterieError {
  return new CoterieError('ERR_RESULT_GONE', {
    message: `the write was applied; revision ${revision}, which its result is read from, is not kept any more`,
    outcome: 'applied',
    ...(cause === undefined ? undefined : { cause }),
  });
}

import type { WatchRequest } from '@coterie/mvcc';
import type { SeenBatch, SeenEvent, WatchSession } from '../clients/sim-watchers.js';
import type { Change, ChangeLog } from './change-log.js';

type Report = (problem: string) => void;

/**
 * The nine promises of a watch, as etcd's robustness tests name them, for every connection of every watcher: Filter,
 * Ordered, Unique, Atomic, Bookmarkable, Resumable, IsCreate, Reliable, PrevKV.
 */
export function checkWatches(sessions: readonly WatchSession[], log: ChangeLog, report: Report): void {
  for (const session of sessions)
    checkSession(session, log, (problem) => report(`watch: at ${session.member} ${problem}`));
}

function checkSession({ request, batches, ended }: WatchSession, log: ChangeLog, report: Report): void {
  const [opened] = batches;
  if (opened === undefined) {
    checkEnd(ended, request.fromRevision ?? 1, 0, report);
    return;
  }
  if (opened.kind !== 'opened') report(`begins with ${opened.kind}`);
  // Resumable: from the revision that was asked for.
  const from = opened.revision + 1;
  if (request.fromRevision !== undefined && from !== request.fromRevision)
    report(`Resumable: was asked for ${request.fromRevision} on and begins at ${from}`);
  checkInitial(request, batches, opened.revision, log, report);
  const changes = batches.filter((batch) => batch.kind === 'change');
  checkOrder(changes, report);
  for (const batch of changes) checkBatch(request, batch, log, report);
  checkComplete(request, batches, from, ended, log, report);
  checkEnd(ended, from, batches.at(-1)!.revision, report);
  if (ended?.code === 'ERR_WATCH_OVERFLOW' && request.overflow !== 'error')
    report(`Reliable: overflowed, and was to go on from the store`);
}

/** A revision comes once, whole (Atomic), later than the one before (Ordered), no key in it twice (Unique). */
function checkOrder(changes: readonly SeenBatch[], report: Report): void {
  let last = 0;
  for (const { revision, events } of changes) {
    if (revision === last) report(`Atomic: revision ${revision} came in two parts`);
    if (revision < last) report(`Ordered: revision ${revision} came after ${last}`);
    last = revision;
    if (new Set(events.map(({ change }) => change.key)).size !== events.length)
      report(`Unique: revision ${revision} shows a key twice`);
  }
}

function checkBatch(request: WatchRequest, { revision, events }: SeenBatch, log: ChangeLog, report: Report): void {
  const truth = log.at(revision);
  for (const { change, prev } of events) {
    const { key } = change;
    if (!wanted(request, change)) report(`Filter: shows ${key} at ${revision}, which was not asked for`);
    const real = truth.find((each) => each.key === key);
    if (real?.value !== change.value) report(`Reliable: shows another change of ${key} at ${revision}`);
    else if (real?.createRevision !== change.createRevision || real.version !== change.version)
      report(`IsCreate: shows version ${change.version} of ${change.createRevision} for ${key} at ${revision}`);
    if (request.prev) checkPrev(key, revision, prev, log, report);
    else if (prev !== null) report(`Filter: shows the entry of ${key} before ${revision}, which was not asked for`);
  }
  const order = truth.filter((change) => wanted(request, change)).map(({ key }) => key);
  const shown = events.map(({ change }) => change.key);
  // Missing and strange ones have been reported: this is about those that are right.
  if (shown.length === order.length && shown.some((key, at) => key !== order[at]))
    report(`Ordered: the changes of revision ${revision} came in another order`);
}

function checkPrev(key: string, revision: number, prev: SeenEvent['prev'], log: ChangeLog, report: Report): void {
  const before = log.state(key, revision - 1);
  if (prev?.value !== before?.value || prev?.modRevision !== before?.revision)
    report(`PrevKV: shows another entry of ${key} before ${revision}`);
}

/** Nothing that was asked for is missing up to the last revision that was told, by a change or by a bookmark. */
function checkComplete(
  request: WatchRequest,
  batches: readonly SeenBatch[],
  from: number,
  ended: WatchSession['ended'],
  log: ChangeLog,
  report: Report,
): void {
  let next = from;
  for (const { kind, revision, events } of batches) {
    if (kind !== 'change' && kind !== 'progress') continue;
    if (kind === 'progress' && !request.progress) report(`Filter: shows a bookmark that was not asked for`);
    // What comes again after a bookmark, or lies before the beginning, makes whoever goes on there see it twice.
    if (kind === 'change' && revision < next)
      report(`Unique: shows ${revision} where everything before ${next} was told`);
    const before = kind === 'change' ? revision : revision + 1;
    for (; next < before; next++) {
      if (!log.at(next).some((change) => wanted(request, change))) continue;
      report(
        `${kind === 'change' ? 'Reliable' : 'Bookmarkable'}: revision ${next} is missing before ${kind} ${revision}`,
      );
      return;
    }
    if (kind !== 'change') continue;
    const due = log.at(revision).filter((change) => wanted(request, change)).length;
    if (events.length !== due) report(`Atomic: ${events.length} of ${due} changes of revision ${revision} are shown`);
    next = Math.max(next, revision + 1);
  }
  if (ended?.code !== 'ERR_WATCH_OVERFLOW') return;
  for (; next <= ended.revision; next++) {
    if (!log.at(next).some((change) => wanted(request, change))) continue;
    report(`Bookmarkable: revision ${next} is missing before the overflow at ${ended.revision}`);
    return;
  }
}

/** With `initial`: the state at the opening, whole, before any change. */
function checkInitial(
  request: WatchRequest,
  batches: readonly SeenBatch[],
  revision: number,
  log: ChangeLog,
  report: Report,
): void {
  const synced = batches.findIndex((batch) => batch.kind === 'synced');
  const initial = batches.filter((batch) => batch.kind === 'initial' || batch.kind === 'synced');
  if (!request.initial) {
    if (initial.length > 0) report(`Filter: shows an initial state that was not asked for`);
    return;
  }
  if (synced < 0) return;
  const firstChange = batches.findIndex((batch) => batch.kind === 'change');
  if (firstChange >= 0 && firstChange < synced) report(`Ordered: a change came before the initial state was whole`);
  const shown = new Map(initial.flatMap(({ events }) => events).map(({ change }) => [change.key, change]));
  for (const key of log.keys) {
    const truth = log.state(key, revision);
    const due = truth !== undefined && wanted(request, truth) ? truth : undefined;
    if (shown.get(key)?.value !== due?.value || shown.get(key)?.version !== due?.version)
      report(`Reliable: the initial state at ${revision} shows another ${key}`);
  }
}

function checkEnd(ended: WatchSession['ended'], from: number, last: number, report: Report): void {
  if (ended === undefined) return;
  if (ended.code === 'ERR_COMPACTED' && Math.max(from, last + 1) >= ended.revision)
    report(`Resumable: ended as compacted at ${ended.revision}, it stood at ${Math.max(from, last + 1)}`);
  if (ended.code === 'ERR_WATCH_OVERFLOW' && last > ended.revision)
    report(`Bookmarkable: overflowed at ${ended.revision} after it had shown ${last}`);
}

function wanted(request: WatchRequest, change: Change): boolean {
  const { only } = request;
  if (only !== undefined && (only === 'put') !== (change.value !== undefined)) return false;
  return inRanges(request, change.key);
}

function inRanges({ ranges }: Pick<WatchRequest, 'ranges'>, key: string): boolean {
  return ranges.some(({ start, end }) => key >= start && (end === undefined || key < end));
}

import type { ClientHistory, ClientRead, ClientWrite } from '../clients/client-history.js';
import type { SimMember } from '../sim-member.js';
import type { ChangeLog } from './change-log.js';

type Report = (problem: string) => void;

/**
 * Holds what the clients saw against all changes of the run.
 *
 * Every answer names a revision, and the changes give the state at each revision, so the search for an order that
 * explains the history, which makes linearizability expensive to check, is not needed: the order is given. What remains
 * is that every answer is true of its revision, and that the revisions respect the order of time. Both together are
 * strict serializability of everything, which is more than linearizability of each key.
 */
export function checkHistory(history: ClientHistory, log: ChangeLog, report: Report): void {
  for (const write of history.writes) checkWrite(write, log, report);
  for (const read of history.linearizableReads) checkRead(read, log, report);
  for (const read of history.otherReads) checkRead(read, log, report);
  checkTime(history, log, report);
  checkOrderOfProcesses(history, log, report);
  checkCounters(history, log, report);
}

/** Where a write took effect; 0: nowhere that shows. */
function madeAt(write: ClientWrite, log: ChangeLog): number {
  if (write.state === 'acked') return write.changed === true ? write.revision : 0;
  return write.value === undefined ? 0 : (log.puts(write.value)[0]?.revision ?? 0);
}

function checkWrite(write: ClientWrite, log: ChangeLog, report: Report): void {
  const { kind, key, value, state, revision } = write;
  if (value !== undefined) {
    const times = log.puts(value).length / (kind === 'pair' ? 2 : 1);
    if (times > 1) report(`exactly once: the ${kind} of ${key} was applied ${times} times`);
    if (times > 0 && state === 'refused') report(`exactly once: the ${kind} of ${key} was refused and applied`);
  }
  if (state !== 'acked') return;
  if (write.prev !== undefined) {
    const before = log.state(key, revision - 1)?.value ?? null;
    const told = write.changed === true ? write.prev : null;
    if (write.changed === true && told !== before)
      report(`previous value: the ${kind} of ${key} at ${revision} was told another`);
  }
  if (kind === 'swap') checkSwap(write, log, report);
  if (write.changed !== true) {
    if (kind === 'delete' && log.state(key, revision) !== undefined)
      report(`lost: a delete found nothing at ${revision}, where ${key} is`);
    return;
  }
  const changes = log.at(revision);
  const shows = (at: string): boolean =>
    changes.some(
      (change) => change.key === at && (kind === 'add' ? Number(change.value) === write.total : change.value === value),
    );
  if (!shows(key) || (kind === 'pair' && !shows(key.replace('pair/', 'twin/')))) {
    report(`lost: the ${kind} of ${key} was acknowledged at revision ${revision} and is not there`);
  }
}

function checkSwap({ key, expected, changed, revision }: ClientWrite, log: ChangeLog, report: Report): void {
  const found = log.state(key, changed === true ? revision - 1 : revision)?.revision ?? 0;
  if ((found === expected) !== changed) {
    report(
      `compare: a swap of ${key} expected revision ${expected}, found ${found}, changed it: ${changed} at ${revision}`,
    );
  }
}

function checkRead(read: ClientRead, log: ChangeLog, report: Report): void {
  const { key, revision, consistency, seen } = read;
  const name = `${consistency} read`;
  const keys = read.range ? [...log.keys].filter((each) => each.startsWith(key)) : [key];
  let there = 0;
  for (const each of keys) {
    const truth = log.state(each, revision);
    if (truth !== undefined) there++;
    const shown = seen.find((entry) => entry.key === each);
    if (shown?.value === truth?.value && shown?.modRevision === truth?.revision) continue;
    report(
      `${name}: ${each} at ${revision} is that of ${truth?.revision ?? 'nobody'}, shown was that of ${shown?.modRevision ?? 'nobody'}`,
    );
  }
  if (seen.length !== there) report(`${name}: a range shows ${seen.length} keys at ${revision}, there are ${there}`);
  // Of a process, whatever it is asked: it shows no earlier state than it has shown.
  if (revision < read.shownBefore)
    report(`${name}: ${read.member.name} shows ${revision} after it has shown ${read.shownBefore}`);
}

/** What begins after something has ended comes after it. */
function checkTime(history: ClientHistory, log: ChangeLog, report: Report): void {
  const fresh = [...history.linearizableReads, ...history.otherReads.filter((r) => r.consistency === 'lease')];
  const begun: { readonly at: number; readonly revision: number; readonly name: string; readonly made: boolean }[] = [];
  const ended: { readonly at: number; readonly revision: number }[] = [];
  for (const read of history.otherReads) ended.push({ at: read.end, revision: read.revision });
  for (const read of history.linearizableReads) ended.push({ at: read.end, revision: read.revision });
  for (const { start, revision, consistency } of fresh)
    begun.push({ at: start, revision, name: `stale ${consistency} read`, made: false });
  for (const write of history.writes) {
    if (write.state === 'acked') ended.push({ at: write.end, revision: write.revision });
    const made = madeAt(write, log);
    if (made > 0) begun.push({ at: write.start, revision: made, name: `order of time: a ${write.kind}`, made: true });
    else if (write.state === 'acked' && write.kind !== 'compact')
      begun.push({ at: write.start, revision: write.revision, name: `order of time: a ${write.kind}`, made: false });
  }
  begun.sort((a, b) => a.at - b.at);
  ended.sort((a, b) => a.at - b.at);
  let floor = 0;
  let next = 0;
  for (const { at, revision, name, made } of begun) {
    for (; next < ended.length && ended[next]!.at < at; next++) floor = Math.max(floor, ended[next]!.revision);
    if (made ? revision <= floor : revision < floor)
      report(`${name}: one of revision ${revision} began when ${floor} had been seen already`);
  }
}

/** Writes of one process apply in the order in which it issued them, awaited or not. */
function checkOrderOfProcesses(history: ClientHistory, log: ChangeLog, report: Report): void {
  const last = new Map<SimMember, number>();
  for (const write of history.writes) {
    const made = madeAt(write, log);
    if (made === 0) continue;
    const before = last.get(write.member) ?? 0;
    if (made <= before)
      report(
        `order of a process: ${write.member.name} issued the write of ${write.key} at ${made} after that at ${before}`,
      );
    last.set(write.member, made);
  }
}

/** Every acknowledged addition counted once: totals are distinct, and the last lies between certain and possible. */
function checkCounters(history: ClientHistory, log: ChangeLog, report: Report): void {
  const adds = history.writes.filter((w) => w.kind === 'add');
  for (const key of new Set(adds.map((w) => w.key))) {
    const of = adds.filter((w) => w.key === key);
    const acked = of.filter((w) => w.state === 'acked');
    const totals = new Set(acked.map((w) => w.total));
    if (totals.size !== acked.length)
      report(`exactly once: ${acked.length} additions to ${key} returned ${totals.size} different totals`);
    const final = Number(log.of(key).at(-1)?.value ?? 0);
    const possible = of.filter((w) => w.state !== 'refused').length;
    if (final < acked.length || final > possible) {
      report(
        `exactly once: ${key} is ${final}; ${acked.length} additions were acknowledged, ${possible} may have been made`,
      );
    }
  }
}

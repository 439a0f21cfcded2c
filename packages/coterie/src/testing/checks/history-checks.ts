import type { ClientHistory, ClientWrite } from '../clients/sim-clients.js';

/** One change as a watch from the first revision shows it. */
export interface SeenChange {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
}

/** What must hold of the clients' history, against all changes as a watch from the first revision shows them. */
export function checkHistory(
  history: ClientHistory,
  changes: readonly SeenChange[],
  report: (problem: string) => void,
): void {
  const byRevision = new Map<number, SeenChange[]>();
  let last = 0;
  for (const change of changes) {
    if (change.revision < last) report(`the watch went back from revision ${last} to ${change.revision}`);
    last = change.revision;
    const at = byRevision.get(change.revision);
    if (at === undefined) byRevision.set(change.revision, [change]);
    else at.push(change);
  }
  for (const write of history.writes) {
    if (write.state === 'acked' && write.kind === 'put') checkAckedPut(write, byRevision, report);
  }
  checkOnce(history, changes, report);
  checkCounters(history, changes, report);
}

function checkAckedPut(
  write: ClientWrite,
  byRevision: ReadonlyMap<number, readonly SeenChange[]>,
  report: (problem: string) => void,
): void {
  const found = byRevision.get(write.revision!)?.some((c) => c.key === write.key && c.value === write.value) === true;
  if (!found) report(`lost: the put of ${write.key} was acknowledged at revision ${write.revision} and is not there`);
}

/** Values are unique: one that shows twice was applied twice; one whose write was refused must not show at all. */
function checkOnce(history: ClientHistory, changes: readonly SeenChange[], report: (problem: string) => void): void {
  const times = new Map<string, number>();
  for (const { key, value } of changes) {
    if (value !== undefined) times.set(`${key}=${value}`, (times.get(`${key}=${value}`) ?? 0) + 1);
  }
  for (const write of history.writes) {
    if (write.kind !== 'put') continue;
    const count = times.get(`${write.key}=${write.value}`) ?? 0;
    if (count > 1) report(`applied ${count} times: the put of ${write.key}`);
    if (count > 0 && write.state === 'refused') report(`applied although refused: the put of ${write.key}`);
  }
}

/**
 * Every acknowledged addition of one counted once: totals are distinct, and the last lies between the certain and the
 * possible.
 */
function checkCounters(
  history: ClientHistory,
  changes: readonly SeenChange[],
  report: (problem: string) => void,
): void {
  for (const key of new Set(history.writes.filter((w) => w.kind === 'add').map((w) => w.key))) {
    const adds = history.writes.filter((w) => w.kind === 'add' && w.key === key);
    const acked = adds.filter((w) => w.state === 'acked');
    const totals = new Set(acked.map((w) => w.total));
    if (totals.size !== acked.length)
      report(`${key}: ${acked.length} additions returned ${totals.size} different totals`);
    const final = Number(changes.findLast((c) => c.key === key)?.value ?? 0);
    const possible = adds.filter((w) => w.state !== 'refused').length;
    if (final < acked.length || final > possible) {
      report(`${key} is ${final}: ${acked.length} additions were acknowledged, ${possible} may have been made`);
    }
  }
}

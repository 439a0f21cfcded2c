import { setTimeout as sleep } from 'node:timers/promises';
import { clearProgress, showProgress } from '../load/show-progress.js';
import type { LoadOptions, Mark, Progress } from '../load/worker-messages.js';
import type { Worker } from '../load/worker.js';
import { settled } from '../commit/measure-row.js';
import { table, type MicroRow, type Suite, type SuiteOptions } from '../suite.js';
import { coterie } from '../systems/coterie.js';
import type { Spent } from './budget.js';
import { stageNames } from './stages.js';
import { mainThread, threadKinds } from './thread-times.js';

const defaultClients = [64];
const keys = 100_000;
const valueBytes = 256;
const pollMs = 500;
/** A cluster that checkpoints more seldom is measured all the same, with a note. */
const checkpointsMsMax = 180_000;

/** Where the processor time of a put goes, on the leader and on a follower, with the load of the suite `commit`. */
export const budgetSuite: Suite = {
  summary: 'processor time of a put by stage, on leader and follower',
  cases: [],
  systems: [],
  async run(options) {
    const rows: MicroRow[] = [];
    for (const clients of options.clients ?? defaultClients) rows.push(...(await measure(clients, options)));
    return { keys, valueBytes, rows };
  },
};

async function measure(clients: number, { folder, signal, quick, print }: SuiteOptions): Promise<readonly MicroRow[]> {
  const running = await coterie.start({ folder: `${folder}/${clients}`, signal });
  try {
    const members = await running.loaders();
    await members[0]!.call({ type: 'fill', fill: { keys, valueBytes } });
    await settled(members, signal);
    const load: LoadOptions = { clients, keys, valueBytes };
    await members[0]!.call({ type: 'load', load });
    await checkpoints(members, 1, { signal, print });
    await running.mark();
    await each(members, (member) => member.call({ type: 'budget', end: false }));
    await checkpoints(members, quick ? 1 : 3, { signal, print });
    const spent = await each(members, (member) => member.call<Spent>({ type: 'budget', end: true }));
    const { leader } = await running.mark();
    await members[0]!.call({ type: 'unload' });
    print(budgetTable(spent, leader, clients));
    return toRows(spent, leader, clients);
  } finally {
    await running.close();
  }
}

const each = <T>(members: readonly Worker[], act: (member: Worker) => Promise<T>): Promise<T[]> =>
  Promise.all(members.map(act));

/** Waits until every member has made so many more: where time goes differs over the life of a checkpoint. */
async function checkpoints(
  members: readonly Worker[],
  more: number,
  { signal, print }: Pick<SuiteOptions, 'signal' | 'print'>,
): Promise<void> {
  const progress = (): Promise<Progress[]> => each(members, (member) => member.call<Progress>({ type: 'progress' }));
  const before = await progress();
  const begun = performance.now();
  for (;;) {
    await sleep(pollMs, undefined, { signal });
    const now = await progress();
    const ms = performance.now() - begun;
    const made = Math.min(...now.map((one, i) => one.checkpoints - before[i]!.checkpoints));
    showProgress(ms, now.slice(0, 1), made);
    if (made < more && ms < checkpointsMsMax) continue;
    clearProgress();
    if (made < more) print(`  ${made} of ${more} checkpoints within ${checkpointsMsMax / 1000} s`);
    return;
  }
}

const shownRows: readonly string[] = [...stageNames, ...threadKinds.filter((kind) => kind !== mainThread)];

/** A follower's figures are the mean of both. */
function perPut(spent: readonly Spent[], { puts }: Mark): readonly (readonly [string, number, number])[] {
  const [leader, ...followers] = spent;
  const mean = (row: string): number => followers.reduce((sum, one) => sum + (one[row] ?? 0), 0) / followers.length;
  return shownRows.map((row) => [row, (leader![row] ?? 0) / puts, mean(row) / puts]);
}

function budgetTable(spent: readonly Spent[], mark: Mark, clients: number): string {
  const rows = perPut(spent, mark);
  const sum = (of: 1 | 2): number => rows.reduce((total, row) => total + row[of], 0);
  const title = `${clients} clients, ${Math.round((mark.puts * 1000) / mark.ms)} puts/s: µs of processor time a put`;
  const lines = [...rows, ['all', sum(1), sum(2)] as const];
  return table([
    [title, 'leader', 'a follower'],
    ...lines.map(([row, leader, follower]) => [row, leader.toFixed(2), follower.toFixed(2)]),
  ]);
}

function toRows(spent: readonly Spent[], mark: Mark, clients: number): readonly MicroRow[] {
  const opsPerSec = (mark.puts * 1000) / mark.ms;
  return perPut(spent, mark).flatMap(([stage, leader, follower]) => [
    { case: `${clients} clients, leader: ${stage}`, system: coterie.name, opsPerSec, usPerOp: leader },
    { case: `${clients} clients, follower: ${stage}`, system: coterie.name, opsPerSec, usPerOp: follower },
  ]);
}

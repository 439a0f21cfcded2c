import { setTimeout as sleep } from 'node:timers/promises';
import { digested } from '../load/digested.js';
import { clearProgress, showProgress } from '../load/show-progress.js';
import type { LoadOptions, Mark, Progress } from '../load/worker-messages.js';
import type { Worker } from '../load/worker.js';
import { sumOfCodes, type Row } from '../row.js';
import type { RunningSystem, System, SystemMark } from '../systems/system.js';

/** One row to measure. */
export interface Cell {
  readonly case: string;
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Clients in every process that can carry them, instead of the first one. */
  readonly spread?: boolean;
  readonly perSecond?: number;
  /** Derivations of passwords on the leader meanwhile. */
  readonly burn?: number;
}

/** How long a row takes. */
export interface Pace {
  readonly warmUpMs: number;
  readonly minMs: number;
  /** Checkpoints that every member is to make in a row, within `maxMs`. */
  readonly minCheckpoints: number;
  readonly maxMs: number;
}

const progressEveryMs = 500;

/** Puts load on a running system for a row. */
export async function measureRow(
  system: System,
  running: RunningSystem,
  cell: Cell,
  pace: Pace,
  signal: AbortSignal,
): Promise<Row> {
  const all = await running.loaders();
  const loaders = cell.spread === true ? all : all.slice(0, 1);
  await begin(loaders, cell);
  if (cell.burn !== undefined) await all[0]!.call({ type: 'burn', jobs: cell.burn });
  await sleep(pace.warmUpMs, undefined, { signal });
  const before = await running.mark();
  const note = await untilDone(all, loaders, before, pace, signal);
  const after = await running.mark();
  if (cell.burn !== undefined) await all[0]!.call({ type: 'relax' });
  await Promise.all(loaders.map((worker) => worker.call({ type: 'unload' })));
  return toRow(system, cell, loaders.length, before, after, note);
}

/** Waits until a system has digested what was filled in. */
export async function settled(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  await digested(async () => {
    const progress = await Promise.all(workers.map((worker) => worker.call<Progress>({ type: 'progress' })));
    return progress.map(({ cpuMicros }) => cpuMicros);
  }, signal);
}

async function begin(loaders: readonly Worker[], { clients, keys, valueBytes, perSecond }: Cell): Promise<void> {
  const share = (of: number, i: number): number =>
    Math.floor((of * (i + 1)) / loaders.length) - Math.floor((of * i) / loaders.length);
  await Promise.all(
    loaders.map((worker, i) => {
      const rate = perSecond === undefined ? {} : { perSecond: perSecond / loaders.length };
      const load: LoadOptions = { clients: share(clients, i), keys, valueBytes, ...rate };
      return worker.call({ type: 'load', load });
    }),
  );
}

/** @returns what is to be said of a row that ends before its checkpoints */
async function untilDone(
  all: readonly Worker[],
  loaders: readonly Worker[],
  { checkpoints }: SystemMark,
  { minMs, minCheckpoints, maxMs }: Pace,
  signal: AbortSignal,
): Promise<string | undefined> {
  const begun = performance.now();
  for (;;) {
    await sleep(progressEveryMs, undefined, { signal });
    const progress = await Promise.all(all.map((worker) => worker.call<Progress>({ type: 'progress' })));
    const ms = performance.now() - begun;
    const made = Math.min(...progress.map((one) => one.checkpoints));
    showProgress(ms, progress.slice(0, loaders.length), made);
    const enough = checkpoints === undefined || made >= minCheckpoints;
    if ((ms < minMs || !enough) && ms < maxMs) continue;
    clearProgress();
    return enough ? undefined : `${made} of ${minCheckpoints} checkpoints within ${maxMs / 1000} s`;
  }
}

function toRow(
  system: System,
  cell: Cell,
  loaded: number,
  before: SystemMark,
  after: SystemMark,
  note: string | undefined,
): Row {
  const marks = after.loaders.slice(0, loaded);
  const puts = marks.reduce((sum, mark) => sum + mark.puts, 0);
  const perPut = (n: number): number => n / Math.max(1, puts);
  // Histograms do not cross processes: of clients that are spread the slowest process counts.
  const worst = (of: (mark: Mark) => number): number => Math.max(...marks.map(of));
  const codes = sumOfCodes(marks.map(({ errors }) => errors));
  const { leader, checkpoints, rssBytes } = after;
  const { walSyncs, levelOps, backlogBytes } = leader.counts;
  return {
    case: cell.case,
    system: system.name,
    clients: cell.clients,
    members: system.members,
    valueBytes: cell.valueBytes,
    keys: cell.keys,
    seconds: leader.ms / 1000,
    opsPerSec: marks.reduce((sum, mark) => sum + (mark.puts * 1000) / mark.ms, 0),
    ...(cell.perSecond === undefined ? {} : { offeredPerSec: cell.perSecond }),
    p50Us: worst((mark) => mark.p50Us),
    p99Us: worst((mark) => mark.p99Us),
    p999Us: worst((mark) => mark.p999Us),
    maxUs: worst((mark) => mark.maxUs),
    errors: Object.values(codes).reduce((sum, n) => sum + n, 0),
    ...(Object.keys(codes).length === 0 ? {} : { errorCodes: codes }),
    ...(walSyncs === undefined ? {} : { syncs: walSyncs, opsPerSync: puts / Math.max(1, walSyncs) }),
    cpuUsPerOp: perPut(after.cpuMicros),
    leaderCpuUsPerOp: perPut(leader.cpuMicros),
    ...(levelOps === undefined ? {} : { levelOpsPerOp: perPut(levelOps) }),
    ...(checkpoints === undefined ? {} : { checkpoints }),
    ...(backlogBytes === undefined ? {} : { backlogBytes: backlogBytes - (before.leader.counts.backlogBytes ?? 0) }),
    loopStallMs: leader.loopStallMs,
    ...(rssBytes === undefined ? {} : { rssMiB: rssBytes / 2 ** 20 }),
    ...(note === undefined ? {} : { note }),
  };
}

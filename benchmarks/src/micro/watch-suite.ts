import { openPeer, type Peer, type Watch } from 'coterie';
import { table, type MicroRow, type Suite, type SuiteOptions } from '../suite.js';

const system = 'coterie, one peer in memory';
const idleWatches = 100_000;
/** Watches that are opened, pulled or closed before timers and sockets are let in. */
const slice = 100;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** The longest time for which the event loop came round to nobody else, while `work` ran. */
async function longestStall(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let over = false;
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  await work();
  await turn();
  over = true;
  return longest;
}

async function inSlices(count: number, step: (at: number) => void): Promise<void> {
  for (let at = 0; at < count; at++) {
    step(at);
    if (at % slice === slice - 1) await turn();
  }
}

/** Microseconds of processor time and of the clock. */
async function timed(work: () => Promise<void>): Promise<{ readonly us: number; readonly cpuUs: number }> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await work();
  const used = process.cpuUsage(cpu);
  return { us: (performance.now() - begun) * 1e3, cpuUs: used.user + used.system };
}

function row(name: string, us: number, note: string): MicroRow {
  return { case: name, system, opsPerSec: 1e6 / us, usPerOp: us, note };
}

/** One put a round, until all watchers of its key have it. */
async function fanOut(peer: Peer, watchers: number, rounds: number): Promise<MicroRow> {
  const watches: Watch[] = [];
  await inSlices(watchers, () => void watches.push(peer.watch('hot')));
  await Promise.all(watches.map(({ ready }) => ready));
  let stall = 0;
  let us = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const told: Promise<unknown>[] = [];
    await inSlices(watchers, (at) => void told.push(watches[at]!.next()));
    const one = await timed(async () => {
      stall = Math.max(
        stall,
        await longestStall(async () => {
          await peer.put('hot', 'x'.repeat(256));
          await Promise.all(told);
        }),
      );
    });
    us = Math.min(us, one.us);
  }
  await inSlices(watchers, (at) => void watches[at]!.close());
  return row(`fan-out to ${watchers.toLocaleString('en-US')}`, us, `best put; longest stall ${stall.toFixed(1)} ms`);
}

async function puts(peer: Peer, name: string, count: number): Promise<MicroRow> {
  const { us, cpuUs } = await timed(async () => {
    for (let at = 0; at < count; at += 64) {
      await Promise.all(Array.from({ length: 64 }, (_, i) => peer.put(`other/${(at + i) % 1000}`, 'x'.repeat(256))));
    }
  });
  return row(name, us / count, `64 at once; ${(cpuUs / count).toFixed(1)} µs of processor time`);
}

async function run({ quick, signal, print }: SuiteOptions): Promise<{ readonly rows: readonly MicroRow[] }> {
  const rows: MicroRow[] = [];
  const peer = await openPeer({ name: 'bench', cluster: { id: 'bench', solo: true } });
  const count = quick ? 12_800 : 64_000;
  try {
    for (const watchers of [1, 100, 10_000]) {
      signal.throwIfAborted();
      rows.push(await fanOut(peer, watchers, quick ? 5 : 30));
    }
    await puts(peer, 'warming up', count);
    rows.push(await puts(peer, 'put without watches', count));
    const watches: Watch[] = [];
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const opened = await longestStall(() =>
      inSlices(idleWatches, (at) => {
        const watch = peer.watch(`idle/${at}`);
        watches.push(watch);
        // Ends with the watch.
        void watch.next();
      }),
    );
    globalThis.gc?.();
    const bytes = (process.memoryUsage().heapUsed - before) / idleWatches;
    signal.throwIfAborted();
    rows.push(await puts(peer, `put beside ${idleWatches.toLocaleString('en-US')} idle watches`, count));
    const closed = await longestStall(() => inSlices(idleWatches, (at) => void watches[at]!.close()));
    print(`an idle watch holds ${bytes.toFixed(0)} B${globalThis.gc === undefined ? ' (not collected first)' : ''}`);
    print(`longest stall while they are opened ${opened.toFixed(1)} ms, closed ${closed.toFixed(1)} ms`);
  } finally {
    await peer.close();
  }
  const lines = rows.map((each) => [each.case, each.usPerOp.toFixed(1), each.note ?? '']);
  print(table([['', 'µs/op', ''], ...lines]));
  return { rows };
}

/** What watches cost those who write, and how soon very many are told. */
export const watchSuite: Suite = {
  summary: 'fan-out to 1, 100 and 10,000 watchers; puts beside 100,000 idle watches',
  cases: [],
  systems: [],
  run,
};

// How long the event loop stands still while 1,000,000 revisions are written, compacted and deleted from disk.
//
//   npx tsc -b packages/coterie && node benchmarks/prototypes/compaction-stall.mjs [revisions]
//
// A whole peer alone on a real disk, keys of 32 bytes and values of 256, first with the load, then at rest.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openPeer } from '../../packages/coterie/dist/index.js';

const revisions = Number(process.argv[2] ?? 1_000_000);
const batch = 2_000;
const value = 'v'.repeat(256);
const directory = mkdtempSync(join(tmpdir(), 'coterie-compaction-'));

/** The longest times between two turns of the event loop since it was last asked. */
class StallMeter {
  #gaps = [];
  #last = performance.now();
  constructor() {
    const tick = () => {
      const now = performance.now();
      this.#gaps.push(now - this.#last);
      this.#last = now;
      this.handle = setImmediate(tick);
    };
    tick();
  }
  take() {
    const gaps = this.#gaps.sort((a, b) => b - a);
    this.#gaps = [];
    // What the meter itself took is not the peer's.
    this.#last = performance.now();
    const longest = gaps.slice(0, 3).map((ms) => ms.toFixed(1));
    return `longest ${longest.join(', ')} ms of ${gaps.length} turns`;
  }
}

function historyBytes() {
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true })) {
    if (name.endsWith('.history')) bytes += statSync(join(directory, name)).size;
  }
  return `${(bytes / 2 ** 20).toFixed(0)} MiB of history`;
}

const peer = await openPeer({
  name: 'a',
  cluster: { id: 'compaction', solo: true },
  dataDir: directory,
  limits: { historyBytes: 4 * 2 ** 30, historyRevisions: 10_000_000 },
});
await peer.ready();
/** Again when the disk does not keep up: the load is as high as it gets. */
async function put(at) {
  for (;;) {
    try {
      return await peer.put(`key-${String(at % 100_000).padStart(28, '0')}`, value);
    } catch (error) {
      if (error.code !== 'ERR_OVERLOADED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const meter = new StallMeter();
let begun = performance.now();
let revision = 0;
for (let at = 0; at < revisions; at += batch) {
  const puts = Array.from({ length: batch }, (_, i) => put(at + i));
  revision = (await Promise.all(puts)).at(-1).revision;
}
const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
console.log(`${revisions} revisions written in ${seconds()}; ${historyBytes()}; ${meter.take()}`);
for (const what of ['settling', 'idle, the control']) {
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  console.log(`${what} for 3 s; ${meter.take()}`);
}
begun = performance.now();
await peer.compact(revision, { physical: true, timeoutMs: 600_000 });
console.log(`compacted and deleted at rest in ${seconds()}; ${historyBytes()}; ${meter.take()}`);
clearImmediate(meter.handle);
await peer.close();
rmSync(directory, { recursive: true });

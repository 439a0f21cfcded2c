// Prototype of the store's layout and checkpoint; the figures of docs/adr/0001-store-layout.md come from here.
//
//   node benchmarks/prototypes/store-layout.mjs            everything, one child process a case, about three minutes
//   node benchmarks/prototypes/store-layout.mjs --quick    100,000 keys only
//   node benchmarks/prototypes/store-layout.mjs --case in-place 100000
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { ClassicLevel } from 'classic-level';
import sortedBtree from 'sorted-btree';

const BTree = sortedBtree.default ?? sortedBtree;
const VALUE_BYTES = 256;
const PUTS = 600_000;
const SLICE_RECORDS = 512;
const CHECKPOINT_BYTES = Number(process.env.CHECKPOINT_MIB ?? 64) * 1024 * 1024;
const RECORD_OVERHEAD = 160;

let seed = 42;
/** xorshift32: the same keys in every run. */
function random(n) {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % n;
}
const keyOf = (i) => `packages/${String(i).padStart(23, '0')}`;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The longest time between two turns of the event loop, and the 99.9th percentile. */
class StallMeter {
  longest = 0;
  #last = performance.now();
  #on = true;
  constructor() {
    const tick = () => {
      const now = performance.now();
      this.longest = Math.max(this.longest, now - this.#last);
      this.#last = now;
      if (this.#on) setImmediate(tick);
    };
    tick();
  }
  take() {
    const { longest } = this;
    this.longest = 0;
    return longest;
  }
  stop() {
    this.#on = false;
  }
}

function memory() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { rssMiB: kib('VmRSS') / 1024, anonMiB: kib('RssAnon') / 1024 };
}

async function open(dir) {
  const db = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'view' });
  await db.open();
  return db;
}

function encode(value, create, mod, version) {
  const out = new Uint8Array(32 + value.length);
  const view = new DataView(out.buffer);
  view.setFloat64(0, create);
  view.setFloat64(8, mod);
  view.setUint32(16, version);
  out.set(value, 32);
  return out;
}

/** Layouts: what a checkpoint of the changed keys puts into LevelDB, and how it is handed over. */
const layouts = {
  // Every put leaves a version record under its revision and an index record under its key, as etcd's backend and index
  // do.
  async 'two-records'(db, changes) {
    const ops = [];
    for (const { key, value, revision } of changes.log) {
      ops.push({
        type: 'put',
        key: `v${String(revision).padStart(16, '0')}`,
        value: encode(value, revision, revision, 1),
      });
    }
    for (const [key, record] of changes.newest) {
      const index = new Uint8Array(8);
      new DataView(index.buffer).setFloat64(0, record.revision);
      ops.push({ type: 'put', key: `i${key}`, value: index });
    }
    await db.batch(ops, { sync: true });
    return ops.length;
  },
  // The newest version under the key, one array.
  async 'in-place-array'(db, changes) {
    const ops = [];
    for (const [key, { value, revision }] of changes.newest) {
      ops.push({ type: 'put', key: `k${key}`, value: encode(value, revision, revision, 1) });
    }
    await db.batch(ops, { sync: true });
    return ops.length;
  },
  // The newest version under the key, a chained batch filled over many turns.
  async 'in-place'(db, changes) {
    return fillChained(db, changes, (key) => `k${key}`);
  },
  async 'in-place-buffer-keys'(db, changes) {
    return fillChained(db, changes, (key) => Buffer.from(`k${key}`, 'latin1'), { keyEncoding: 'view' });
  },
};

async function fillChained(db, changes, toKey, options) {
  const batch = db.batch();
  let inSlice = 0;
  for (const [key, { value, revision }] of changes.newest) {
    batch.put(toKey(key), encode(value, revision, revision, 1), options);
    if (++inSlice === SLICE_RECORDS) {
      inSlice = 0;
      await turn();
    }
  }
  const { length } = batch;
  await batch.write({ sync: true });
  return length;
}

const emptyChanges = () => ({ newest: new Map(), log: [], bytes: 0 });

async function runLayout(name, keys) {
  const dir = mkdtempSync(join(tmpdir(), 'store-layout-'));
  const db = await open(dir);
  const write = layouts[name];
  for (let from = 0; from < keys; from += 50_000) {
    const changes = emptyChanges();
    for (let i = from; i < Math.min(keys, from + 50_000); i++) {
      const change = { key: keyOf(i), value: new Uint8Array(VALUE_BYTES).fill(i), revision: i + 1 };
      changes.newest.set(change.key, change);
      changes.log.push(change);
    }
    await write(db, changes);
  }
  await turn();

  const meter = new StallMeter();
  let changes = emptyChanges();
  let operations = 0;
  let checkpoints = 0;
  let stall = 0;
  let applyMs = 0;
  let peak = memory();
  const cpu = process.cpuUsage();
  for (let i = 0; i < PUTS;) {
    const started = performance.now();
    for (let n = 0; n < 256 && i < PUTS; n++, i++) {
      const change = { key: keyOf(random(keys)), value: new Uint8Array(VALUE_BYTES).fill(i), revision: keys + i };
      changes.newest.set(change.key, change);
      changes.log.push(change);
      changes.bytes += change.key.length + VALUE_BYTES + RECORD_OVERHEAD;
    }
    applyMs += performance.now() - started;
    await turn();
    if (changes.bytes < CHECKPOINT_BYTES && i < PUTS) continue;
    const frozen = changes;
    changes = emptyChanges();
    await turn();
    meter.take();
    operations += await write(db, frozen);
    await turn();
    stall = Math.max(stall, meter.take());
    checkpoints++;
    const now = memory();
    if (now.anonMiB > peak.anonMiB) peak = now;
  }
  const used = process.cpuUsage(cpu);
  meter.stop();
  const started = performance.now();
  for (let i = 0; i < 20_000; i++) db.getSync(`${name === 'two-records' ? 'i' : 'k'}${keyOf(random(keys))}`);
  const getSyncUs = ((performance.now() - started) * 1000) / 20_000;
  await db.close();
  rmSync(dir, { recursive: true });
  return {
    layout: name,
    keys,
    'CPU us/put': ((used.user + used.system) / PUTS).toFixed(2),
    'of it apply': ((applyMs * 1000) / PUTS).toFixed(2),
    'LevelDB ops/put': (operations / PUTS).toFixed(2),
    checkpoints,
    'longest stall ms': stall.toFixed(1),
    'getSync us': getSyncUs.toFixed(1),
    'RSS MiB': peak.rssMiB.toFixed(0),
    'anon MiB': peak.anonMiB.toFixed(0),
  };
}

// ------------------------------------------------------------------------------------------------ ordered index of a
// memtable

/** Sorted blocks of keys under one list of blocks: two binary searches and one short move an insert. */
class BlockIndex {
  blocks = [[]];
  add(key) {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.blocks[middle][0] <= key) low = middle;
      else high = middle - 1;
    }
    const block = this.blocks[low];
    let from = 0;
    let to = block.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (block[middle] < key) from = middle + 1;
      else to = middle;
    }
    if (block[from] === key) return;
    block.splice(from, 0, key);
    if (block.length > 256) this.blocks.splice(low + 1, 0, block.splice(128));
  }
  first(key, count) {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.blocks[middle][0] <= key) low = middle;
      else high = middle - 1;
    }
    const out = [];
    for (let b = low; b < this.blocks.length && out.length < count; b++) {
      for (const k of this.blocks[b]) if (k >= key && out.length < count) out.push(k);
    }
    return out;
  }
}

function lowerBound(sorted, key) {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle] < key) from = middle + 1;
    else to = middle;
  }
  return from;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const indexes = {
  // Nothing at an insert; the first scan after one sorts everything.
  'map + lazily sorted': () => {
    const map = new Map();
    let sorted;
    return {
      add: (key) => {
        if (!map.has(key)) sorted = undefined;
        map.set(key, 1);
      },
      scan: (key) => {
        sorted ??= [...map.keys()].sort(compare);
        const at = lowerBound(sorted, key);
        return sorted.slice(at, at + 10);
      },
      view: () => (sorted ??= [...map.keys()].sort(compare)),
    };
  },
  'sorted-btree': () => {
    const tree = new BTree(undefined, compare);
    return {
      add: (key) => tree.set(key, 1),
      scan: (key) => {
        const out = [];
        for (const [k] of tree.entries(key)) {
          out.push(k);
          if (out.length === 10) break;
        }
        return out;
      },
      view: () => tree.clone(),
    };
  },
  'map + sorted blocks': () => {
    const map = new Map();
    const index = new BlockIndex();
    return {
      add: (key) => {
        if (!map.has(key)) index.add(key);
        map.set(key, 1);
      },
      scan: (key) => index.first(key, 10),
      view: () => undefined, // versions in the memtable carry revisions: a view is a revision, nothing is copied
    };
  },
};

function runIndex(name) {
  const count = 200_000;
  const keys = Array.from({ length: count }, (_, i) => Buffer.from(keyOf((i * 7919) % 1_000_003)).toString('latin1'));
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1);
    [keys[i], keys[j]] = [keys[j], keys[i]];
  }
  const index = indexes[name]();
  const started = performance.now();
  for (const key of keys) index.add(key);
  const addUs = ((performance.now() - started) * 1000) / count;
  let longest = 0;
  const mixed = performance.now();
  for (let i = 0; i < 20; i++) {
    index.add(`packages/new-${i}`);
    const at = performance.now();
    index.scan(keys[i]);
    longest = Math.max(longest, performance.now() - at);
  }
  const mixedUs = ((performance.now() - mixed) * 1000) / 20;
  index.view();
  const overwrite = performance.now();
  for (let i = 0; i < 20_000; i++) index.add(keys[i]);
  const overwriteUs = ((performance.now() - overwrite) * 1000) / 20_000;
  return {
    index: name,
    'insert us': addUs.toFixed(2),
    'insert + scan of 10 us': mixedUs.toFixed(1),
    'longest ms': longest.toFixed(2),
    'overwrite us, a view open': overwriteUs.toFixed(2),
  };
}

function runCopies(name) {
  const frame = new Uint8Array(1 << 20);
  const count = 200_000;
  const kept = [];
  let slab = new Uint8Array(16_384);
  let used = 0;
  const before = memory();
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    const value = frame.subarray((i * 256) % (1 << 20), ((i * 256) % (1 << 20)) + VALUE_BYTES);
    if (name === 'own buffer') kept.push(value.slice());
    else {
      if (used + value.length > slab.length) {
        slab = new Uint8Array(16_384);
        used = 0;
      }
      slab.set(value, used);
      kept.push(slab.subarray(used, used + value.length));
      used += value.length;
    }
  }
  const us = ((performance.now() - started) * 1000) / count;
  const after = memory();
  return {
    copy: name,
    'us a value': us.toFixed(2),
    'anon bytes a value': (((after.anonMiB - before.anonMiB) * 2 ** 20) / kept.length).toFixed(0),
  };
}

function table(rows) {
  const names = Object.keys(rows[0]);
  const lines = [names, names.map(() => '---'), ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function main() {
  const [flag, name, size] = process.argv.slice(2);
  if (flag === '--case') {
    const result = indexes[name]
      ? runIndex(name)
      : layouts[name]
        ? await runLayout(name, Number(size))
        : runCopies(name);
    process.stdout.write(JSON.stringify(result));
    return;
  }
  const inChild = (...args) => {
    const out = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--case', ...args], {
      encoding: 'utf8',
    });
    return JSON.parse(out);
  };
  const sizes = flag === '--quick' ? ['100000'] : ['100000', '1000000'];
  const rows = sizes.flatMap((keys) => Object.keys(layouts).map((layout) => inChild(layout, keys)));
  process.stdout.write(`${table(rows)}\n\n`);
  process.stdout.write(`${table(Object.keys(indexes).map((index) => inChild(index)))}\n\n`);
  process.stdout.write(`${table(['own buffer', 'slab'].map((copy) => inChild(copy)))}\n`);
}

await main();

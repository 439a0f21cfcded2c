import { CoterieError } from '@coterie/errors';
import { expect, test } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import { completion } from '../../src/store/completion.js';
import type { BinaryKey, KeyedRecord, KeyRange, RevisionEvents, StoreView } from '../../src/store/types.js';
import { World, Writer } from './fixture.js';
import { NaiveModel, show, showChanges, showRecord } from './naive-model.js';

const seeds = 40;
const steps = 160;

/** Few keys, so that they collide; neighbours that order and prefixes could confuse. */
const keys: BinaryKey[] = [
  'a',
  'a\0',
  'a\u00ff',
  'ab',
  'b',
  'b\u0080',
  'c',
  'k',
  'm',
  'mcheckpoint',
  'z',
  '\u00ff\u00ff',
];

type Entry = readonly (readonly [BinaryKey, Uint8Array | undefined])[] | { readonly compact: number };

/**
 * One life of a store: random writes, reads and crashes in an order that the seed decides, held against the naive
 * model.
 */
class Life {
  readonly world: World;
  readonly model = new NaiveModel(initialState.revision);
  /** What the log holds: entry i has index i + 1. */
  readonly log: Entry[] = [];
  readonly counts = { checkpoints: 0, crashes: 0, pastViews: 0, fileReads: 0, scans: 0 };
  writer!: Writer;
  logDurable = 0;
  #tasks = new Set<Promise<void>>();
  #epoch = 0;
  #faults: unknown[] = [];

  constructor(seed: number) {
    this.world = new World(seed);
  }

  async run(): Promise<void> {
    this.writer = new Writer(await this.world.open());
    for (let at = 0; at < steps; at++) {
      await this.#step();
      if (this.#faults.length > 0) throw this.#faults[0];
    }
    await this.world.schedule.drain();
    await Promise.all(this.#tasks);
    if (this.#faults.length > 0) throw this.#faults[0];
    this.#durable();
    await this.world.schedule.drain();
    expect(await this.world.schedule.until(this.writer.store.contentHash())).toEqual(
      this.model.hash(this.model.revision),
    );
    expect(this.writer.failures).toEqual([]);
    await this.world.schedule.until(this.writer.store.close());
  }

  async #step(): Promise<void> {
    const choice = this.#n(100);
    if (choice < 38) this.#write(this.#entry());
    else if (choice < 44) await this.#scanAndDelete();
    else if (choice < 54) this.#durable();
    else if (choice < 62) this.#task((alive) => this.#readView(this.writer.store.view(), alive));
    else if (choice < 68) this.#task((alive) => this.#readPast(alive));
    else if (choice < 76) this.#task((alive) => this.#readChanges(alive));
    else if (choice < 82) this.#task((alive) => this.#get(alive));
    else if (choice < 84)
      this.#write({
        compact: this.writer.compactRevision + this.#n(this.model.revision - this.writer.compactRevision + 1),
      });
    else if (choice < 87) await this.#restart();
    for (let more = this.#n(12); more > 0 && this.world.schedule.step(); more--) await Promise.resolve();
  }

  #n(below: number): number {
    return this.world.random.nextInt(below);
  }

  #key(): BinaryKey {
    return keys[this.#n(keys.length)] as BinaryKey;
  }

  #range(): KeyRange {
    const start = this.#n(4) === 0 ? '' : this.#key();
    return this.#n(3) === 0 ? { start } : { start, end: this.#key() };
  }

  #entry(): Entry {
    // A view into a larger buffer, as it comes out of a received frame.
    const frame = Uint8Array.from({ length: 600 }, () => this.#n(256));
    const chosen = new Set(Array.from({ length: 1 + this.#n(4) }, () => this.#key()));
    return [...chosen].map((key) => [
      key,
      this.#n(3) === 0 ? undefined : frame.subarray(this.#n(200), 200 + this.#n(300)),
    ]);
  }

  #write(entry: Entry): void {
    this.log.push(entry);
    this.#apply(entry);
  }

  #apply(entry: Entry): void {
    if ('compact' in entry) {
      this.writer.compact(entry.compact);
      return;
    }
    for (const [key] of entry) {
      const known = this.writer.store.peek(key);
      const expected = showRecord(this.model.at(this.writer.revision).get(key));
      if (known !== 'on-disk') expect(showRecord(known)).toBe(expected);
      expect(showRecord(this.writer.store.lookup(key))).toBe(expected);
    }
    const copies = entry.map(([key, value]) => [key, value?.subarray()] as const);
    const change = this.writer.apply(copies);
    for (const event of change?.events ?? []) {
      if (event.after !== undefined) expect(event.after.value.buffer.byteLength === 600).toBe(false);
    }
    if (change !== undefined) this.model.take(change);
  }

  /** What a delete of a range does: prefetch until the scan knows the range. */
  async #scanAndDelete(): Promise<void> {
    const range = this.#range();
    const limit = 1 + this.#n(6);
    const { store } = this.writer;
    let found: readonly KeyedRecord[] | undefined;
    for (let attempt = 0; found === undefined; attempt++) {
      expect(attempt).toBeLessThan(4);
      let ready = false;
      const now = store.prefetch({ keys: [this.#key()], ranges: [{ range, limit }] }, () => (ready = true));
      while (!now && !ready) await this.world.schedule.drain();
      // Writes of entries before it, and whatever completes, may come between the load and the scan.
      if (this.#n(2) === 0) this.#write(this.#entry());
      if (this.#n(2) === 0) await this.world.schedule.drain();
      found = store.scan(range, limit);
    }
    this.counts.scans++;
    expect(show(found)).toEqual(show(this.model.range(this.writer.revision, range).slice(0, limit)));
    if (found.length > 0) this.#write(found.map(({ key }) => [key, undefined]));
  }

  #durable(): void {
    this.logDurable = Math.max(this.logDurable, this.writer.index - this.#n(3));
    this.writer.store.logDurable(this.logDurable);
  }

  async #readView(view: StoreView, alive: () => boolean): Promise<void> {
    for (let reads = this.#n(4); reads > 0 && alive(); reads--) {
      const key = this.#key();
      const record = await view.get(key);
      expect(`${view.revision} ${key} ${showRecord(record)}`).toBe(
        `${view.revision} ${key} ${showRecord(this.model.at(view.revision).get(key))}`,
      );
    }
    const range = this.#range();
    const reverse = this.#n(2) === 0;
    const found: KeyedRecord[] = [];
    for await (const page of view.scan({ range, reverse, pageBytes: 1 + this.#n(900) })) found.push(...page);
    expect(show(found)).toEqual(show(this.model.range(view.revision, range, reverse)));
    await view.close();
  }

  async #readPast(alive: () => boolean): Promise<void> {
    const { compactRevision, store } = this.writer;
    const revision = Math.max(
      initialState.revision,
      compactRevision + this.#n(this.model.revision - compactRevision + 1),
    );
    try {
      const view = await store.viewAt(revision);
      expect(view.revision).toBe(revision);
      this.counts.pastViews++;
      await this.#readView(view, alive);
    } catch (error) {
      if (!(isCompacted(error) && this.writer.compactRevision > revision)) throw error;
    }
  }

  async #readChanges(alive: () => boolean): Promise<void> {
    const { compactRevision } = this.writer;
    const through = this.model.revision;
    let from = compactRevision + this.#n(through - compactRevision + 1);
    while (from <= through && alive()) {
      const at = from;
      try {
        const { changes, next } = await this.#changes(at);
        const expected = this.model.log.filter(({ revision }) => revision >= at && revision < next);
        expect(showChanges(changes)).toEqual(showChanges(expected));
        // Nothing was ever changed by the first revision.
        if (through > initialState.revision) expect(changes.length).toBeGreaterThan(0);
        from = changes.length === 0 ? through + 1 : next;
      } catch (error) {
        if (isCompacted(error) && this.writer.compactRevision > at) return;
        throw error;
      }
    }
  }

  #changes(from: number): Promise<{ readonly changes: readonly RevisionEvents[]; readonly next: number }> {
    let synchronous = true;
    const answer = completion<{ readonly changes: readonly RevisionEvents[]; readonly next: number }>((done) => {
      this.writer.store.changes(from, 1 + this.#n(800), (error, changes, next) => {
        if (!synchronous) this.counts.fileReads++;
        done(error, { changes, next });
      });
    });
    synchronous = false;
    return answer;
  }

  async #get(alive: () => boolean): Promise<void> {
    const key = this.#key();
    const first = this.model.revision;
    const record = await this.writer.store.get(key);
    if (!alive()) return;
    const possible: string[] = [];
    for (let revision = first; revision <= this.model.revision; revision++) {
      possible.push(showRecord(this.model.at(revision).get(key)));
    }
    expect(possible).toContain(showRecord(record));
  }

  /** A crash or a close; then the log is applied again from the checkpoint on. */
  async #restart(): Promise<void> {
    const last = this.writer.checkpoints.at(-1);
    const { store } = this.writer;
    this.#epoch++;
    if (this.#n(3) === 0) {
      await this.world.schedule.until(store.close());
      await this.world.schedule.drain();
    } else {
      await this.world.crash();
      this.#tasks.clear();
      this.counts.crashes++;
    }
    const again = await this.world.open();
    const state = again.recovered();
    expect(state.appliedIndex).toBeGreaterThanOrEqual(last?.appliedIndex ?? 0);
    expect(state.appliedIndex).toBeLessThanOrEqual(this.logDurable);
    this.counts.checkpoints += this.writer.checkpoints.length;
    this.writer.checkpoints.splice(0);
    this.writer.adopt(again);
    expect(await this.world.schedule.until(again.contentHash())).toEqual(this.model.hash(state.revision));
    if (state.appliedIndex > 0) this.writer.checkpoints.push(state);
    for (const entry of this.log.slice(state.appliedIndex)) this.#apply(entry);
    expect(this.writer.revision).toBe(this.model.revision);
    again.logDurable(this.logDurable);
  }

  /** Reads beside everything else. What a crash or a close cuts off is not looked at. */
  #task(read: (alive: () => boolean) => Promise<void>): void {
    const epoch = this.#epoch;
    const alive = (): boolean => epoch === this.#epoch;
    const task = read(alive)
      .catch((error: unknown) => {
        if (alive()) this.#faults.push(error);
      })
      .finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }
}

function isCompacted(error: unknown): boolean {
  return error instanceof CoterieError && error.code === 'ERR_COMPACTED';
}

test('a store is its model, whatever is written, read, checkpointed, compacted, crashed and reopened', async () => {
  const totals = { checkpoints: 0, crashes: 0, pastViews: 0, fileReads: 0, scans: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const life = new Life(seed);
    try {
      await life.run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += life.counts[name];
  }
  // A run that never did these has tested nothing.
  for (const count of Object.values(totals)) expect(count).toBeGreaterThan(100);
});

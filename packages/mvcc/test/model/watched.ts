import { CoterieError } from '@coterie/errors';
import { expect } from 'vitest';
import type { WatchRequest } from '../../src/engine/engine.js';
import type { Watch, WatchBatch } from '../../src/kv/watch.js';
import type { NaiveModel } from '../../src/testing/naive-model.js';
import type { Counts } from './counts.js';
import { type BytesKv, plain, shownBatch, shownEvents, target } from './public-calls.js';
import type { Span } from './requests.js';

type Batch = WatchBatch<Uint8Array, Uint8Array>;

/** What a caller asks a watch for. `from`: counted back from the present revision; undefined: from now on. */
export interface WatchWanted {
  readonly spans: readonly Span[];
  readonly prev: boolean;
  readonly only: 'put' | 'delete' | undefined;
  readonly from: number | 'compacted' | 'now' | 'initial';
}

/**
 * A watch and all that it was told, also by the watches that took its place after the process had died: each goes on
 * behind what the last one said that it had handed out.
 */
export class Watched {
  readonly #model: NaiveModel;
  readonly #counts: Counts;
  readonly #request: WatchRequest;
  /** The first revision whose changes must come. */
  #from = 0;
  #initial = false;
  #watch!: Watch<Uint8Array, Uint8Array>;
  #pulling = false;
  #got: Batch[] = [];
  #error: unknown;
  #ended = false;

  constructor(kv: BytesKv, model: NaiveModel, counts: Counts, wanted: WatchWanted) {
    const { spans, prev, only, from } = wanted;
    this.#model = model;
    this.#counts = counts;
    const common = { ranges: spans, prev, progress: false, overflow: 'resume' as const };
    const filter = only === undefined ? {} : { only };
    if (from === 'initial' || from === 'now') {
      this.#request = { ...common, ...filter, initial: from === 'initial' };
    } else {
      const revision = from === 'compacted' ? model.compactRevision : model.revision - from;
      this.#request = { ...common, ...filter, initial: false, fromRevision: Math.max(1, revision) };
    }
    this.#begin(kv, this.#request);
    this.#from = this.#request.fromRevision ?? model.revision + 1;
  }

  #begin(kv: BytesKv, { ranges, prev, only, initial, fromRevision }: WatchRequest): void {
    const whats = ranges.map((range) => target((range as Span).asked));
    const what = whats.length === 1 ? whats[0]! : { anyOf: whats };
    this.#initial = initial;
    this.#watch = kv.watch(what, { prev, only, ...(initial ? { initial } : { fromRevision }) });
    this.#pulling = false;
  }

  /** Asks for the next batch, unless it already does. */
  pull(): void {
    if (this.#pulling || this.#ended) return;
    this.#pulling = true;
    const watch = this.#watch;
    const pulled = (then: () => void) => {
      // What a process that has died would have got, nobody got.
      if (watch !== this.#watch) return;
      this.#pulling = false;
      then();
    };
    watch.next().then(
      ({ done, value }) => pulled(() => (done === true ? (this.#ended = true) : this.#got.push(value))),
      (error: unknown) =>
        pulled(() => {
          this.#ended = true;
          this.#error = error;
        }),
    );
  }

  get batches(): number {
    return this.#got.length;
  }

  /** The process is there again. */
  resume(kv: BytesKv): void {
    if (this.#error !== undefined) return;
    this.#ended = false;
    const { revision } = this.#watch;
    if (revision === 0 && this.#initial) {
      // The initial state did not arrive as a whole: from the beginning, with the state of now.
      this.#got = [];
      this.#begin(kv, this.#request);
      this.#from = this.#model.revision + 1;
      return;
    }
    this.#counts.add('a watch went on after a crash', revision < this.#model.revision);
    const { initial: _, ...request } = this.#request;
    this.#begin(kv, { ...request, initial: false, fromRevision: revision + 1 });
  }

  /** What was told so far has to be the beginning of what there is to tell; in the end it is all of it. */
  check(complete: boolean): void {
    const changes = this.#got.filter(({ kind }) => kind === 'change');
    const due = this.#model.changes(this.#request, this.#from);
    const whole = complete && this.#error === undefined;
    const expected = due.slice(0, whole ? due.length : changes.length).map(shownBatch);
    expect(plain(changes)).toEqual(plain(expected));
    if (this.#request.initial) this.#checkInitial(whole);
    if (this.#error !== undefined) this.#checkError(changes.at(-1)?.revision);
    if (complete) this.#count(changes);
  }

  #checkInitial(whole: boolean): void {
    const revision = this.#from - 1;
    const initial = this.#got.filter(({ kind }) => kind === 'initial');
    const synced = this.#got.findIndex(({ kind }) => kind === 'synced');
    if (whole) expect(synced).toBe(initial.length);
    const told = initial.flatMap(({ events }) => events);
    const expected = shownEvents(this.#model.initialEvents(this.#request, revision));
    expect(plain(told)).toEqual(plain(synced < 0 ? expected.slice(0, told.length) : expected));
    for (const each of [...initial, ...this.#got.slice(synced, synced + 1)]) {
      if (synced >= 0) expect(each.revision).toBe(revision);
    }
    this.#counts.add('a watch was given an initial state', told.length > 0);
  }

  /** The one way in which a watch may break here: what it would have to be told next is compacted. */
  #checkError(last: number | undefined): void {
    const { compactRevision } = this.#model;
    expect(this.#error).toBeInstanceOf(CoterieError);
    expect(this.#error).toMatchObject({ code: 'ERR_COMPACTED' });
    expect(Math.max(this.#from, (last ?? 0) + 1)).toBeLessThan(compactRevision);
    const first = this.#request.fromRevision ?? Infinity;
    this.#counts.add(
      'a watch below the compact revision was refused',
      this.#got.length === 0 && first < compactRevision,
    );
    this.#counts.add('a slow watch was overtaken by a compaction', this.#got.length > 0);
  }

  #count(changes: readonly Batch[]): void {
    const { fromRevision, ranges } = this.#request;
    const opened = this.#openedAt;
    this.#counts.add(
      'a watch was told of revisions before it began',
      changes.some(({ revision }) => revision <= opened),
    );
    this.#counts.add(
      'a watch began at the compact revision and was told of it',
      fromRevision !== undefined && fromRevision === this.#compactAt && changes[0]?.revision === fromRevision,
    );
    this.#counts.add('a watch of several ranges was told something', ranges.length > 1 && changes.length > 0);
    this.#counts.add(
      'a watch went on through a snapshot',
      this.#installedAt !== undefined && changes.some(({ revision }) => revision > this.#installedAt!),
    );
  }

  /** Where the store stood when the watch was opened, and when a snapshot was installed under it. */
  #openedAt = 0;
  #compactAt = 0;
  #installedAt: number | undefined;

  opened(): this {
    this.#openedAt = this.#model.revision;
    this.#compactAt = this.#model.compactRevision;
    return this;
  }

  installed(): void {
    if (!this.#ended) this.#installedAt ??= this.#watch.revision;
  }
}

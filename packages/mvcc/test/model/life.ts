import { CoterieError } from '@coterie/errors';
import { expect } from 'vitest';
import type { RangeOperation } from '../../src/command/operation.js';
import type { CommandOutcome } from '../../src/command/refusal.js';
import { clashes } from './clashes.js';
import { NaiveModel } from '../../src/testing/naive-model.js';
import { LogWriter } from '../machine/log-writer.js';
import type { Counts } from './counts.js';
import { countOutcome, countTxn } from './count-outcomes.js';
import { Member } from './member.js';
import { call, plain, rangeTarget, readOptions, shownEntry, shownOutcome, shownRange, target } from './public-calls.js';
import type { Conditional, KeyRequest, Span } from './requests.js';
import { Watched, type WatchWanted } from './watched.js';

/**
 * Which revision a read asks for: none, so many back (less than none: ahead), or the compact revision and around it.
 */
export type When = 'now' | { readonly back: number } | { readonly compacted: number };

/** One thing that happens. */
export type Step =
  | { readonly do: 'write'; readonly writes: readonly Conditional[] }
  | { readonly do: 'get'; readonly key: string; readonly when: When; readonly late: boolean }
  | { readonly do: 'range'; readonly read: Omit<RangeOperation, 'kind'>; readonly when: When; readonly late: boolean }
  | {
      readonly do: 'iterate';
      readonly span: Span;
      readonly reverse: boolean;
      readonly when: When;
      readonly late: boolean;
    }
  | { readonly do: 'watch'; readonly watch: WatchWanted }
  | { readonly do: 'pull'; readonly which: number; readonly batches: number }
  | { readonly do: 'let run'; readonly steps: number }
  | { readonly do: 'restart'; readonly killed: boolean }
  | { readonly do: 'install'; readonly writes: readonly Conditional[] };

interface UnderWay {
  readonly since: number;
  /** Looks at what came of it. */
  readonly done: Promise<void>;
}

/** One life of a replica under a `Kv`, step by step beside the model. */
export class Life {
  readonly #model = new NaiveModel();
  readonly #log = new LogWriter();
  readonly #counts: Counts;
  readonly #seed: number;
  readonly #member: Member;
  #watched: Watched[] = [];
  #underWay: UnderWay[] = [];
  #members = 1;

  constructor(seed: number, counts: Counts) {
    this.#counts = counts;
    this.#seed = seed;
    this.#member = new Member(seed, this.#log);
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#member.start();
    for (const step of steps) await this.#step(step);
    await this.#finishReads();
    await this.#drainWatches();
    const { revision, entries } = await this.#member.run(this.#member.kv.range({ all: true }));
    expect(plain({ revision, entries })).toEqual(
      plain({ revision: this.#model.revision, entries: this.#model.live.map((each) => shownEntry(each)) }),
    );
    expect(this.#member.failures).toEqual([]);
  }

  #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'write':
        return this.#write(this.#member, step.writes);
      case 'get':
      case 'range':
      case 'iterate':
        return this.#read(step);
      case 'watch':
        this.#watched.push(new Watched(this.#member.kv, this.#model, this.#counts, step.watch).opened());
        return Promise.resolve();
      case 'pull':
        return this.#pull(step.which, step.batches);
      case 'let run':
        return this.#member.step(step.steps);
      case 'restart':
        return this.#restart(step.killed);
      case 'install':
        return this.#install(step.writes);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ writes

  /** All are issued before the first is applied, and become one entry. */
  async #write(member: Member, writes: readonly Conditional[]): Promise<void> {
    const calls = writes.map((each) => {
      const request = this.#request(each);
      const answer = call(member.kv, request).catch((error: unknown) => error);
      const before = this.#model.live;
      // The model goes first: what is under way may hear of a compaction before its caller does.
      const outcome = this.#outcome(request);
      countOutcome(this.#counts, request, outcome, this.#model);
      if (request.kind === 'txn' && outcome.kind === 'txn') countTxn(this.#counts, request, outcome, before);
      return { answer, expected: shownOutcome(outcome, request) };
    });
    await member.commit();
    this.#counts.add('an entry of several commands', calls.length > 1);
    for (const { answer, expected } of calls) expect(plain(asData(await member.run(answer)))).toEqual(plain(expected));
  }

  #outcome(request: KeyRequest): CommandOutcome {
    if (request.kind === 'txn' && clashes(request)) {
      this.#counts.add('a txn was refused for changing a key twice');
      return { kind: 'refused', code: 'ERR_DUPLICATE_KEY' };
    }
    return this.#model.execute(request);
  }

  /** What a caller makes of what it knows at this moment. */
  #request({ wanted, condition }: Conditional): KeyRequest {
    if (wanted.kind === 'compact')
      return { kind: 'compact', revision: Math.max(1, this.#model.revision - wanted.back) };
    if (condition === 'none' || (wanted.kind !== 'put' && wanted.kind !== 'delete')) return wanted;
    if (wanted.kind === 'delete' && typeof (wanted.range as Span).asked !== 'string') return wanted;
    const current = this.#model.get(wanted.kind === 'put' ? wanted.key : wanted.range.start)?.modRevision ?? 0;
    const ifRevision = { absent: 0, current, stale: current + 1 }[condition];
    return { ...wanted, ifRevision };
  }

  // ------------------------------------------------------------------------------------------------------------- reads

  async #read(step: Extract<Step, { readonly do: 'get' | 'range' | 'iterate' }>): Promise<void> {
    const revision = this.#revision(step.when);
    const at = revision === undefined ? {} : { revision };
    const since = this.#model.revision;
    const refusal = revision === undefined ? undefined : this.#model.unreadable(revision);
    const { kv } = this.#member;
    let answer: Promise<unknown>;
    /** What it may be: one state, or for a get of the present any between the call and the answer. */
    let expected: () => readonly unknown[];
    if (step.do === 'get') {
      answer = kv.get(target(step.key) as Uint8Array, at);
      const entry = (when: number) => {
        const found = this.#model.get(step.key, when);
        return found === undefined ? undefined : shownEntry(found);
      };
      expected = () => between(revision ?? since, revision ?? this.#model.revision).map(entry);
    } else if (step.do === 'range') {
      answer = kv.range(rangeTarget(step.read.range && (step.read.range as Span).asked), {
        ...readOptions(step.read),
        ...at,
      } as object);
      const found = this.#model.range(step.read, revision);
      this.#counts.add('a range was cut short', found.more);
      this.#counts.add('a range was cut short from the end', found.more && step.read.reverse);
      const shown = { revision: revision ?? since, ...(shownRange(found, step.read.keysOnly) as object) };
      expected = () => [shown];
    } else {
      answer = collected(kv.iterate(rangeTarget(step.span.asked), { reverse: step.reverse, ...at }));
      const whole = { range: step.span, limit: 0, reverse: step.reverse, keysOnly: false, countOnly: false };
      const shown = this.#model.range(whole, revision).entries.map((each) => shownEntry(each));
      expected = () => [shown];
      if (step.late) this.#countIterated(whole, since, revision ?? since);
    }
    this.#countRead(revision, refusal !== undefined);
    const done = answer
      .catch((error: unknown) => error)
      .then((got) => {
        const outcome = plain(asData(got));
        if (refusal !== undefined) {
          const { kind: _, ...fields } = refusal;
          expect(outcome).toEqual(fields);
          return;
        }
        // A compaction that came while it was under way may have taken its revision.
        if (isCompacted(got) && revision !== undefined && revision < this.#model.compactRevision) return;
        const possible = expected().map(plain);
        if (possible.length === 1) expect(outcome).toEqual(possible[0]);
        else expect(possible).toContainEqual(outcome);
      });
    if (step.late) this.#underWay.push({ since, done });
    else await this.#member.run(done);
    // One that waits for others is not unheard of if it fails meanwhile.
    done.catch(() => undefined);
  }

  #revision(when: When): number | undefined {
    if (when === 'now') return undefined;
    const { revision, compactRevision } = this.#model;
    return Math.max(1, 'back' in when ? revision - when.back : compactRevision + when.compacted);
  }

  #countRead(revision: number | undefined, refused: boolean): void {
    if (revision === undefined) return;
    const { compactRevision, live } = this.#model;
    this.#counts.add('a read below the compact revision was refused', refused && revision < compactRevision);
    this.#counts.add('a read ahead of the store was refused', refused && revision > compactRevision);
    if (refused) return;
    this.#counts.add('a read at the compact revision itself', revision === compactRevision);
    const then = JSON.stringify(plain(this.#model.at(revision)));
    this.#counts.add('a read of a past revision that differs from the present', then !== JSON.stringify(plain(live)));
  }

  readonly #iterated: { readonly read: Omit<RangeOperation, 'kind'>; readonly since: number; readonly at: number }[] =
    [];

  #countIterated(read: Omit<RangeOperation, 'kind'>, since: number, at: number): void {
    this.#iterated.push({ read, since, at });
  }

  async #finishReads(): Promise<void> {
    const underWay = this.#underWay;
    this.#underWay = [];
    for (const { since, done } of underWay) {
      this.#counts.add('a read was under way while something was written', this.#model.revision > since);
      await this.#member.run(done);
    }
    for (const { read, since, at } of this.#iterated.splice(0)) {
      if (this.#model.revision === since) continue;
      const [then, now] = [this.#model.range(read, at), this.#model.range(read)].map((each) => plain(each));
      this.#counts.add(
        'an iteration was under way while its range changed',
        JSON.stringify(then) !== JSON.stringify(now),
      );
    }
  }

  // ----------------------------------------------------------------------------------------------------------- watches

  async #pull(which: number, batches: number): Promise<void> {
    const watched = this.#watched[which % Math.max(1, this.#watched.length)];
    if (watched === undefined) return;
    for (let left = batches; left > 0; left--) {
      watched.pull();
      await this.#member.step(3);
    }
    watched.check(false);
  }

  async #drainWatches(): Promise<void> {
    // One that finds nothing may have to wait for its next chunk, so two rounds without anything end it.
    for (let quiet = 0, before = -1; quiet < 2;) {
      for (const watched of this.#watched) watched.pull();
      await this.#member.drain();
      const batches = this.#watched.reduce((sum, each) => sum + each.batches, 0);
      quiet = batches === before ? quiet + 1 : 0;
      before = batches;
    }
    for (const watched of this.#watched) watched.check(true);
  }

  // ----------------------------------------------------------------------------------------------- ends and beginnings

  async #restart(killed: boolean): Promise<void> {
    if (killed) {
      // What was under way died with its caller.
      this.#underWay = [];
      this.#iterated.splice(0);
      await this.#member.crash();
    } else {
      await this.#finishReads();
      await this.#member.close();
    }
    const again = await this.#member.start();
    this.#counts.add('a crash', killed);
    this.#counts.add('a close and opening again', !killed);
    this.#counts.add('a crash after which the log was applied again', killed && again > 0);
    for (const watched of this.#watched) watched.resume(this.#member.kv);
  }

  /** The replica hears of these writes by a snapshot of another one, which has applied them. */
  async #install(writes: readonly Conditional[]): Promise<void> {
    await this.#finishReads();
    const donor = new Member(this.#seed + this.#members++, this.#log, { checkpointOperations: 1 });
    await donor.start();
    await this.#write(donor, writes);
    // An entry of its own, that finds no checkpoint under way and so begins one.
    await donor.drain();
    await this.#write(donor, [{ wanted: { kind: 'add', key: 'n', delta: 1 }, condition: 'none' }]);
    for (const watched of this.#watched) watched.installed();
    await this.#member.installFrom(donor);
    expect(this.#member.appliedIndex).toBe(this.#log.log.length);
    this.#counts.add('a snapshot was installed');
    await donor.close();
  }
}

function between(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

async function collected<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function isCompacted(error: unknown): boolean {
  return error instanceof CoterieError && error.code === 'ERR_COMPACTED';
}

/** An error by what the contract says of it; anything else that is thrown is itself. */
function asData(answer: unknown): unknown {
  if (!(answer instanceof Error)) return answer;
  if (!(answer instanceof CoterieError)) throw answer;
  const { name: _, message: __, stack: ___, retryable: ____, cause: _____, ...fields } = { ...answer };
  const { code, outcome } = answer;
  return { ...fields, code, ...(outcome === undefined ? {} : { outcome }) };
}

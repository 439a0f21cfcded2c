/** How often what a property is about happened at all: a run in which it never did has tested nothing. */
export const happenings = [
  'a txn took its failure branch',
  'a nested txn took its success branch',
  'a nested txn took its failure branch',
  'a compare held for several keys of a range',
  'a read of a txn saw what the txn wrote',
  'a range of a txn was cut short behind what the txn had changed',
  'a txn changed nothing',
  'a txn was refused for changing a key twice',
  'ifRevision held',
  'ifRevision missed',
  'a delete of several keys',
  'a delete of nothing',
  'a key came back after its delete',
  'an addition left its bounds',
  'an addition met what is not a number',
  'an addition refused a txn',
  'a compaction',
  'a compaction of the present revision',
  'a compaction behind the last one was refused',
  'a compaction ahead of the store was refused',
  'an entry of several commands',
  'a range was cut short',
  'a range was cut short from the end',
  'a read of a past revision that differs from the present',
  'a read at the compact revision itself',
  'a read below the compact revision was refused',
  'a read ahead of the store was refused',
  'a read was under way while something was written',
  'an iteration was under way while its range changed',
  'a watch was told of revisions before it began',
  'a watch began at the compact revision and was told of it',
  'a watch below the compact revision was refused',
  'a slow watch was overtaken by a compaction',
  'a watch was given an initial state',
  'a watch of several ranges was told something',
  'a watch went on after a crash',
  'a watch went on through a snapshot',
  'a crash',
  'a crash after which the log was applied again',
  'a close and opening again',
  'a snapshot was installed',
] as const;
/** One of the happenings. */
export type Happening = (typeof happenings)[number];

/** Counts them over all runs. */
export class Counts {
  readonly #counts = new Map<Happening, number>();

  add(what: Happening, happened = true): void {
    if (happened) this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Those that happened fewer times than this. */
  rarer(times: number): readonly string[] {
    return happenings
      .filter((each) => (this.#counts.get(each) ?? 0) < times)
      .map((each) => `${each}: ${this.#counts.get(each) ?? 0}`);
  }

  toString(): string {
    return happenings.map((each) => `${String(this.#counts.get(each) ?? 0).padStart(7)}  ${each}`).join('\n');
  }
}

import type { RawBatch, RawEvent, WatchRequest } from '../engine/engine.js';
import type { KeyEvent, RevisionEvents } from '../store/types.js';
import { batchBytes, passes, watchEvent } from './watch-events.js';
import type { WatcherIndex, WatchPlace } from './watcher-index.js';

/** A batch, and what it holds of a watch's bytes. Those who are told the same share one. */
export interface SizedBatch {
  readonly batch: RawBatch;
  readonly bytes: number;
}

/** Who is told of changes. */
export interface Receiver {
  readonly request: WatchRequest;
}

/** Places looked at for one unit of work. */
const placesAUnit = 8;
/** Bytes of a batch that weigh as much as handing it to one more watch: its consumer will decode them. */
const bytesAUnit = 4 * 1024;

/**
 * Takes one revision to all watches of an index that want something of it.
 *
 * It stops after every step, so that whoever runs it can let other work in, and yields what the step cost: a unit is
 * about a microsecond. What is equal for many is made once: an event in each of its forms, and the batch of all who
 * watch the same place in the same way.
 *
 * @param wants asked first, since it is cheap: whether a watch is to hear of this revision at all
 */
export function* fanOut<W extends Receiver>(
  change: RevisionEvents,
  index: WatcherIndex<W>,
  wants: (watch: W) => boolean,
  deliver: (watch: W, sized: SizedBatch) => void,
): Generator<number, void> {
  // Most revisions are nobody's: nothing is made for them.
  let places = undefined as Map<WatchPlace<W>, number[]> | undefined;
  for (let at = 0; at < change.events.length; at++) {
    let found = 0;
    index.find(change.events[at]!.key, (place) => {
      found++;
      places ??= new Map();
      const events = places.get(place);
      if (events === undefined) places.set(place, [at]);
      else events.push(at);
    });
    yield 1 + found / placesAUnit;
  }
  if (places !== undefined) yield* tell(new SharedChange(change), places, wants, deliver);
}

function* tell<W extends Receiver>(
  shared: SharedChange,
  places: ReadonlyMap<WatchPlace<W>, readonly number[]>,
  wants: (watch: W) => boolean,
  deliver: (watch: W, sized: SizedBatch) => void,
): Generator<number, void> {
  /** Watches of several ranges, with what each of these holds: they are told once, of all together. */
  const several = new Map<W, (readonly number[])[]>();
  for (const [place, events] of places) {
    const selection = shared.select(events);
    for (const watch of place.watchers) {
      if (!wants(watch)) yield 1 / placesAUnit;
      else if (watch.request.ranges.length === 1) yield give(watch, selection.of(watch.request), deliver);
      else {
        const parts = several.get(watch);
        if (parts === undefined) several.set(watch, [events]);
        else parts.push(events);
        yield 1;
      }
    }
  }
  for (const [watch, parts] of several) {
    // Asked again: it may have ended since.
    if (!wants(watch)) continue;
    const events = parts.length === 1 ? parts[0]! : [...new Set(parts.flat())].sort((a, b) => a - b);
    yield give(watch, shared.select(events).of(watch.request), deliver) + (parts.length * events.length) / placesAUnit;
  }
}

function give<W>(watch: W, sized: SizedBatch | undefined, deliver: (watch: W, sized: SizedBatch) => void): number {
  if (sized === undefined) return 1;
  deliver(watch, sized);
  return 1 + sized.bytes / bytesAUnit;
}

/** The events of a revision in the two forms in which watches may want them, each made once. */
class SharedChange {
  readonly #change: RevisionEvents;
  readonly #plain: RawEvent[] = [];
  readonly #withPrev: RawEvent[] = [];
  /** One event, or all of them: what most places hold of a revision. */
  readonly #ones: Selection[] = [];
  #whole: Selection | undefined;

  constructor(change: RevisionEvents) {
    this.#change = change;
  }

  get revision(): number {
    return this.#change.revision;
  }

  event(at: number): KeyEvent {
    return this.#change.events[at]!;
  }

  raw(at: number, prev: boolean): RawEvent {
    const made = prev ? this.#withPrev : this.#plain;
    return (made[at] ??= watchEvent(this.event(at), this.revision, prev));
  }

  /** @param events positions, in order */
  select(events: readonly number[]): Selection {
    if (events.length === 1) return (this.#ones[events[0]!] ??= new Selection(this, events));
    if (events.length === this.#change.events.length) return (this.#whole ??= new Selection(this, events));
    return new Selection(this, events);
  }
}

/** Some events of a revision as batches for those who want them. */
class Selection {
  readonly #shared: SharedChange;
  readonly #events: readonly number[];
  /** By `only` and `prev`; null: nothing passes. */
  readonly #made: (SizedBatch | null | undefined)[] = [];

  constructor(shared: SharedChange, events: readonly number[]) {
    this.#shared = shared;
    this.#events = events;
  }

  of({ only, prev }: WatchRequest): SizedBatch | undefined {
    const form = (only === undefined ? 0 : only === 'put' ? 1 : 2) + (prev ? 3 : 0);
    let made = this.#made[form];
    if (made === undefined) this.#made[form] = made = this.#make(only, prev);
    return made ?? undefined;
  }

  #make(only: WatchRequest['only'], prev: boolean): SizedBatch | null {
    const shared = this.#shared;
    const events: RawEvent[] = [];
    for (const at of this.#events) if (passes(shared.event(at), only)) events.push(shared.raw(at, prev));
    if (events.length === 0) return null;
    const batch: RawBatch = { kind: 'change', revision: shared.revision, events };
    return { batch, bytes: batchBytes(batch) };
  }
}

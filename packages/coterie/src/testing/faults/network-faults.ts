import type { NetworkCounters } from '@coterie/raft';
import { FaultFamily, shuffled } from './fault-family.js';

/** What the network itself counts, as it is printed. */
const counted: readonly (readonly [string, keyof NetworkCounters])[] = [
  ['message lost', 'lost'],
  ['message duplicated', 'duplicated'],
  ['message overtaken', 'overtaken'],
  ['message stale', 'stale'],
  ['message clogged', 'clogged'],
  ['message lost in a reset', 'reset'],
  ['link overflow', 'overflow'],
  ['snapshot interrupted', 'snapshotsBroken'],
];

const calm = {
  loss: 0,
  duplicate: 0,
  reconnect: 0,
  stale: 0,
  tail: 0,
  meanExtraMs: 0,
  minLatencyMs: 0.1,
  maxLatencyMs: 1,
};
/** How long a way that flaps stays as it is, at most. */
const flapMs = 400;

type Way = readonly [from: string, to: string];

/** Messages lost, late, repeated, overtaken and stale; ways cut, clogged, flapping; connections reset. */
export class NetworkFaults extends FaultFamily {
  override readonly counts = [
    ...counted.map(([name]) => name),
    ...['link cut', 'way cut in one direction', 'partition in halves', 'member isolated', 'leader isolated', 'ring'],
    ...['bridge', 'deaf member', 'flapping way', 'clog', 'swizzle-clog', 'connection reset'],
    ...['permanent network failure'],
  ];
  /** Grows when everything is healed: what was meant for an earlier time does nothing. */
  #era = 0;

  override start(): void {
    this.#setFaults();
    if (this.world.names.length < 2) return;
    const random = this.random;
    const kinds = this.#kinds().filter(() => random.chance(0.6));
    const meanMs = random.pick([0, 3000, 8000, 8000, 30_000]);
    if (meanMs > 0 && kinds.length > 0) {
      const longestMs = random.pick([3000, 6000, 6000, 30_000]);
      this.strikes(meanMs, () => random.pick(kinds)(random.nextInt(longestMs)));
    }
    const resetMs = random.pick([0, 500, 5000]);
    if (resetMs > 0) this.strikes(resetMs, () => this.#reset());
  }

  /** The core's own ways are good; everybody else keeps one failure of the network, or none, for ever. */
  override freeze(core: ReadonlySet<string>): void {
    this.#heal();
    for (const name of this.world.names) if (!core.has(name)) this.#condemn(name, [...core]);
  }

  override stop(): void {
    this.#heal();
  }

  /** Strengths that let an election succeed sometimes: times on the way stay well below its timeout. */
  #setFaults(): void {
    const random = this.random;
    const shortMs = this.world.parameters.options.electionTimeoutMs / 50;
    const minLatencyMs = random.pick([0.1, 1, shortMs]);
    this.world.network.setFaults({
      loss: random.pick([0, 0, 0.01, 0.1, 0.3]),
      duplicate: random.pick([0, 0, 0.05, 0.5]),
      reconnect: random.pick([0, 0, 0.02, 0.5]),
      stale: random.pick([0, 0, 0.01, 0.1]),
      staleMs: random.pick([1000, 10_000, 60_000]),
      minLatencyMs,
      maxLatencyMs: minLatencyMs + random.pick([0, 1, shortMs]),
      meanExtraMs: random.pick([0, 0, 1, shortMs]),
      tail: random.pick([0, 0, 0.01, 0.1]),
    });
  }

  #heal(): void {
    if (!this.stopped) {
      const { counts, network } = this.world;
      for (const [name, key] of counted) counts.add(name, network.counters[key]);
    }
    this.stopped = true;
    this.#era++;
    const { network } = this.world;
    network.heal();
    network.unclog();
    network.setFaults(calm);
  }

  // ------------------------------------------------------------------------------------------------------------- kinds

  #kinds(): ((forMs: number) => void)[] {
    return [
      (ms) => this.#partition('partition in halves', this.#halves(), ms),
      (ms) => this.#partition('member isolated', this.#around(this.random.pick(this.world.names)), ms),
      (ms) => this.#isolateLeader(ms),
      (ms) =>
        this.#partition(
          'ring',
          this.#outside((a, b, n) => (a + 1) % n === b || (b + 1) % n === a),
          ms,
        ),
      (ms) => this.#bridge(ms),
      (ms) => this.#deaf(ms),
      (ms) => this.#cut([this.#anyWay()], ms, 'way cut in one direction'),
      (ms) => this.#flap(this.#anyWay(), this.world.time.now + ms),
      (ms) => this.#clog([this.#anyWay()], ms),
      (ms) => this.#clog(this.#around(this.random.pick(this.world.names)), ms),
      (ms) => this.#swizzle(ms),
    ];
  }

  /** In both directions, or in one. */
  #partition(what: string, ways: readonly Way[], ms: number): void {
    const way = this.random.nextInt(3);
    const cut = way === 0 ? ways : ways.filter(([from, to]) => from < to === (way === 1));
    this.#cut(cut, ms, what);
  }

  #isolateLeader(ms: number): void {
    const leader = this.world.leader;
    if (leader === undefined) return;
    const around = this.#around(leader.name);
    const way = this.random.nextInt(3);
    const cut = way === 0 ? around : around.filter(([from]) => (from === leader.name) === (way === 1));
    this.#cut(cut, ms, 'leader isolated');
  }

  #deaf(ms: number): void {
    const deaf = this.random.pick(this.world.names);
    this.#cut(
      this.#around(deaf).filter(([, to]) => to === deaf),
      ms,
      'deaf member',
    );
  }

  /** Two sides that share one member. */
  #bridge(ms: number): void {
    const [bridge, ...rest] = shuffled(this.random, this.world.names);
    const left = new Set(rest.slice(0, Math.floor(rest.length / 2)));
    const ways = this.#ways().filter(([a, b]) => a !== bridge && b !== bridge && left.has(a) !== left.has(b));
    this.#cut(ways, ms, 'bridge');
  }

  /** A random half is clogged, one by one over seconds, and opened in another order (FoundationDB). */
  #swizzle(ms: number): void {
    const era = this.#era;
    const half = shuffled(this.random, this.world.names).slice(0, Math.ceil(this.world.names.length / 2));
    this.world.counts.add('swizzle-clog');
    half.forEach((name, i) => {
      this.world.time.schedule((i * ms) / half.length, () => {
        if (era === this.#era) this.#setClog(this.#around(name), true);
      });
    });
    shuffled(this.random, half).forEach((name, i) => {
      this.world.time.schedule(ms + (i * ms) / half.length, () => {
        if (era === this.#era) this.#setClog(this.#around(name), false);
      });
    });
  }

  /** One direction comes and goes: a member that is heard now and then, and never hears in time. */
  #flap(way: Way, untilMs: number): void {
    const era = this.#era;
    this.world.counts.add('flapping way');
    const turn = (open: boolean): void => {
      if (era !== this.#era) return;
      if (open) this.#open([way]);
      else this.#close([way]);
      if (open && this.world.time.now >= untilMs) return;
      this.world.time.schedule(1 + this.random.nextInt(flapMs), () => turn(!open));
    };
    turn(false);
  }

  #reset(): void {
    const { links, network, counts } = this.world;
    // In the middle of a snapshot, where there is one.
    const [moving] = network.transfers;
    const [a, b] = moving ?? this.#anyWay().map((name) => links.get(name)!);
    const lost = network.counters.reset;
    network.reset(a, b);
    // With nothing on the way nothing is lost.
    if (moving !== undefined || network.counters.reset > lost) counts.add('connection reset');
  }

  /** One of the failures that a cluster has to bear for good. */
  #condemn(name: string, core: readonly string[]): void {
    const around = this.#around(name);
    const fate = this.random.nextInt(6);
    if (fate === 0) return;
    this.world.counts.add('permanent network failure');
    if (fate === 1) this.#close(around);
    else if (fate === 2) this.#close(around.filter(([, to]) => to === name));
    else if (fate === 3) this.#close(around.filter(([from]) => from === name));
    else if (fate === 4) this.#flap([this.random.pick(core), name], Infinity);
    else this.#flap([name, this.random.pick(core)], Infinity);
  }

  // -------------------------------------------------------------------------------------------------------------- ways

  #cut(ways: readonly Way[], ms: number, what: string): void {
    // A ring of three and a bridge of two leave nothing out: nothing is cut then, and nothing counted.
    if (ways.length === 0 || ms === 0) return;
    const era = this.#era;
    this.world.counts.add(what);
    this.#close(ways);
    this.world.time.schedule(ms, () => {
      if (era === this.#era) this.#open(ways);
    });
  }

  #clog(ways: readonly Way[], ms: number): void {
    if (ms === 0) return;
    const era = this.#era;
    this.world.counts.add('clog');
    this.#setClog(ways, true);
    this.world.time.schedule(ms, () => {
      if (era === this.#era) this.#setClog(ways, false);
    });
  }

  #close(ways: readonly Way[]): void {
    for (const [from, to] of ways) this.world.cut(from, to);
  }

  #open(ways: readonly Way[]): void {
    const { links, network } = this.world;
    for (const [from, to] of ways) network.heal(links.get(from), links.get(to));
  }

  #setClog(ways: readonly Way[], on: boolean): void {
    const { links, network } = this.world;
    for (const [from, to] of ways) {
      if (on) network.clog(links.get(from)!, links.get(to)!);
      else network.unclog(links.get(from), links.get(to));
    }
  }

  #ways(): Way[] {
    const { names } = this.world;
    return names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));
  }

  #anyWay(): Way {
    return this.random.pick(this.#ways());
  }

  #around(name: string): Way[] {
    return this.#ways().filter(([from, to]) => from === name || to === name);
  }

  #halves(): Way[] {
    const { names } = this.world;
    const left = new Set(shuffled(this.random, names).slice(0, 1 + this.random.nextInt(names.length - 1)));
    return this.#ways().filter(([from, to]) => left.has(from) !== left.has(to));
  }

  /** Ways between members that are no neighbours, in a random order of all. */
  #outside(neighbours: (a: number, b: number, n: number) => boolean): Way[] {
    const order = shuffled(this.random, this.world.names);
    return this.#ways().filter(([from, to]) => !neighbours(order.indexOf(from), order.indexOf(to), order.length));
  }
}

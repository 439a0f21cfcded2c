import type { SimMember } from '../sim-member.js';
import { FaultFamily } from './fault-family.js';

const hourMs = 3_600_000;

/** Any two of them differ by less than the drift of a lease. */
const leaseRates = [0.97, 1, 1, 1.03];
const rates = [0.5, 0.8, 0.99, 1, 1, 1.01, 1.25, 2];

/** Clocks that run fast or slow, wall clocks that jump, processes that stand still. */
export class ClockFaults extends FaultFamily {
  override readonly counts = ['clock fast or slow', 'wall clock jumped', 'process paused', 'clock stood still'];
  readonly #rates = new Map<string, number>();
  /** Those that stand still for good. */
  readonly #frozen = new Set<SimMember>();

  /** Leases stand on clocks that go on, and at about the same rate: whoever has others must not switch them on. */
  get #leases(): boolean {
    return this.world.parameters.options.leaseReads;
  }

  override start(): void {
    const random = this.random;
    if (random.chance(0.5)) {
      for (const name of this.world.names) this.#rates.set(name, random.pick(this.#leases ? leaseRates : rates));
    }
    this.world.onBoot((member) => this.#setRate(member));
    for (const member of this.world.alive) this.#setRate(member);
    const pauseMs = random.pick([0, 0, 5000, 20_000]);
    const longestMs = random.pick([50, 2000, 30_000]);
    if (pauseMs > 0) this.strikes(pauseMs, () => this.#pause(1 + random.nextInt(longestMs)));
    if (random.chance(0.5)) this.strikes(10_000, () => this.#jump());
  }

  override freeze(core: ReadonlySet<string>): void {
    this.stopped = true;
    for (const member of this.world.alive) {
      if (core.has(member.name)) this.#restore(member);
      else if (member.process.paused || this.random.chance(0.2)) {
        this.#frozen.add(member);
        member.process.pause('leap');
        this.world.counts.add('process paused');
      }
    }
  }

  override stop(): void {
    super.stop();
    this.#frozen.clear();
    for (const member of this.world.alive) this.#restore(member);
  }

  #restore(member: SimMember): void {
    member.process.resume();
    member.process.setRate(1);
  }

  #setRate(member: SimMember): void {
    const rate = this.#rates.get(member.name);
    if (this.stopped || rate === undefined || rate === 1) return;
    this.world.counts.add('clock fast or slow');
    member.process.setRate(rate);
  }

  #jump(): void {
    const { alive } = this.world;
    if (alive.length === 0) return;
    this.world.counts.add('wall clock jumped');
    this.random.pick(alive).process.jumpWall((2 * this.random.next() - 1) * hourMs);
  }

  /** One of them, or all: a host that is short of memory stops every machine on it. */
  #pause(forMs: number): void {
    const { alive, counts, time } = this.world;
    if (alive.length === 0) return;
    const stands = !this.#leases && this.random.chance(0.4);
    for (const member of this.random.chance(0.1) ? alive : [this.random.pick(alive)]) {
      if (member.process.paused) continue;
      counts.add('process paused');
      if (stands) counts.add('clock stood still');
      this.world.note(`pause ${member.name}`);
      member.process.pause(stands ? 'stand' : 'leap');
      time.schedule(forMs, () => {
        if (!this.#frozen.has(member)) member.process.resume();
      });
    }
  }
}

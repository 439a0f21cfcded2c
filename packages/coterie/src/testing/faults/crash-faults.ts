import { FaultFamily } from './fault-family.js';

/** How long after its death a process is started again, at the most; one drawn. */
const bootWithinMs = [200, 8000];

/** Processes that die, rooms that lose power, disks that are lost for good. */
export class CrashFaults extends FaultFamily {
  override readonly counts = ['process killed', 'power lost', 'disk lost', 'restart loop', 'member dead for good'];

  override start(): void {
    const random = this.random;
    this.strikes(random.pick([4000, 10_000, 30_000]), () => this.#crash());
    if (random.chance(0.4)) this.strikes(20_000, () => this.#wipe());
    if (random.chance(0.3)) this.strikes(30_000, () => this.#loop(3 + random.nextInt(8)));
    // What a run leaves behind must often have been through one.
    if (random.chance(0.5)) this.world.time.schedule(this.untilMs - 500, () => this.#blackout());
  }

  /** The core is up; others who are down stay down, and some go down now. */
  override freeze(core: ReadonlySet<string>): void {
    this.stopped = true;
    const { names, running, counts } = this.world;
    for (const name of names) {
      if (core.has(name)) this.#up(name);
      else {
        if (this.random.chance(0.3)) this.world.die(name, 'kill');
        if (!running.has(name)) counts.add('member dead for good');
      }
    }
  }

  /** Everybody who is down is started again. */
  override stop(): void {
    super.stop();
    for (const name of this.world.names) this.#up(name);
  }

  #up(name: string): void {
    if (!this.world.running.has(name)) this.world.boot(name);
  }

  /** A supervisor that starts a process again and again. */
  #loop(times: number, name = this.random.pick(this.world.names)): void {
    if (this.stopped || times === 0) return;
    this.world.counts.add('restart loop');
    this.world.die(name, 'kill');
    this.world.time.schedule(this.random.nextInt(50), () => {
      if (this.stopped) return;
      this.#up(name);
      this.world.time.schedule(this.random.nextInt(200), () => this.#loop(times - 1, name));
    });
  }

  /** Any number of members may be down at once: all of them too. */
  #crash(): void {
    const { alive } = this.world;
    if (alive.length === 0) return;
    if (this.random.chance(0.3)) {
      this.#blackout();
      return;
    }
    const { name } = this.random.pick(alive);
    this.world.die(name, this.random.chance(0.6) ? 'power' : 'kill');
    this.bootLater(name, bootWithinMs);
  }

  /**
   * The power of the whole room, after the disks have begun to stall: the one fault in which what was acknowledged
   * lives on synced disks alone.
   */
  #blackout(): void {
    const { machines, time } = this.world;
    const slowness = this.random.pick([1, 100, 2000]);
    for (const machine of machines.values()) machine.slowness = slowness;
    time.schedule(this.random.nextInt(400), () => {
      for (const machine of machines.values()) machine.slowness = 1;
      if (this.stopped) return;
      for (const { name } of this.world.alive) {
        this.world.die(name, 'power');
        this.bootLater(name, bootWithinMs);
      }
    });
  }

  /** A disk is lost for good, of a member without whose disk the others can go on. */
  #wipe(): void {
    const { alive, atlas } = this.world;
    const candidates = alive.filter((member) => atlas.mayLose(member));
    if (candidates.length === 0) return;
    const { name } = this.random.pick(candidates);
    this.world.die(name, 'wipe');
    this.bootLater(name, bootWithinMs);
  }
}

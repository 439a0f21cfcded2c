import { CoterieError } from '@coterie/errors';
import type { SeededRandom } from '@coterie/raft/testing';
import type { SimMember } from '../sim-member.js';
import type { SimWorld } from '../sim-world.js';

/**
 * The operator of the simulated cluster, as far as disks go: a process that an error of its disk has stopped is started
 * again on that disk; a disk whose contents were found damaged is replaced by an empty one, whose member joins anew.
 */
export class DiskRepair {
  static readonly counts = ['stopped by a failed disk', 'stopped by damage', 'damaged disk replaced'];
  readonly #world: SimWorld;
  readonly #random: SeededRandom;

  constructor(world: SimWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** A process stopped itself, or does not open. */
  onFailure(member: SimMember, error: Error): void {
    const corrupt = error instanceof CoterieError && error.code === 'ERR_CORRUPT';
    this.#world.counts.add(corrupt ? 'stopped by damage' : 'stopped by a failed disk');
    const power = this.#random.chance(0.3);
    this.#world.time.schedule(this.#random.nextInt(3000), () => {
      if (member.dead) return;
      this.#world.die(member.name, power ? 'power' : 'kill');
      // Without damage at rest a read went wrong on its way: the disk is as it was.
      if (corrupt) this.replace(member.name);
      this.bootLater(member.name);
    });
  }

  /** Puts an empty disk in the place of a damaged one, of a machine on which nothing runs. */
  replace(name: string): void {
    const machine = this.#world.machines.get(name)!;
    if (!machine.damaged) return;
    this.#world.note(`replace ${name}`);
    this.#world.counts.add('damaged disk replaced');
    machine.wipe();
  }

  bootLater(name: string): void {
    this.#world.time.schedule(this.#random.nextInt(this.#random.pick([200, 5000])), () => {
      if (!this.#world.running.has(name)) this.#world.boot(name);
    });
  }

  /** These are on sound disks: what was damaged is replaced and started again, and so is who has stopped. */
  finish(names: readonly string[]): void {
    for (const name of names) {
      const machine = this.#world.machines.get(name)!;
      const member = this.#world.running.get(name);
      // A fault that has struck already may stop its process only when it is noticed.
      const struck = machine.excuses.storage || machine.excuses.corrupt;
      // It is at it already.
      if (machine.healable && member?.engine.status.state === 'rebuilding') continue;
      if (!machine.damaged && !struck && member?.engine.status.state !== 'failed') continue;
      if (member !== undefined) this.#world.die(name, 'kill');
      this.replace(name);
      this.#world.boot(name);
    }
  }
}

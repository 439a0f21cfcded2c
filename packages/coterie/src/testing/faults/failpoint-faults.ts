import type { Plan } from '../sabotage.js';
import { failpoints } from '../sim-failpoints.js';
import type { SimMachine } from '../sim-storage.js';
import { FaultFamily } from './fault-family.js';

const all: readonly string[] = [...new Set([...failpoints.starting, ...failpoints.running, ...failpoints.snapshots])];
const starting: ReadonlySet<string> = new Set(failpoints.starting);
const snapshots: ReadonlySet<string> = new Set(failpoints.snapshots);
const often: ReadonlySet<string> = new Set(failpoints.running);

/** A plan for a snapshot may wait beside another one: it would keep every other from its machine. */
const keyOf = (name: string, point: string): string => (snapshots.has(point) ? `${name} snapshot` : name);

/** A point that has not been reached by then is given up: another one has its turn. A snapshot may take its time. */
const waitMs = 5000;
const snapshotWaitMs = 60_000;

/** How long after its death a process is started again, at the most; one drawn. */
const bootWithinMs = [100, 3000];

/** How often a point was struck is counted under this name. */
const failpointCount = (point: string): string => `failpoint ${point}`;

/** Processes that die, alone or with their machine's power, at a named step: before it, in its middle or after it. */
export class FailpointFaults extends FaultFamily {
  override readonly counts = all.map(failpointCount);
  readonly #waiting = new Map<string, Plan>();

  override start(): void {
    const random = this.random;
    const everyMs = random.pick([0, 0, 1000, 3000, 10_000]);
    if (everyMs === 0) return;
    // Founding comes once: its steps have to be waited for from the beginning.
    for (const name of this.world.names) if (random.chance(0.5)) this.#plan(name, random.pick(failpoints.starting));
    this.strikes(everyMs, () => this.#planOne());
  }

  /** Those outside the core go on dying. */
  override freeze(core: ReadonlySet<string>): void {
    if (this.leaveOut(core)) this.#callOff((name) => core.has(name));
    else this.stop();
  }

  override stop(): void {
    super.stop();
    this.#callOff(() => true);
  }

  #callOff(whose: (name: string) => boolean): void {
    for (const [key, plan] of this.#waiting) {
      const name = key.split(' ')[0]!;
      if (!whose(name)) continue;
      this.#machine(name).sabotage.cancel(plan);
      this.#waiting.delete(key);
    }
  }

  #machine(name: string): SimMachine {
    return this.world.machines.get(name)!;
  }

  #planOne(): void {
    const name = this.random.pick(this.within);
    const points = this.random.pick([failpoints.starting, failpoints.running, failpoints.snapshots]);
    const point = this.random.pick<string>(points);
    if (this.#waiting.has(keyOf(name, point))) return;
    this.#plan(name, point);
    if (!starting.has(point) || !this.world.running.has(name) || this.random.chance(0.3)) return;
    this.world.die(name, this.random.chance(0.5) ? 'power' : 'kill');
    this.bootLater(name, bootWithinMs);
  }

  #plan(name: string, point: string): void {
    const key = keyOf(name, point);
    const how = this.random.chance(0.6) ? 'power' : 'kill';
    const skip = this.random.pick(often.has(point) ? [0, 0, 1, 4, 20] : [0, 0, 0, 1]);
    const struck = (): void => {
      this.world.counts.add(failpointCount(point));
      this.world.die(name, how);
      this.bootLater(name, bootWithinMs);
    };
    const when = this.random.pick(['before', 'middle', 'after'] as const);
    const fired = (): void => void this.#waiting.delete(key);
    const plan: Plan = { point, skip, strike: { kind: 'stop', when, struck }, fired };
    this.#waiting.set(key, plan);
    this.#machine(name).sabotage.plan(plan);
    this.world.time.schedule(snapshots.has(point) ? snapshotWaitMs : waitMs, () => {
      if (this.#machine(name).sabotage.cancel(plan)) this.#waiting.delete(key);
    });
  }
}

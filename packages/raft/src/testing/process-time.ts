import type { Clock, TurnScheduler } from '../ports/clock.js';
import type { VirtualTime } from './virtual-time.js';

/** Tasks that a standing process may have waiting; beyond them the newest are lost, as from a full socket buffer. */
const waitingMax = 100_000;

/**
 * Time as one process of a simulated world sees it: its clock may run faster or slower than the world's, its wall clock
 * may jump, and the process may stand still while the world goes on.
 *
 * Everything that enters the process (timers, turns, messages, completions) goes through {@link run}, so that a process
 * that stands still does nothing, and does it all late when it goes on, as after a blocked event loop or SIGSTOP.
 */
export class ProcessTime {
  readonly clock: Clock;
  readonly turns: TurnScheduler;
  readonly #world: VirtualTime;
  readonly #dead: () => boolean;
  #rate = 1;
  #localBase: number;
  #worldBase: number;
  #wallOffset = 0;
  #paused: 'leap' | 'stand' | undefined;
  #waiting: (() => void)[] = [];
  #timers = 0;

  /** @param dead nothing of the process runs any more once it says so */
  constructor(world: VirtualTime, dead: () => boolean) {
    this.#world = world;
    this.#dead = dead;
    this.#localBase = this.#worldBase = world.now;
    this.clock = {
      now: () => this.now,
      setInterval: (fn, ms) => {
        const timer = { cleared: false };
        this.#timers++;
        const fire = (): void => {
          if (timer.cleared) return;
          this.#world.schedule(ms / this.#rate, late);
          fn();
        };
        const late = (): void => {
          if (!timer.cleared) this.run(fire);
        };
        this.#world.schedule(ms / this.#rate, late);
        return timer;
      },
      clearInterval: (handle) => {
        const timer = handle as { cleared: boolean };
        if (!timer.cleared) this.#timers--;
        timer.cleared = true;
      },
    };
    this.turns = { defer: (fn) => this.#world.schedule(0, () => this.run(fn)) };
  }

  /** Monotonic, in ms of this process. */
  get now(): number {
    if (this.#paused === 'stand') return this.#localBase;
    return this.#localBase + (this.#world.now - this.#worldBase) * this.#rate;
  }

  /** Intervals that run. */
  get timers(): number {
    return this.#timers;
  }

  /** What to add to a true wall clock. */
  get wallOffsetMs(): number {
    return this.#wallOffset;
  }

  get paused(): boolean {
    return this.#paused !== undefined;
  }

  /** From now on an hour of the world is `rate` hours here. Timers that run keep their moment. */
  setRate(rate: number): void {
    this.#rebase();
    this.#rate = rate;
  }

  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  /**
   * Stands still until `resume`.
   * @param monotonic whether the clock will have leapt over the pause (a stopped process), or stood as well (a
   *   suspended machine)
   */
  pause(monotonic: 'leap' | 'stand'): void {
    if (this.#paused !== undefined) return;
    this.#rebase();
    this.#paused = monotonic;
  }

  /** Goes on: what came meanwhile is done now, in the order in which it came. */
  resume(): void {
    if (this.#paused === undefined) return;
    if (this.#paused === 'stand') this.#worldBase = this.#world.now;
    this.#paused = undefined;
    const late = this.#waiting;
    this.#waiting = [];
    for (const fn of late) this.#world.schedule(0, () => this.run(fn));
  }

  /** Runs it in the process: at once, when the process goes on, or never when it is dead. */
  run(fn: () => void): void {
    if (this.#dead()) return;
    if (this.#paused === undefined) fn();
    else if (this.#waiting.length < waitingMax) this.#waiting.push(fn);
  }

  #rebase(): void {
    this.#localBase = this.now;
    this.#worldBase = this.#world.now;
  }
}

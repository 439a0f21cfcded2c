import { SimDisk, SimulatedStop } from '../../src/files/sim-disk.js';
import type { DiskStrike } from '../../src/files/sim-strike.js';
import { ModelOrderedStores } from '../../src/store/model-ordered-store.js';
import type { OrderedStores } from '../../src/store/ordered-store.js';
import { Schedule, seeded } from '../store/fixture.js';

export type Loss = 'power' | 'process';
export type Moment = 'before' | 'middle' | 'after';

/** At which call of a port, counted from the moment it is given, a process ends, and how. */
export interface Crash {
  readonly call: number;
  readonly when: Moment;
  readonly loss: Loss;
}

/** What a process that has been struck throws into whoever waits for it. */
export class Died extends Error {
  override readonly name = 'Died';
}

/** A disk, a model of LevelDB and what is due on them. It outlives the processes that run on it. */
export class Hardware {
  readonly schedule: Schedule;
  readonly disk: SimDisk;
  readonly ordered: ModelOrderedStores;
  /** Calls of either port. */
  calls = 0;
  #life = 0;
  #strike: { readonly at: number; readonly what: DiskStrike } | undefined;
  #stallAt = 0;
  #due = 0;
  /** What stalls: it happens when nothing else is due. */
  #stalled: (() => void) | undefined;

  /** @param order decides what happens first. @param chance decides what a crash leaves */
  constructor(order: number, chance: number) {
    this.schedule = new Schedule(seeded(order));
    const random = seeded(chance);
    this.disk = new SimDisk({ random, schedule: (_, fn) => this.add(fn) });
    this.ordered = new ModelOrderedStores(this.add, random);
    this.disk.saboteur = () => this.#called();
    this.ordered.saboteur = () => this.#called();
    this.#survives = () => random.nextInt(2) === 0;
  }

  readonly #survives: () => boolean;

  /** The next process; whatever an earlier one still does has no effect. */
  boot(): Life {
    return new Life(this, ++this.#life, () => this.#life);
  }

  crashAt({ call, when, loss }: Crash): void {
    this.strikeAt(call, { kind: 'stop', when, struck: () => this.strike(loss) });
  }

  /** Befalls that call from now on, once. */
  strikeAt(call: number, what: DiskStrike): void {
    this.#strike = { at: this.calls + call, what };
  }

  /** What has not happened yet will not. */
  spare(): void {
    this.#strike = undefined;
    this.#stallAt = 0;
  }

  /** The disk takes that completion from now on for last, however much else comes due meanwhile. */
  stall(completion: number): void {
    this.#stallAt = this.#due + completion;
  }

  readonly add = (fn: () => void): void => {
    if (++this.#due === this.#stallAt) this.#stalled = fn;
    else this.schedule.add(fn);
  };

  /** Runs one thing that is due. @returns false when nothing was */
  step(): boolean {
    if (this.schedule.step()) return true;
    const stalled = this.#stalled;
    this.#stalled = undefined;
    stalled?.();
    return stalled !== undefined;
  }

  get completions(): number {
    return this.#due;
  }

  strike(loss: Loss): void {
    this.spare();
    this.#life++;
    this.#stalled = undefined;
    this.schedule.forget();
    if (loss === 'power') {
      this.disk.crash();
      this.ordered.crash(this.#survives);
    } else {
      this.disk.kill();
      this.ordered.kill();
    }
  }

  #called(): DiskStrike | undefined {
    this.calls++;
    const strike = this.#strike;
    if (strike === undefined || this.calls < strike.at) return undefined;
    this.#strike = undefined;
    return strike.what;
  }
}

/** The ports of one process. After its death none of them does anything. */
export class Life {
  readonly #hardware: Hardware;
  readonly #number: number;
  readonly #current: () => number;
  readonly files: SimDisk['files'];
  readonly background: SimDisk['background'];
  readonly ordered: OrderedStores;

  constructor(hardware: Hardware, number: number, current: () => number) {
    this.#hardware = hardware;
    this.#number = number;
    this.#current = current;
    this.files = this.#whileAlive(hardware.disk.files);
    this.background = this.#whileAlive(hardware.disk.background);
    this.ordered = this.#whileAlive<OrderedStores>(hardware.ordered);
  }

  get dead(): boolean {
    return this.#current() !== this.#number;
  }

  readonly defer = (fn: () => void): void => {
    if (this.dead) return;
    this.#hardware.add(() => {
      if (!this.dead) fn();
    });
  };

  /** Goes on until a promise settles. @throws Died */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(
      () => (done = true),
      () => (done = true),
    );
    for (;;) {
      await settled();
      if (this.dead) throw new Died('the process is gone');
      if (done) return promise;
      if (!this.step()) throw new Error('nothing is due and the promise is pending');
    }
  }

  /** Goes on until nothing is due. @throws Died */
  async drain(): Promise<void> {
    do {
      await settled();
      if (this.dead) throw new Died('the process is gone');
    } while (this.step());
  }

  /** Runs one thing that is due. @throws Died */
  step(): boolean {
    try {
      return this.#hardware.step();
    } catch (error) {
      if (this.dead) throw new Died('the process is gone', { cause: error });
      throw error;
    }
  }

  #whileAlive<T extends object>(port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          if (this.dead) throw new SimulatedStop('the process is gone');
          return (member as (...given: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  }
}

/** Lets promise callbacks run that are ready. */
async function settled(): Promise<void> {
  for (let at = 0; at < 40; at++) await Promise.resolve();
}

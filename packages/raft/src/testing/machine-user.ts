import assert from 'node:assert/strict';
import type { Index, SnapshotMeta, Term } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource, SnapshotStore } from '../ports/snapshot-store.js';
import type { ClusterState, CommittedEntry, StateMachine } from '../ports/state-machine.js';
import { needs } from './suite.js';
import { pause, settles, until } from './transport-ends.js';

/** A state machine that has come up, and its snapshots; one object may be both. */
export interface OpenedMachine<M extends StateMachine = StateMachine> {
  readonly machine: M;
  readonly snapshots: SnapshotStore;
}

/** A place where a state machine is kept over restarts. */
export interface MachinePlace<M extends StateMachine = StateMachine> {
  /**
   * Brings the state machine up as a restart would; the one opened before is closed or crashed.
   *
   * @param logStart where the log begins that this machine is opened with: `load().start.index`
   */
  open(logStart: Index): Promise<OpenedMachine<M>>;
  /** The process dies: what is not durable is lost, and nothing of the open machine runs on. Left out: the tests
   * of crashes are skipped. */
  crash?(): Promise<void>;
  /** The place is no longer needed. */
  dispose?(): Promise<void>;
}

/** What the suites of state machines and of snapshots need of an author. */
export interface MachineMaker<M extends StateMachine = StateMachine> {
  /**
   * A new, empty place. A small checkpoint interval (some tens of entries) keeps the suite quick; after 5,000 entries
   * without a checkpoint it gives up.
   */
  place(): Promise<MachinePlace<M>>;
  /**
   * The commands of one entry, always the same for the same arguments. They change the state at each entry, in a way
   * that depends on their order.
   *
   * @param nth counts the entries with commands from 0 on
   * @param index of the entry
   */
  commands(nth: number, index: Index): readonly Uint8Array[];
  /** All of the state as of the last applied entry, as text: equal exactly for equal states. */
  stateOf(machine: M): Promise<string>;
}

/** Entries without a checkpoint before the suite gives up. */
const patience = 5_000;
/** Times that one entry is prepared before the suite gives up. */
const preparesMax = 1_000;
/** Every so many entries, one changes the membership and the one before it opens a term. */
const period = 25;

/** What the suites' log holds at an index: the same for every machine of every test. */
export const logOf = {
  term: (index: Index): Term => 1 + Math.floor((index + 1) / period),
  cluster(index: Index): ClusterState | undefined {
    if (index !== 1 && index % period !== 0) return undefined;
    const learners = index === 1 ? [] : [index];
    return {
      conf: { voters: [1, 2, 3], votersOutgoing: [], learners, learnersNext: [], autoLeave: false },
      members: [1, 2, 3, ...learners].map((id) => ({ id, data: Uint8Array.of(id & 255, 7, index & 255) })),
    };
  },
  /** The change of the membership that is in force at an index. */
  clusterAt(index: Index): ClusterState {
    let at = index;
    while (logOf.cluster(at) === undefined) at--;
    return logOf.cluster(at)!;
  },
  isEmpty: (index: Index): boolean => index % period === period - 1,
  stampMs: (index: Index): number => 1_000 + 10 * index,
  /** Log time as of an entry: the stamp of the last one with commands. */
  logTimeMs(index: Index): number {
    for (let at = index; at > 1; at--)
      if (!logOf.isEmpty(at) && logOf.cluster(at) === undefined) return logOf.stampMs(at);
    return 0;
  },
  /** How many entries with commands stand before an index. */
  nth(index: Index): number {
    let count = 0;
    for (let at = 2; at < index; at++) if (!logOf.isEmpty(at) && logOf.cluster(at) === undefined) count++;
    return count;
  },
};

/** Drives one machine through its lives as a driver does, and watches that nothing is called where it may not be. */
export class MachineUser<M extends StateMachine> {
  readonly maker: MachineMaker<M>;
  /** Of this life, in order. */
  checkpoints: { readonly index: Index; readonly term: Term }[] = [];
  readonly failures: Error[] = [];
  readonly #faults: string[] = [];
  machine!: M;
  snapshots!: SnapshotStore;
  /** How far the own log is durable. */
  durable: Index = 0;
  readonly #place: MachinePlace<M>;
  #inside = false;
  #life = 0;
  #open = false;

  private constructor(maker: MachineMaker<M>, place: MachinePlace<M>) {
    this.maker = maker;
    this.#place = place;
  }

  static async start<M extends StateMachine>(maker: MachineMaker<M>): Promise<MachineUser<M>> {
    const user = new MachineUser(maker, await maker.place());
    await user.open(0);
    return user;
  }

  get index(): Index {
    return this.machine.applied().index;
  }

  /** @throws Skipped */
  needsCrash(): void {
    needs(this.#place.crash !== undefined, 'the place offers no crash');
  }

  /** @throws Error the first thing that was wrong about what the machine called, and when */
  claimCalls(): void {
    assert.equal(this.#faults[0], undefined);
  }

  /** Kept, not thrown: the machine is what called. */
  #claim(holds: boolean, what: string): void {
    if (!holds) this.#faults.push(what);
  }

  /** One call of the machine, in which it calls nobody. */
  call<T>(run: () => T): T {
    this.#inside = true;
    try {
      return run();
    } finally {
      this.#inside = false;
    }
  }

  async open(logStart: Index): Promise<void> {
    const life = ++this.#life;
    const { machine, snapshots } = await settles('open', this.#place.open(logStart));
    this.machine = machine;
    this.snapshots = snapshots;
    this.#open = true;
    this.checkpoints = [];
    const heard = (): void => {
      this.#claim(!this.#inside, 'the host is not called from inside prepare, apply or installSnapshot');
      this.#claim(life === this.#life, 'the host hears nothing after close');
    };
    machine.attach({
      checkpointed: (at) => {
        heard();
        this.#claim(at.index <= this.durable, `a checkpoint at ${at.index} is not ahead of the log at ${this.durable}`);
        this.checkpoints.push(at);
      },
      failed: (error) => {
        heard();
        this.failures.push(error);
      },
    });
    machine.logDurable(this.durable);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await settles('close', this.machine.close());
    this.#life++;
  }

  /** Ends this life, as `how` says, and begins the next. */
  async restart(how: 'close' | 'crash', logStart: Index = 0): Promise<void> {
    if (how === 'crash') {
      this.#life++;
      this.#open = false;
      await this.#place.crash!();
    } else {
      await this.close();
    }
    await this.open(logStart);
  }

  async dispose(): Promise<void> {
    await this.close();
    await this.#place.dispose?.();
  }

  /** Applies entries up to an index. @param durable whether the own log keeps pace */
  async advance(to: Index, durable = true): Promise<void> {
    for (let index = this.index + 1; index <= to; index++) {
      await this.#apply(index);
      if (durable) this.logDurable(index);
      if (index % 16 === 0) await pause(0);
    }
    assert.deepEqual(this.failures, [], 'the machine does not fail');
  }

  logDurable(index: Index): void {
    this.durable = index;
    this.machine.logDurable(index);
  }

  /** Applies until one more checkpoint stands. */
  async checkpoint(): Promise<{ readonly index: Index; readonly term: Term }> {
    const before = this.checkpoints.length;
    for (let spent = 0; this.checkpoints.length === before; spent += 10) {
      assert.ok(spent < patience, `there is a checkpoint after ${patience} entries`);
      await this.advance(this.index + 10);
      await pause(1);
    }
    return this.checkpoints.at(-1)!;
  }

  state(): Promise<string> {
    return this.maker.stateOf(this.machine);
  }

  entry(index: Index): CommittedEntry {
    const term = logOf.term(index);
    if (logOf.isEmpty(index)) return { index, term, stampMs: 0, wallMs: 0, commands: [] };
    const commands = this.maker.commands(logOf.nth(index), index);
    return { index, term, stampMs: logOf.stampMs(index), wallMs: 1_700_000_000_000 + index, commands };
  }

  /** Asks until the machine is ready. */
  async prepare(entry: CommittedEntry): Promise<void> {
    for (let asked = 0; asked < preparesMax; asked++) {
      let calls = 0;
      const ready = (): void => {
        this.#claim(!this.#inside, 'ready is not called from inside prepare');
        calls++;
      };
      if (this.call(() => this.machine.prepare(entry, ready))) {
        assert.equal(calls, 0, 'an entry that is ready at once is not announced as well');
        return;
      }
      await until(`entry ${entry.index} is prepared`, () => calls > 0);
      assert.equal(calls, 1, 'ready is called once');
    }
    assert.fail(`entry ${entry.index} is not ready after ${preparesMax} loads`);
  }

  async #apply(index: Index): Promise<void> {
    const cluster = logOf.cluster(index);
    if (cluster !== undefined) {
      this.call(() => {
        this.machine.applyCluster({ index, term: logOf.term(index) }, cluster);
      });
      return;
    }
    const entry = this.entry(index);
    await this.prepare(entry);
    this.call(() => {
      this.machine.apply(entry);
    });
  }

  // --------------------------------------------------------------------------------------------------------- snapshots

  openSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly source: SnapshotSource }> {
    return settles('openSnapshot', this.snapshots.openSnapshot());
  }

  receive(meta: SnapshotMeta): Promise<SnapshotSink> {
    return settles('receiveSnapshot', this.snapshots.receiveSnapshot(meta));
  }

  install(meta: SnapshotMeta): void {
    // Its mark is in the log, and the log begins there.
    this.durable = meta.index;
    this.call(() => {
      this.snapshots.installSnapshot(meta);
    });
    this.machine.logDurable(meta.index);
  }
}

/** All tests of a suite over machines: each has the places that it opens disposed of. */
export class MachineUsers<M extends StateMachine> {
  readonly #maker: MachineMaker<M>;
  readonly #users: MachineUser<M>[] = [];

  constructor(maker: MachineMaker<M>) {
    this.#maker = maker;
  }

  async start(): Promise<MachineUser<M>> {
    const user = await MachineUser.start(this.#maker);
    this.#users.push(user);
    return user;
  }

  /** The state that a machine which was never disturbed has at an index. */
  async expectedAt(index: Index): Promise<string> {
    const user = await this.start();
    await user.advance(index);
    const state = await user.state();
    await user.dispose();
    this.#users.splice(this.#users.indexOf(user), 1);
    return state;
  }

  claimCalls(): void {
    for (const user of this.#users) user.claimCalls();
  }

  async dispose(): Promise<void> {
    for (const user of this.#users) await user.dispose();
  }
}

/** Whole entries and clusters compared by value, whatever kind of Uint8Array they hold. */
export function plainCluster(state: ClusterState | undefined): unknown {
  if (state === undefined) return undefined;
  return { conf: { ...state.conf }, members: state.members.map(({ id, data }) => [id, [...data]]) };
}

import { describe } from 'vitest';
import { MemorySnapshotStore, MemoryStateMachine, type StateMachine, type StateMachineHost } from '../../src/index.js';
import { stateMachineSuite, type MachineMaker } from '../../src/testing/index.js';
import { registerMachines } from '../memory/register-machine.js';
import { changed, rejects, type Broken } from './broken.js';

type Register = MemoryStateMachine<string>;

/** Machines in memory, each with changes of its own. */
function suiteOf(change: (machine: Register) => Partial<Register> = () => ({})) {
  return stateMachineSuite<Register>({
    ...registerMachines,
    async place() {
      const place = await registerMachines.place();
      return {
        ...place,
        async open(logStart) {
          const { machine, snapshots } = await place.open(logStart);
          return { machine: changed(machine, change(machine)), snapshots };
        },
      };
    },
  });
}

/** Machines that fold in a way of their own. */
function folding<S>(initial: () => S, fold: (state: S, command: Uint8Array) => S, show: (state: S) => string) {
  const maker: MachineMaker<MemoryStateMachine<S>> = {
    async place() {
      const snapshots = new MemorySnapshotStore();
      const open = async (logStart: number) => {
        const machine = new MemoryStateMachine<S>({
          initial,
          fold,
          encode: () => new Uint8Array(),
          decode: initial,
          snapshots,
          defer: setImmediate,
          logStart,
        });
        return { machine, snapshots };
      };
      return { open };
    },
    commands: (nth, index) => registerMachines.commands(nth, index),
    stateOf: async (machine) => show(machine.state),
  };
  return () => stateMachineSuite(maker);
}

/** Passes everything on but for what a host would hear. */
const hosting = (host: (real: StateMachineHost, machine: Register) => StateMachineHost) => () =>
  suiteOf((machine) => ({
    attach: (real) => {
      machine.attach(host(real, machine));
    },
  }));

let draws = 0;
const restarted = 'after a close it stands at its last checkpoint, and replay leads on';

const table: Broken[] = [
  {
    breaks: 'takes checkpoints ahead of the log',
    test: 'a checkpoint waits until the own log is durable',
    suite: () => suiteOf((machine) => ({ logDurable: () => machine.logDurable(Infinity) })),
  },
  {
    breaks: 'does not notice that the log went back',
    test: 'a checkpoint waits when the log goes back',
    suite: () =>
      suiteOf((machine) => {
        let most = 0;
        return { logDurable: (index) => machine.logDurable((most = Math.max(most, index))) };
      }),
  },
  {
    breaks: 'tells of checkpoints from inside apply',
    test: 'checkpoints are told of in order, with their term',
    suite: () =>
      suiteOf((machine) => {
        let host: StateMachineHost | undefined;
        return {
          attach: (given) => (host = given),
          apply(entry) {
            machine.apply(entry);
            if (entry.index % 20 === 0) host?.checkpointed(machine.applied());
          },
        };
      }),
  },
  {
    breaks: 'tells of the wrong term',
    test: 'checkpoints are told of in order, with their term',
    suite: hosting((real) => ({
      failed: (error) => real.failed(error),
      checkpointed: ({ index, term }) => real.checkpointed({ index, term: term + 1 }),
    })),
  },
  {
    breaks: 'does not count entries without commands',
    test: 'applied, cluster and log time follow every entry, commands or not',
    suite: () =>
      suiteOf((machine) => {
        let at: ReturnType<StateMachine['applied']> = { index: 0, term: 0 };
        return {
          applied: () => at,
          apply(entry) {
            machine.apply(entry);
            if (entry.commands.length > 0) at = machine.applied();
          },
          applyCluster(where, state) {
            machine.applyCluster(where, state);
            at = machine.applied();
          },
        };
      }),
  },
  {
    breaks: 'lets log time follow entries without a stamp',
    test: 'applied, cluster and log time follow every entry, commands or not',
    suite: () =>
      suiteOf((machine) => {
        let stampMs = 0;
        return {
          logTimeMs: () => stampMs,
          apply(entry) {
            machine.apply(entry);
            stampMs = entry.stampMs;
          },
        };
      }),
  },
  {
    breaks: 'decides by chance',
    test: 'the same entries give the same state, at any pace',
    suite: folding(
      () => '',
      (state, command) => `${state}${command.length}:${++draws};`,
      (state) => state,
    ),
  },
  {
    breaks: 'keeps the bytes of an entry',
    test: 'what an entry holds is neither changed nor kept',
    suite: folding<Uint8Array[]>(
      () => [],
      (kept, command) => [...kept, command],
      (kept) => kept.map((bytes) => bytes.join()).join(';'),
    ),
  },
  {
    breaks: 'changes the bytes of an entry',
    test: 'what an entry holds is neither changed nor kept',
    suite: folding(
      () => '',
      (state, command) => {
        const text = command.join();
        command.reverse();
        return `${state}${text};`;
      },
      (state) => state,
    ),
  },
  {
    breaks: 'leaves every second entry out',
    test: 'every command counts',
    suite: () =>
      suiteOf((machine) => ({ apply: (e) => machine.apply(e.index % 2 === 0 ? e : { ...e, commands: [] }) })),
  },
  {
    breaks: 'comes back without the members',
    test: restarted,
    suite: () => suiteOf((machine) => (machine.cluster() === undefined ? {} : { cluster: () => undefined })),
  },
  {
    breaks: 'comes back without log time',
    test: restarted,
    suite: () => suiteOf((machine) => (machine.logTimeMs() === 0 ? {} : { logTimeMs: () => 0 })),
  },
  {
    breaks: 'says ready from inside prepare',
    test: 'the same entries give the same state, at any pace',
    suite: () =>
      suiteOf(() => {
        let asked = 0;
        return {
          prepare(_entry, ready) {
            if (++asked % 2 === 0) return true;
            ready();
            return false;
          },
        };
      }),
  },
  {
    breaks: 'talks after close',
    test: 'closes for good: idempotent, and silent afterwards',
    suite: () =>
      suiteOf((machine) => {
        let host: StateMachineHost | undefined;
        return {
          attach: (given) => (host = given),
          async close() {
            await machine.close();
            setTimeout(() => host?.checkpointed({ index: 1, term: 1 }), 10);
          },
        };
      }),
  },
];

describe('broken state machines', () => {
  rejects(table, suiteOf);
});

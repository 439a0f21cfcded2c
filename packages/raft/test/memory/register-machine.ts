import { MemorySnapshotStore, MemoryStateMachine } from '../../src/memory/index.js';
import type { MachineMaker } from '../../src/testing/index.js';

/** A machine in memory whose state is a text: each command is appended. */
export const registerMachines: MachineMaker<MemoryStateMachine<string>> = {
  async place() {
    const snapshots = new MemorySnapshotStore();
    let dead = (): void => undefined;
    return {
      async open(logStart) {
        let alive = true;
        dead = () => (alive = false);
        const machine = new MemoryStateMachine<string>({
          initial: () => '',
          fold: (state, command) => `${state}${Buffer.from(command).toString()};`,
          encode: (state) => Buffer.from(state),
          decode: (bytes) => Buffer.from(bytes).toString(),
          snapshots,
          defer: (fn) => setImmediate(() => alive && fn()),
          logStart,
          checkpointEntries: 20,
        });
        return { machine, snapshots };
      },
      crash: async () => dead(),
    };
  },
  commands: (nth, index) => [Buffer.from(`c${nth}`), Buffer.from(`at ${index}`)],
  stateOf: async (machine) => machine.state,
};

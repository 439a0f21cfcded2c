import { describe, it } from 'vitest';
import { snapshotStoreSuite, stateMachineSuite } from '../../src/testing/index.js';
import { registerMachines } from './register-machine.js';

describe('MemoryStateMachine and MemorySnapshotStore', () => {
  stateMachineSuite(registerMachines, it);
  snapshotStoreSuite(registerMachines, it);
});

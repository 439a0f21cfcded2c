import type { Index } from '@coterie/raft';
import { snapshotStoreSuite, stateMachineSuite, type MachineMaker, type MachinePlace } from '@coterie/raft/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { encodeOpenSession, encodeWrite } from '../../src/command/encode.js';
import { nodeBackgroundFiles, nodeFileSystem } from '../../src/files/node-files.js';
import { SimDisk } from '../../src/files/sim-disk.js';
import { MvccStateMachine } from '../../src/machine.js';
import { classicOrderedStores } from '../../src/store/classic-ordered-store.js';
import { ModelOrderedStores } from '../../src/store/model-ordered-store.js';
import { openLevelStore, type OpenLevelStoreOptions } from '../../src/store/open-level-store.js';
import { seeded, tinyLimits } from '../store/fixture.js';
import { put } from './replica.js';
import { VirtualClock } from './virtual-clock.js';

const root = mkdtempSync(join(tmpdir(), 'machine-suites-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** The session of all writes is opened by the first entry that has commands, behind the one that names the members. */
const session = 2;

/** What it opened its session with is the first command; then each entry writes a new key and an old one. */
function commands(nth: number): readonly Uint8Array[] {
  if (nth === 0) return [encodeOpenSession('0123456789abcdef')];
  const [fresh, again] = [2 * nth - 1, 2 * nth];
  return [
    encodeWrite(session, fresh, fresh, put(`new-${nth}`)),
    encodeWrite(session, again, again, put(`old-${nth % 5}`)),
  ];
}

async function stateOf(machine: MvccStateMachine): Promise<string> {
  const range = { range: { start: '' }, limit: 0, reverse: false, keysOnly: false, countOnly: false };
  return JSON.stringify([machine.stateHash(), await machine.range(range)]);
}

type Place = Omit<OpenLevelStoreOptions, 'minAppliedIndex' | 'defer'>;

async function open(place: Place, defer: (fn: () => void) => void, logStart: Index) {
  const store = await openLevelStore({ ...place, defer, minAppliedIndex: logStart });
  const machine = new MvccStateMachine({ store, clock: new VirtualClock(), scheduler: { defer } });
  return { machine, snapshots: machine };
}

const limits = { ...tinyLimits, checkpointOperations: 60 };
let places = 0;

const onDisk: MachineMaker<MvccStateMachine> = {
  async place(): Promise<MachinePlace<MvccStateMachine>> {
    const directory = join(root, String(++places));
    const place = { directory, files: nodeFileSystem, background: nodeBackgroundFiles, limits };
    return { open: (logStart) => open({ ...place, ordered: classicOrderedStores }, setImmediate, logStart) };
  },
  commands,
  stateOf,
};

const onSimulatedDisk: MachineMaker<MvccStateMachine> = {
  async place(): Promise<MachinePlace<MvccStateMachine>> {
    const random = seeded(++places);
    let life = 0;
    /** What a life has due ends with it. */
    const later = (fn: () => void): void => {
      const mine = life;
      setImmediate(() => mine === life && fn());
    };
    const disk = new SimDisk({ random, schedule: (_ms, fn) => later(fn) });
    const ordered = new ModelOrderedStores(later);
    const place = { directory: '/data', files: disk.files, background: disk.background, limits, ordered };
    return {
      open: (logStart) => open(place, later, logStart),
      async crash() {
        life++;
        disk.crash();
        ordered.crash(() => random.nextInt(2) === 0);
      },
    };
  },
  commands,
  stateOf,
};

describe('MvccStateMachine on LevelDB and a real disk', () => {
  stateMachineSuite(onDisk, it);
  snapshotStoreSuite(onDisk, it);
});

describe('MvccStateMachine on a simulated disk', () => {
  stateMachineSuite(onSimulatedDisk, it);
  snapshotStoreSuite(onSimulatedDisk, it);
});

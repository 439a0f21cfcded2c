import fc from 'fast-check';
import { expect } from 'vitest';
import type { Command } from '../../src/command/command.js';
import { decodeCommand, decodeSequencedHead } from '../../src/command/decode.js';
import {
  encodeEndSession,
  encodeExpireLeases,
  encodeOpenSession,
  encodeSkip,
  encodeTouch,
  encodeWrite,
} from '../../src/command/encode.js';
import { crc32c } from '../../src/files/crc32c.js';
import { LeaseTable } from '../../src/lease/lease-table.js';
import { SessionTable } from '../../src/session/session-table.js';
import { decodeCluster, encodeCluster } from '../../src/state/cluster-codec.js';
import { decodeCheckpoint, encodeCheckpoint, initialState } from '../../src/store/checkpoint-record.js';
import { decodeRecord, encodeRecord } from '../../src/store/record-codec.js';
import { aLeaseRequest, aRequest, aSetting } from '../command/request-arbitrary.js';
import { makeRecord, seeded } from '../store/fixture.js';
import { same, type Target } from './target.js';

/** Decoders without a checksum: what they take, they would have written so. */
function canonical(input: Uint8Array, again: Uint8Array): void {
  if (!same(input, again)) expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(input).toString('hex'));
}

/** Checksummed: the original or nothing; behind a checksum that is right again, canonical. */
function sound(input: Uint8Array, sample: Uint8Array, repaired: boolean, again: Uint8Array): void {
  canonical(input, again);
  if (!repaired) canonical(input, sample);
}

function encodeCommand(command: Command): Uint8Array {
  switch (command.kind) {
    case 'write':
      return encodeWrite(command.session, command.sequence, command.ackedBelow, command.request);
    case 'skip':
      return encodeSkip(command.session, command.sequence, command.ackedBelow);
    case 'touch':
      return encodeTouch(command.session, command.ackedBelow);
    case 'endSession':
      return encodeEndSession(command.session);
    case 'openSession':
      return encodeOpenSession(command.nonce);
    case 'expireLeases':
      return encodeExpireLeases(command.leases);
  }
}

const commands: Target = {
  name: 'command',
  share: 40,
  samples: [
    ...fc.sample(aRequest, { numRuns: 200, seed: 1 }).map((request, at) => encodeWrite(7 * at, at + 1, at, request)),
    ...fc.sample(aLeaseRequest, { numRuns: 60, seed: 1 }).map((request, at) => encodeWrite(7, at + 1, at, request)),
    encodeExpireLeases([
      { id: 7, generation: 2 ** 32 + 1 },
      { id: 2 ** 32 + 2, generation: 2 ** 32 + 2 },
    ]),
    ...fc.sample(aSetting, { numRuns: 60, seed: 1 }).map((request, at) => encodeWrite(7, at + 1, at, request)),
    encodeSkip(3, 4, 5),
    encodeTouch(300, 70_000),
    encodeEndSession(2 ** 40),
    encodeOpenSession('0123456789abcdef'),
    encodeExpireLeases([1, 300, 2 ** 40].map((id) => ({ id, generation: 7 * id }))),
  ],
  check: (input) => {
    decodeSequencedHead(input);
    canonical(input, encodeCommand(decodeCommand(input)));
  },
};

function sessionTable(seed: number): Uint8Array {
  const random = seeded(seed);
  const table = new SessionTable();
  for (let id = 1; id < 6; id++) {
    table.open(`nonce-${id}-${seed}`.padEnd(16, '.').slice(0, 16), id, 1_000 + id);
    for (let more = random.nextInt(9); more > 0; more--) {
      const revision = random.nextInt(300);
      const txn = {
        kind: 'txn',
        revision,
        succeeded: true,
        results: [{ kind: 'put' }, { kind: 'add', value: -4 }],
      } as const;
      const outcomes = [
        { kind: 'put', ok: true, revision },
        { kind: 'put', ok: false, revision },
        { kind: 'delete', ok: true, revision, deleted: 3 },
        { kind: 'add', ok: false, revision, value: -700 },
        { kind: 'refused', code: 'ERR_COMPACTED', compactRevision: 9 },
        { kind: 'refused', code: 'ERR_ABORTED' },
        { ...txn, results: [...txn.results, txn] },
      ] as const;
      const outcome = outcomes[random.nextInt(outcomes.length)];
      if (outcome !== undefined) table.advance(id, outcome);
    }
  }
  return table.encode();
}

const sessions: Target = {
  name: 'session table',
  share: 15,
  samples: Array.from({ length: 20 }, (_, seed) => sessionTable(seed)),
  check: (input) => {
    const table = SessionTable.decode(input);
    if (input.length > 0) canonical(input, table.encode());
  },
};

function leaseTable(seed: number): Uint8Array {
  const random = seeded(seed);
  const leases = new LeaseTable();
  for (let more = 1 + random.nextInt(5); more > 0; more--) {
    const id = leases.nextGeneration(undefined, 0);
    leases.grant({ id, generation: id, ttlMs: 10 ** random.nextInt(9), own: random.nextInt(2) === 0 }, 5_000);
    const keys = Array.from({ length: 1 + random.nextInt(3) }, (_, at) => `key-${id}-${at}`);
    const events = keys.map((key) => {
      const after = { ...makeRecord(key, new Uint8Array(3), 9, undefined), lease: id };
      return { key, before: undefined, after };
    });
    leases.committed({ revision: 9, events });
  }
  return leases.encode();
}

const leases: Target = {
  name: 'lease table',
  share: 10,
  samples: Array.from({ length: 12 }, (_, seed) => leaseTable(seed)),
  check: (input) => {
    const table = LeaseTable.decode(input);
    if (input.length > 0) canonical(input, table.encode());
  },
};

const clusterSamples = [1, 2, 3].map((count) =>
  encodeCluster({
    conf: {
      voters: Array.from({ length: count }, (_, id) => id + 1),
      votersOutgoing: count === 2 ? [9] : [],
      learners: [200],
      learnersNext: [2 ** 40],
      autoLeave: count === 2,
    },
    members: Array.from({ length: count }, (_, id) => ({ id: id + 1, data: Uint8Array.of(id, 5, 6) })),
  }),
);

const clusters: Target = {
  name: 'cluster state',
  share: 10,
  samples: clusterSamples,
  check: (input) => {
    const cluster = decodeCluster(input);
    if (cluster !== undefined) canonical(input, encodeCluster(cluster));
  },
};

function checkpoint(segments: number): Uint8Array {
  return encodeCheckpoint({
    state: {
      ...initialState,
      appliedIndex: 400 + segments,
      appliedTerm: 7,
      revision: 300,
      chain: 0xdeadbeef,
      cluster: clusterSamples[0] as Uint8Array,
      sessions: sessionTable(segments),
    },
    history: {
      nextOrdinal: segments + 5,
      segments: Array.from({ length: segments }, (_, at) => ({
        ordinal: at + 5,
        firstRevision: 10 * at + 2,
        lastRevision: 10 * at + 11,
        bytes: 700,
      })),
    },
  });
}

const checkpoints: Target = {
  name: 'checkpoint',
  share: 10,
  samples: [0, 1, 4].map(checkpoint),
  repair: (bytes) => {
    const end = bytes.length - 4;
    if (end >= 0) new DataView(bytes.buffer).setUint32(end, crc32c(bytes, 0, 0, end), true);
  },
  check: (input, sample, repaired) => {
    sound(input, sample, repaired, encodeCheckpoint(decodeCheckpoint(input)));
  },
};

const records: Target = {
  name: 'record',
  share: 5,
  samples: [0, 1, 40, 600].map((length) => {
    return encodeRecord(makeRecord('some-key', new Uint8Array(length).fill(length), 5 + length, undefined));
  }),
  check: (input, sample) => {
    sound(input, sample, false, encodeRecord(decodeRecord('some-key', input)));
  },
};

export const codecTargets: readonly Target[] = [commands, sessions, leases, clusters, checkpoints, records];

import type { CommittedEntry } from '@coterie/raft';
import fc from 'fast-check';
import { encodeEndSession, encodeOpenSession, encodeSkip, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import { crc32c } from '../../src/files/crc32c.js';
import { firstFeatureLevel } from '../../src/features.js';
import { aLeaseRequest, aRequest, aSetting } from '../command/request-arbitrary.js';
import { cluster, Replica } from '../machine/replica.js';

/**
 * A log as members of some level wrote it, and what it did to them: the hash after every entry, and of all that is kept
 * beside the keys at the end. A line of a golden file is an entry; the first one is the cluster.
 */
export interface GoldenLog {
  readonly level: number;
  readonly entries: readonly {
    readonly stampMs: number;
    readonly commands: readonly string[];
    readonly chain: number;
  }[];
  readonly end: GoldenEnd;
}

export interface GoldenEnd {
  readonly revision: number;
  readonly compactRevision: number;
  readonly liveBytes: number;
  readonly featureLevel: number;
  readonly sessions: number;
  readonly leases: number;
  readonly quotas: number;
}

const clusterIndex = 1;

/** Applies a golden log. @returns the chain after each entry, and the end */
export function replay(golden: Pick<GoldenLog, 'entries'>): { chains: readonly number[]; end: GoldenEnd } {
  const replica = new Replica();
  replica.machine.applyCluster({ index: clusterIndex, term: 1 }, cluster);
  const chains = golden.entries.map(({ stampMs, commands }, at) => {
    const index = clusterIndex + 1 + at;
    const bytes = commands.map((each) => new Uint8Array(Buffer.from(each, 'base64')));
    const entry: CommittedEntry = { index, term: 1, stampMs, wallMs: 0, commands: bytes };
    replica.apply(entry);
    return replica.machine.stateHash().chain;
  });
  const { revision, compactRevision, featureLevel, sessions, leases, quotas } = replica.store.checkpoint().state;
  const { liveBytes } = replica.machine;
  const hashes = { sessions: crc32c(sessions), leases: crc32c(leases), quotas: crc32c(quotas) };
  return { chains, end: { revision, compactRevision, liveBytes, featureLevel, ...hashes } };
}

/** Draws a log in which everything of a level occurs, and what the present build makes of it. */
export function drawGoldenLog(level: number): GoldenLog {
  const sessions = [clusterIndex + 1, clusterIndex + 2];
  const commandsOf = (requests: fc.Arbitrary<Parameters<typeof encodeWrite>[3]>) => {
    const sequences = new Map(sessions.map((session) => [session, 0]));
    const next = (session: number): number => {
      sequences.set(session, sequences.get(session)! + 1);
      return sequences.get(session)!;
    };
    const place = fc.record({ session: fc.constantFrom(...sessions), again: fc.integer({ min: 0, max: 9 }) });
    const draws = fc.sample(fc.tuple(place, requests), { numRuns: 800, seed: 20_000 + level });
    return draws.map(([{ session, again }, request]) => {
      if (again === 0) return encodeTouch(session, sequences.get(session)!);
      if (again === 1) return encodeSkip(session, next(session), Math.max(1, sequences.get(session)! - 5));
      // Now and then one that was applied before, or one that leaves a gap.
      const sequence = again === 2 ? Math.max(1, sequences.get(session)! - 2) : again === 3 ? 9_999 : next(session);
      return encodeWrite(session, sequence, Math.max(1, sequence - 5), request);
    });
  };
  const commands = commandsOf(
    fc.oneof(
      { weight: 5, arbitrary: aRequest },
      aLeaseRequest,
      aSetting.filter(({ kind }) => kind !== 'raiseLevel'),
    ),
  );
  const entries = [[encodeOpenSession('a'.repeat(16))], [encodeOpenSession('b'.repeat(16))]];
  if (level > firstFeatureLevel) {
    // The first commands are of the level below; a third session raises it.
    entries.push(commands.splice(0, 40), [encodeOpenSession('c'.repeat(16))]);
    const raise = { kind: 'raiseLevel', level, members: [1, 2, 3, 4] } as const;
    entries.push([encodeWrite(clusterIndex + entries.length, 1, 1, raise)]);
  }
  while (commands.length > 0) entries.push(commands.splice(0, 5));
  entries.push([Uint8Array.of(9, 9, 9)], [encodeEndSession(sessions[0]!), encodeEndSession(sessions[1]!)]);
  const drawn = entries.map((each, at) => ({
    // The last entry comes after the sessions' time, so that they end.
    stampMs: at === entries.length - 1 ? 2_000_000 : 1_000 * at,
    commands: each.map((bytes) => Buffer.from(bytes).toString('base64')),
    chain: 0,
  }));
  const { chains, end } = replay({ entries: drawn });
  return { level, entries: drawn.map((entry, at) => ({ ...entry, chain: chains[at]! })), end };
}

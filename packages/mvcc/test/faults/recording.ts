import type { ClusterState, CommittedEntry, Random, SnapshotMeta } from '@coterie/raft';
import { encodeOpenSession, encodeWrite } from '../../src/command/encode.js';
import type { WriteRequest } from '../../src/command/operation.js';
import { MvccStateMachine } from '../../src/machine.js';
import type { StateHash } from '../../src/state/state-hashes.js';
import type { ContentHash } from '../../src/store/content-hash.js';
import { openLevelStore } from '../../src/store/open-level-store.js';
import type { Store } from '../../src/store/store.js';
import { VirtualClock } from '../machine/virtual-clock.js';
import { bytes, seeded, tinyLimits } from '../store/fixture.js';
import { showChanges } from '../store/naive-model.js';
import { Hardware, type Life } from './hardware.js';

export const cluster: ClusterState = {
  conf: { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  members: [{ id: 1, data: Uint8Array.of(1, 2) }],
};

/** What a member under test does next. */
export type Step =
  | { readonly kind: 'entry'; readonly entry: CommittedEntry }
  | { readonly kind: 'cluster'; readonly entry: CommittedEntry }
  /** It has missed entries, and its leader sends a snapshot that ends where the next step begins. */
  | { readonly kind: 'snapshot'; readonly meta: SnapshotMeta; readonly content: Uint8Array };

/** What a member must be when it has applied an index. */
export interface Truth {
  readonly state: StateHash;
  readonly content: ContentHash;
  readonly compactRevision: number;
}

/** A workload, and what comes out of it on a member that nothing happens to. */
export interface Recording {
  readonly steps: readonly Step[];
  readonly truths: ReadonlyMap<number, Truth>;
  /** By index, as the log must hold it. */
  readonly entries: ReadonlyMap<number, CommittedEntry>;
  /** All changes from the last compaction on, as text. */
  readonly changes: readonly string[];
}

/** The bytes of an entry in the log. */
export function entryData({ commands, stampMs }: CommittedEntry): Uint8Array {
  return Buffer.concat([
    bytes(`${stampMs} `),
    ...commands.flatMap((command) => [bytes(`${command.length} `), command]),
  ]);
}

/** Applies as a driver does: asked again whenever something has been loaded. */
export async function applyEntry(machine: MvccStateMachine, entry: CommittedEntry, life: Life): Promise<void> {
  for (let asked = 0; ; asked++) {
    if (asked > 100) throw new Error(`entry ${entry.index} never becomes ready`);
    let loaded = (): void => undefined;
    const ready = new Promise<void>((resolve) => (loaded = resolve));
    if (machine.prepare(entry, loaded)) break;
    await life.until(ready);
  }
  machine.apply(entry);
}

/** Every change that is kept, as text. */
export async function keptChanges(store: Store, from: number, through: number, life: Life): Promise<string[]> {
  const found: string[] = [];
  for (let next = from; next <= through;) {
    next = await life.until(
      new Promise<number>((resolve, reject) => {
        store.changes(next, 700, (error, changes, after) => {
          found.push(...showChanges(changes));
          if (error === undefined) resolve(after);
          else reject(error);
        });
      }),
    );
  }
  return found;
}

class Requests {
  readonly #random: Random;
  #sequence = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  command(revision: number, compactRevision: number): Uint8Array {
    const sequence = ++this.#sequence;
    return encodeWrite(1, sequence, sequence, this.#request(revision, compactRevision));
  }

  #request(revision: number, compactRevision: number): WriteRequest {
    const what = this.#random.nextInt(12);
    const key = `key-${this.#random.nextInt(9)}`;
    if (what === 0 && revision - compactRevision > 12)
      return { kind: 'compact', revision: revision - 4 - this.#random.nextInt(6) };
    if (what < 3) return { kind: 'delete', range: { start: key, end: `key-${this.#random.nextInt(10)}` }, prev: false };
    if (what < 5) return { kind: 'add', key: `count-${this.#random.nextInt(3)}`, delta: 1 };
    const value = bytes(sequenceText(this.#sequence).repeat(1 + this.#random.nextInt(20)));
    if (what < 8) return { kind: 'put', key, value, prev: false };
    const put = { kind: 'put', key, value, prev: false } as const;
    const other = { kind: 'put', key: `other-${this.#random.nextInt(4)}`, value, prev: false } as const;
    return { kind: 'txn', compare: [], success: [put, other], failure: [] };
  }
}

function sequenceText(sequence: number): string {
  return `value ${sequence} `;
}

/**
 * @param missed index ranges that the member under test gets as a snapshot: all up to the first checkpoint behind them
 */
export async function record(seed: number, length: number, missed: readonly number[]): Promise<Recording> {
  const random = seeded(seed);
  const hardware = new Hardware(seed, seed);
  const life = hardware.boot();
  const store = await life.until(openLevelStore({ directory: '/store', ...ports(life), limits: tinyLimits }));
  const machine = new MvccStateMachine({ store, clock: new VirtualClock(), scheduler: { defer: life.defer } });
  let checkpoint = 0;
  machine.attach({
    checkpointed: ({ index }) => (checkpoint = index),
    failed: (error) => {
      throw error;
    },
  });
  const requests = new Requests(random);
  const steps: Step[] = [];
  const truths = new Map<number, Truth>();
  const entries = new Map<number, CommittedEntry>();
  let skippedFrom: number | undefined;
  for (let index = 1; index <= length; index++) {
    const commands: Uint8Array[] = [];
    if (index === 1) commands.push(encodeOpenSession('0123456789abcdef'));
    else if (index !== 2)
      for (let more = random.nextInt(3); more >= 0; more--)
        commands.push(requests.command(machine.revision, machine.compactRevision));
    const entry: CommittedEntry = {
      index,
      term: 1 + Math.floor(index / 20),
      stampMs: 1_000 + index,
      wallMs: 0,
      commands,
    };
    entries.set(index, entry);
    if (index === 2) machine.applyCluster(entry, cluster);
    else await applyEntry(machine, entry, life);
    machine.logDurable(index);
    await life.drain();
    const content = await life.until(store.contentHash());
    truths.set(index, { state: machine.stateHash(), content, compactRevision: machine.compactRevision });
    if (missed.includes(index)) skippedFrom ??= index;
    if (skippedFrom === undefined) steps.push({ kind: index === 2 ? 'cluster' : 'entry', entry });
    else if (checkpoint === index) {
      steps.push(await snapshotOf(machine, life));
      skippedFrom = undefined;
    }
  }
  if (skippedFrom !== undefined) throw new Error('no checkpoint ends the entries that are missed');
  const changes = await keptChanges(store, machine.compactRevision, machine.revision, life);
  return { steps, truths, entries, changes };
}

async function snapshotOf(machine: MvccStateMachine, life: Life): Promise<Step> {
  const { meta, source } = await life.until(machine.openSnapshot());
  const parts: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += 1_000) parts.push(Uint8Array.from(await life.until(source.read(at, 1_000))));
  await life.until(source.close());
  return { kind: 'snapshot', meta, content: Buffer.concat(parts) };
}

/** What a store of this process stands on. */
export function ports(life: Life): Pick<Life, 'files' | 'background' | 'ordered' | 'defer'> {
  const { files, background, ordered, defer } = life;
  return { files, background, ordered, defer };
}

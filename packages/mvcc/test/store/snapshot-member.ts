import type { SnapshotMeta, SnapshotSink, SnapshotSource } from '@coterie/raft';
import { expect } from 'vitest';
import { initialState } from '../../src/store/checkpoint-record.js';
import type { StoreState } from '../../src/store/types.js';
import { tinyLimits, World, Writer, bytes } from './fixture.js';
import { NaiveModel } from './naive-model.js';

export const conf = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** A member with a log of its own. */
export class Member {
  readonly world: World;
  readonly model = new NaiveModel(initialState.revision);
  writer!: Writer;

  constructor(seed: number) {
    this.world = new World(seed);
  }

  async start(limits = tinyLimits, minAppliedIndex = 0): Promise<this> {
    const store = await this.world.open(limits, minAppliedIndex);
    if ((this.writer as Writer | undefined) === undefined) this.writer = new Writer(store);
    else this.writer.adopt(store);
    return this;
  }

  get store(): Writer['store'] {
    return this.writer.store;
  }

  /** Writes, and lets each checkpoint complete that comes due. */
  async live(count: number): Promise<void> {
    for (let more = count; more > 0; more--) {
      this.write(1);
      await this.settle();
    }
  }

  write(count: number): void {
    for (let more = count; more > 0; more--) {
      const at = this.writer.index;
      const change = this.writer.apply([
        [`key-${at % 9}`, bytes(`value ${at} `.repeat(15))],
        [`key-${(at + 4) % 9}`, undefined],
        [`large-${at % 3}`, bytes('x'.repeat(at * 10))],
      ]);
      if (change !== undefined) this.model.take(change);
    }
  }

  /** Lets a checkpoint complete. */
  async settle(): Promise<void> {
    this.store.logDurable(this.writer.index);
    await this.world.schedule.drain();
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.world.schedule.until(promise);
  }
}

/** A member with a checkpoint, compacted history and changes behind it. */
export async function sender(seed = 1): Promise<Member> {
  const member = await new Member(seed).start();
  await member.live(20);
  member.writer.compact(9);
  await member.live(30);
  expect(member.store.recovered().appliedIndex).toBeGreaterThan(30);
  return member;
}

export interface Opened {
  readonly state: StoreState;
  readonly meta: SnapshotMeta;
  readonly source: SnapshotSource;
}

export async function open(member: Member): Promise<Opened> {
  const { state, meta, source } = await member.run(member.store.openSnapshot());
  return { state, meta: { ...meta, conf }, source };
}

export async function readAll(member: Member, { source }: Opened): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += 1_000) parts.push(await member.run(source.read(at, 1_000)));
  return Buffer.concat(parts);
}

export async function send(
  to: Member,
  sink: SnapshotSink,
  content: Uint8Array,
  from = 0,
  end = content.length,
): Promise<void> {
  for (let at = from; at < end;) {
    const size = 1 + to.world.random.nextInt(1_500);
    await to.run(sink.write(content.subarray(at, Math.min(end, at + size))));
    at += size;
  }
}

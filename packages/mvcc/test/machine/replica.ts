import type { ClusterState, CommittedEntry } from '@coterie/raft';
import { expect } from 'vitest';
import type { RawEntry, KeyRequest } from '../../src/command/operation.js';
import { MvccStateMachine } from '../../src/machine.js';
import type { SessionListener } from '../../src/session/replica.js';
import { type Image, MemoryStore } from './memory-store.js';
import { ManualScheduler, VirtualClock } from './virtual-clock.js';

export const value = (text: string): Uint8Array => new TextEncoder().encode(text);
export const put = (key: string, text = 'v'): KeyRequest => ({ kind: 'put', key, value: value(text), prev: false });
export const deleteAll = (start: string, end?: string): KeyRequest => ({
  kind: 'delete',
  range: end === undefined ? { start } : { start, end },
  prev: false,
});
export const cluster: ClusterState = {
  conf: { voters: [1, 2], votersOutgoing: [3], learners: [4], learnersNext: [], autoLeave: true },
  members: [{ id: 1, data: Uint8Array.of(1, 2) }],
};

/** A machine that writes down what it tells about sessions. */
export class Replica {
  readonly store: MemoryStore;
  readonly machine: MvccStateMachine;
  readonly clock = new VirtualClock();
  readonly told: unknown[][] = [];

  constructor(image?: Image, featureLevel?: number) {
    this.store = new MemoryStore(image);
    this.machine = new MvccStateMachine({
      store: this.store,
      clock: this.clock,
      scheduler: new ManualScheduler(),
      ...(featureLevel === undefined ? {} : { featureLevel }),
    });
    this.machine.attach({ checkpointed: () => undefined, failed: () => undefined });
    const tell =
      (what: string) =>
      (...args: unknown[]) =>
        this.told.push([what, ...args]);
    const listener: SessionListener = {
      opened: tell('opened'),
      settled: tell('settled'),
      gap: tell('gap'),
      ended: tell('ended'),
      rebound: tell('rebound'),
    };
    this.machine.listen(listener);
  }

  apply(...entries: readonly CommittedEntry[]): this {
    for (const entry of entries) {
      expect(this.machine.prepare(entry, () => undefined)).toBe(true);
      this.machine.apply(entry);
    }
    return this;
  }

  async entries(): Promise<readonly RawEntry[]> {
    const range = { start: '' };
    return (await this.machine.range({ range, limit: 0, reverse: false, keysOnly: false, countOnly: false })).entries;
  }
}

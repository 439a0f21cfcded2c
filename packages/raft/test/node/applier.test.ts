import { describe, expect, it } from 'vitest';
import { Applier } from '../../src/node/applier.js';
import { encodeEntryBatch } from '../../src/node/entry-batch.js';
import type { CommittedEntry, Entry } from '../../src/index.js';

function entry(index: number): Entry {
  const data = encodeEntryBatch({ stampMs: 1, wallMs: 1, commands: [Uint8Array.of(index & 255)] });
  return { term: 1, index, kind: 'normal', data };
}

/** A machine whose entries wait for what they read until somebody says that it has come. */
function world(): { readonly applier: Applier; readonly foreseen: number[]; readonly loaded: () => void } {
  const foreseen: number[] = [];
  let open: (() => void) | undefined;
  const ready = new Set<number>();
  const machine = {
    applied: () => ({ index: 0, term: 0 }),
    cluster: () => undefined,
    foresee: ({ index }: CommittedEntry) => foreseen.push(index),
    prepare: ({ index }: CommittedEntry, then: () => void) => {
      open = () => {
        ready.add(index);
        then();
      };
      return ready.has(index);
    },
    apply: () => undefined,
  };
  const core = { conf: undefined, applied: () => undefined };
  const applier: Applier = new Applier(
    core as never,
    machine as never,
    () => undefined,
    () => applier.run(),
  );
  return { applier, foreseen, loaded: () => open?.() };
}

it('gives the event loop back before a thousand commands are through, and goes on in the next stretch', () => {
  const { applier, loaded } = world();
  const many = Array.from({ length: 2_500 }, (_, i) => entry(i + 1));
  applier.push(many);
  const seen: number[] = [];
  while (applier.backlog > 0) {
    applier.beginStretch();
    applier.run();
    for (let open = true; open;) {
      const before = applier.applied;
      loaded();
      open = applier.applied > before;
    }
    seen.push(applier.applied);
    expect(applier.paused).toBe(applier.backlog > 0);
    expect(seen.length).toBeLessThan(10);
  }
  expect(seen).toEqual([1_000, 2_000, 2_500]);
});

describe('what a machine is told of before it is committed', () => {
  it('goes on however many entries were committed first', () => {
    const { applier, foreseen, loaded } = world();
    for (let index = 1; index <= 200; index++) {
      applier.push([entry(index)]);
      applier.run();
      applier.foresee([entry(index)]);
      loaded();
      expect(applier.applied).toBe(index);
    }
    applier.foresee([entry(201)]);
    expect(foreseen).toContain(201);
  });

  it('is not what it is loading already', () => {
    const { applier, foreseen } = world();
    applier.push([entry(1)]);
    applier.run();
    applier.foresee([entry(1), entry(2)]);
    expect(foreseen).toEqual([2]);
  });

  it('is bounded, and makes room as entries apply', () => {
    const { applier, foreseen, loaded } = world();
    const entries = Array.from({ length: 100 }, (_, i) => entry(i + 1));
    applier.foresee(entries);
    expect(foreseen).toHaveLength(64);
    applier.push(entries);
    applier.run();
    for (let i = 0; i < 100; i++) loaded();
    expect(applier.applied).toBe(100);
    applier.foresee([entry(101)]);
    expect(foreseen.at(-1)).toBe(101);
  });
});

import { describe, expect, it } from 'vitest';
import type { Entry, Message, NodeId } from '../../src/index.js';
import { TurnOutbox } from '../../src/node/turn-outbox.js';
import { command, DriverWorld } from './driver-world.js';

type Frame = readonly [NodeId, readonly Message[]];

function box(): { readonly outbox: TurnOutbox; readonly frames: Frame[] } {
  const frames: Frame[] = [];
  const transport = { send: (to: NodeId, messages: readonly Message[]) => void frames.push([to, messages]) };
  return { outbox: new TurnOutbox(transport as never), frames };
}

const entry: Entry = { term: 1, index: 6, kind: 'normal', data: new Uint8Array(1) };

function append(to: NodeId, commit: number, entries: readonly Entry[] = [], term = 1): Message {
  return { type: 'append', group: 1, from: 1, to, term, prevIndex: 5, prevTerm: 1, commit, entries };
}

describe('what a turn sends', () => {
  it('keeps what only tells of a commit until the end of the turn, where an append that tells it too takes its place', () => {
    const { outbox, frames } = box();
    outbox.push(append(2, 4));
    outbox.push(append(3, 4));
    expect(outbox.flushUrgent()).toBe(true);
    expect(frames).toEqual([]);
    outbox.push(append(2, 5));
    outbox.push(append(3, 5, [entry]));
    expect(outbox.flushUrgent()).toBe(true);
    expect(frames).toEqual([[3, [append(3, 5, [entry])]]]);
    outbox.flush();
    expect(frames.slice(1)).toEqual([[2, [append(2, 5)]]]);
    expect(outbox.flushUrgent()).toBe(false);
  });

  it('sends it at once with what cannot wait, in order, and never takes a word of another term for it', () => {
    const { outbox, frames } = box();
    const beat: Message = { type: 'heartbeat', group: 1, from: 1, to: 2, term: 1, commit: 4, context: 0 };
    const all = [append(2, 4), beat, append(2, 5), append(2, 0, [], 2)];
    for (const message of all) outbox.push(message);
    expect(outbox.flushUrgent()).toBe(false);
    expect(frames).toEqual([[2, all]]);
  });
});

describe('a machine that wants to know what comes', () => {
  it('is told of an entry before it is committed, on every member, and prepares the very same object', () => {
    const world = new DriverWorld(3, 11);
    world.leader();
    world.run(500);
    const told = world.members.map(({ machine }) => {
      const seen: string[] = [];
      const foreseen = new Set<unknown>();
      const { prepare } = machine;
      Object.assign(machine, {
        foresee: (coming: object) => {
          foreseen.add(coming);
          seen.push('foreseen');
        },
        prepare: (coming: never, ready: () => void) => {
          if (foreseen.has(coming)) seen.push('same');
          return prepare.call(machine, coming, ready);
        },
      });
      return seen;
    });
    world.leader().node.submit([command('x')]);
    world.until('applied', () => world.members.every(({ machine }) => machine.commands.length === 1));
    for (const seen of told) expect(seen).toEqual(['foreseen', 'same']);
  });
});

import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/index.js';
import { command, DriverWorld } from './driver-world.js';

describe('a message that no driver sends', () => {
  const entry = { term: 0, index: 0, kind: 'normal', data: new Uint8Array([9, 9, 9]) } as const;
  const strange: [string, (from: number, to: number) => unknown][] = [
    [
      'entries that nobody has read',
      (from, to) => ({ type: 'propose', group: 0, from, to, term: 0, entries: [entry] }),
    ],
    ['nothing', () => null],
    ['not even that', () => undefined],
    ['a number', () => 7],
  ];

  for (const [what, make] of strange) {
    it(`is dropped, and stops nobody: ${what}`, () => {
      const world = new DriverWorld(3, 72);
      const leader = world.leader();
      world.run(500);
      const { id } = leader.node.status();
      leader.node.receive([make(id === 1 ? 2 : 1, id) as Message]);
      world.run(500);
      expect(leader.node.submit([command('after')]).ok).toBe(true);
      world.until('applied by all', () => world.members.every((each) => each.machine.commands.includes('after')));
      expect(world.members.flatMap((each) => each.events).filter((event) => event.type === 'failed')).toEqual([]);
    });
  }
});

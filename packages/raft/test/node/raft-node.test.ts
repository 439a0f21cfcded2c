import { describe, expect, it } from 'vitest';
import type { CommandFilter } from '../../src/index.js';
import { command, DriverWorld } from './driver-world.js';

/** Takes each text once. */
class OnceEach implements CommandFilter {
  readonly #taken = new Set<string>();
  take(bytes: Uint8Array): boolean {
    const text = Buffer.from(bytes).toString();
    if (this.#taken.has(text)) return false;
    this.#taken.add(text);
    return true;
  }
  forget(): void {
    this.#taken.clear();
  }
}

describe('the driver of a member', () => {
  it('puts the commands of one turn into one entry, and applies them everywhere in order', () => {
    const world = new DriverWorld(3, 1);
    const leader = world.leader();
    world.run(500);
    const before = leader.node.status().lastIndex;
    for (let i = 0; i < 10; i++) expect(leader.node.submit([command(`c${i}`)])).toEqual({ ok: true });
    world.until('applied', () => world.members.every((m) => m.machine.commands.length === 10));
    expect(leader.node.status().lastIndex).toBe(before + 1);
    for (const member of world.members)
      expect(member.machine.commands).toEqual(Array.from({ length: 10 }, (_, i) => `c${i}`));
  });

  it('forwards from a follower', () => {
    const world = new DriverWorld(3, 2);
    const leader = world.leader();
    world.run(500);
    const follower = world.members.find((m) => m !== leader)!;
    expect(follower.node.submit([command('x'), command('y')])).toEqual({ ok: true });
    world.until('applied', () => follower.machine.commands.length === 2);
    expect(follower.machine.commands).toEqual(['x', 'y']);
  });

  it('forwards what one turn gathered over a link of few frames, however little one entry holds', () => {
    const world = new DriverWorld(3, 2, { options: { entryCommands: 1, entryBytes: 1 }, maxFrames: 5 });
    const leader = world.leader();
    world.run(500);
    const follower = world.members.find((m) => m !== leader)!;
    const before = leader.node.status().lastIndex;
    // Nobody sends again here: what a full link drops is lost.
    const texts = Array.from({ length: 100 }, (_, i) => `c${i}`);
    expect(follower.node.submit(texts.map(command))).toEqual({ ok: true });
    world.run(5000);
    expect(follower.machine.commands).toEqual(texts);
    expect(leader.node.status().lastIndex).toBe(before + texts.length);
  });

  it('passes over what a leader has already, in its queue or in its log, and asks anew in another term', () => {
    const world = new DriverWorld(3, 2, { filterOf: () => new OnceEach() });
    const leader = world.leader();
    world.run(500);
    const follower = world.members.find((m) => m !== leader)!;
    const send = (...texts: string[]) => expect(follower.node.submit(texts.map(command))).toEqual({ ok: true });
    send('a', 'b', 'a');
    world.until('applied', () => follower.machine.commands.length === 2);
    send('a', 'b', 'c');
    expect(leader.node.submit([command('b'), command('d')])).toEqual({ ok: true });
    world.run(500);
    expect([...follower.machine.commands].sort()).toEqual(['a', 'b', 'c', 'd']);

    // In a new term the one who leads cannot know what of the old one will stay.
    expect(leader.node.transferLeadership(follower.id)).toBe(true);
    world.until('handed over', () => follower.node.isLeader);
    world.run(500);
    expect(leader.node.submit([command('a'), command('e'), command('e')])).toEqual({ ok: true });
    world.run(500);
    expect(follower.machine.commands.slice(4)).toEqual(['a', 'e']);
    expect(follower.node.transferLeadership(leader.id)).toBe(true);
    world.until('handed back', () => leader.node.isLeader);
    world.run(500);
    expect(leader.node.submit([command('c'), command('c')])).toEqual({ ok: true });
    world.run(500);
    expect(follower.machine.commands.slice(6)).toEqual(['c']);
  });

  it('forwards no more than 1 MiB in one frame, and a larger command in one of its own', () => {
    const world = new DriverWorld(3, 2, { options: { entryBytes: 16 << 20 } });
    const leader = world.leader();
    world.run(500);
    const follower = world.members.find((m) => m !== leader)!;
    const sent: number[] = [];
    const { transport } = follower;
    const send = transport.sendBytes.bind(transport);
    transport.sendBytes = (to, bytes) => {
      sent.push(bytes.length);
      send(to, bytes);
    };
    const sizes = [400 << 10, 400 << 10, 400 << 10, 2 << 20, 1];
    expect(follower.node.submit(sizes.map((size) => new Uint8Array(size).fill(97)))).toEqual({ ok: true });
    world.run(5000);
    expect(follower.machine.commands.map((each) => each.length)).toEqual(sizes);
    const overhead = 4;
    expect(sent).toEqual(
      [[400 << 10, 400 << 10], [400 << 10], [2 << 20], [1]].map((list) =>
        list.reduce((sum, size) => sum + overhead + size, overhead),
      ),
    );
  });

  it('takes no command where nobody leads', () => {
    const world = new DriverWorld(3, 3);
    expect(world.members[0]!.node.submit([command('x')])).toEqual({ ok: false, reason: 'noLeader' });
  });

  it('survives the death of its leader; stamps never go back and stand still during the outage', () => {
    const world = new DriverWorld(3, 4);
    const first = world.leader();
    world.run(2000);
    first.node.submit([command('before')]);
    world.until('applied', () => first.machine.commands.length === 1);
    world.kill(first);
    world.run(30_000);
    const second = world.leader();
    world.until('may stamp', () => second.node.logTimeMs() !== undefined);
    second.node.submit([command('after')]);
    world.until('applied', () => second.machine.commands.length === 2);
    const [a, b] = second.machine.stamps as [number, number];
    expect(b).toBeGreaterThanOrEqual(a);
    const again = world.restart(first);
    world.until('caught up', () => again.machine.commands.length === 2);
    expect(again.machine.commands).toEqual(['before', 'after']);
  });

  it('a refused dial of the leader is an election at once, not after the election timeout', () => {
    const world = new DriverWorld(3, 5);
    const leader = world.leader();
    world.run(1000);
    const died = world.time.now;
    world.kill(leader);
    world.leader();
    expect(world.time.now - died).toBeLessThan(1000);
  });

  it('answers reads with an index that covers every acknowledged write, on leader and follower', () => {
    const world = new DriverWorld(3, 6);
    const leader = world.leader();
    world.run(500);
    leader.node.submit([command('w')]);
    world.until('applied on the leader', () => leader.machine.commands.length === 1);
    for (const member of world.members) {
      let seen: number | undefined;
      member.node.read({
        cancelled: false,
        settle: (error) => (seen = error === undefined ? member.machine.commands.length : -1),
      });
      world.until('read', () => seen !== undefined);
      expect(seen).toBe(1);
    }
  });

  it('a deposed leader that is cut off serves no read', () => {
    const world = new DriverWorld(3, 7);
    const leader = world.leader();
    world.run(500);
    world.network.partition(
      [leader.id],
      world.members.filter((m) => m !== leader).map((m) => m.id),
    );
    let served = false;
    leader.node.read({ cancelled: false, settle: (error) => (served ||= error === undefined) });
    world.run(10_000);
    expect(served).toBe(false);
    world.network.heal();
    world.until('served after the heal', () => served);
  });

  it('a leader whose disk stands still steps down, and another one leads', () => {
    const world = new DriverWorld(3, 8);
    const leader = world.leader();
    world.run(500);
    leader.log.append = () => undefined;
    leader.node.submit([command('stuck')]);
    world.until('another leads', () => world.members.some((m) => m !== leader && m.node.isLeader));
    expect(leader.node.isLeader).toBe(false);
  });

  it('an apply that waits for its keys stops the entries behind it, and nothing else', () => {
    const world = new DriverWorld(3, 9);
    const leader = world.leader();
    world.run(500);
    leader.machine.holdPrepare = true;
    leader.node.submit([command('slow')]);
    world.run(100);
    leader.node.submit([command('behind')]);
    world.run(2000);
    expect(leader.machine.commands).toEqual([]);
    expect(leader.node.isLeader).toBe(true);
    leader.machine.holdPrepare = false;
    leader.machine.prepared!();
    world.until('both applied', () => leader.machine.commands.length === 2);
    expect(leader.machine.commands).toEqual(['slow', 'behind']);
  });

  it('a fault inside stops the member and is told, never thrown', () => {
    const world = new DriverWorld(3, 10);
    const leader = world.leader();
    world.run(500);
    leader.machine.apply = () => {
      throw new Error('broken');
    };
    leader.node.submit([command('x')]);
    world.until('told', () => leader.events.some((event) => event.type === 'failed'));
    expect(leader.node.submit([command('y')])).toEqual({ ok: false, reason: 'closed' });
  });

  it('the same seed makes the same run', () => {
    const trace = (): string => {
      const world = new DriverWorld(3, 11);
      world.network.setFaults({ loss: 0.1 });
      world.run(5000);
      world.members.forEach((m) => m.node.submit([command(`m${m.id}`)]));
      world.run(5000);
      return JSON.stringify(world.members.map((m) => [m.events, m.machine.commands]));
    };
    expect(trace()).toBe(trace());
  });
});

import { SeededRandom } from '@coterie/raft/testing';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../src/data-dir/identity.js';
import { Admission } from '../../src/membership/admission.js';
import { decodeControl } from '../../src/membership/control-message.js';
import { Enrolment } from '../../src/membership/enrolment.js';
import { LinkDirectory } from '../../src/membership/link-directory.js';

const peers = { a: 'm://a', b: 'm://b', c: 'm://c' };
type Name = keyof typeof peers;

const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** The enrolments of three data directories, and the words between them in the order in which they were said. */
class World {
  readonly desks = new Map<Name, Desk>();
  readonly random = new SeededRandom(35);
  readonly said: { from: Desk; to: number; bytes: Uint8Array }[] = [];
  nowMs = 0;
  /** Words that are lost on the way. */
  loses: (to: number, type: string | undefined) => boolean = () => false;

  open(name: Name, incarnation = `${name}1`): Desk {
    const desk = new Desk(this, name, incarnation);
    this.desks.set(name, desk);
    return desk;
  }

  /** Everybody asks round and is answered, so many times. */
  rounds(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const desk of this.desks.values()) desk.tick();
      this.deliver();
      this.nowMs += 300;
    }
  }

  deliver(): void {
    for (let next = this.said.shift(); next !== undefined; next = this.said.shift()) {
      if (this.loses(next.to, decodeControl(next.bytes)?.type)) continue;
      const name = (['a', 'b', 'c'] as const)[next.to - 1]!;
      this.desks.get(name)?.hear(next.from.directory.self.id, next.bytes);
    }
  }
}

/** One data directory: enrolling, and once it is a member answering as one. */
class Desk {
  readonly directory: LinkDirectory;
  readonly persisted: Identity[] = [];
  readonly problems: string[] = [];
  enrolled: Identity | undefined;
  #enrolment: Enrolment;
  #admission: Admission | undefined;

  constructor(
    readonly world: World,
    readonly name: Name,
    incarnation: string,
  ) {
    this.directory = new LinkDirectory(name, peers);
    const identity: Identity = { format: 1, clusterId: 'x', name, incarnation };
    this.#enrolment = this.#enrol(identity);
  }

  tick(): void {
    if (this.#admission === undefined) this.#enrolment.tick();
  }

  hear(link: number, bytes: Uint8Array): void {
    if (this.#admission === undefined) this.#enrolment.onControl(link, bytes);
    else this.#admission.onControl(link, bytes);
  }

  /** The process starts again with what was made durable. */
  restart(): void {
    if (this.enrolled === undefined) this.#enrolment = this.#enrol(this.persisted.at(-1) ?? this.#enrolment.identity);
  }

  #enrol(identity: Identity): Enrolment {
    const { world, directory } = this;
    const host = {
      directory,
      random: world.random,
      now: () => world.nowMs,
      persist: (next: Identity) => void this.persisted.push(next),
      send: (to: number, bytes: Uint8Array) => void world.said.push({ from: this, to, bytes }),
      enrolled: (next: Identity) => this.#become(next),
      problem: (error: Error) => void this.problems.push(error.message),
      supportedLevel: 1,
    };
    return new Enrolment(host, identity, peers[this.name]);
  }

  #become(identity: Identity): void {
    this.enrolled = identity;
    const { world, directory } = this;
    this.#admission = new Admission({
      directory,
      identity,
      url: peers[this.name],
      status: () => ({ id: identity.memberId, role: 'follower', leader: 0, applied: 5, conf, progress: [] }) as never,
      members: () => identity.founders!.map((founder, i) => ({ id: i + 1, ...founder })),
      change: () => ({ ok: false, reason: 'notLeader' }),
      send: (to, bytes) => void world.said.push({ from: this, to, bytes }),
      removed: () => undefined,
      problem: () => undefined,
      now: () => 0,
      supportedLevel: 1,
      featureLevel: () => 1,
      raiseLevel: () => undefined,
    });
  }
}

describe('joining', () => {
  const { incarnation, names } = { incarnation: 'a1', names: ['a', 'b', 'c'] };
  const member = (id: number, name: Name, of: string) => ({ id, name, incarnation: of, voter: true });
  const before = [member(1, 'a', 'a0'), member(2, 'b', 'b0'), member(3, 'c', 'c0')];
  const now = [member(3, 'c', 'c0'), member(9, 'b', 'b1'), member(12, 'a', incarnation)];

  function problemsWith(b: object, c: object): readonly string[] {
    const world = new World();
    const desk = world.open('a', incarnation);
    const say = (link: number, name: Name, of: string, more: object): void => {
      const iam = {
        type: 'iam',
        name,
        incarnation: of,
        state: 'member',
        uid: 7,
        names,
        url: peers[name],
        founders: [],
        ...more,
      };
      desk.hear(link, Buffer.from(JSON.stringify(iam)));
    };
    say(2, 'b', 'b1', b);
    say(3, 'c', 'c0', c);
    desk.tick();
    return desk.problems;
  }

  test('believes of the members the one that is furthest: one that is behind names disks that were replaced', () => {
    expect(problemsWith({ members: before, appliedIndex: 5 }, { members: now, appliedIndex: 20 })).toEqual([]);
    expect(problemsWith({ members: before, appliedIndex: 20 }, { members: now, appliedIndex: 5 }).join()).toContain(
      'lost its quorum',
    );
  });

  test('does not take a quorum for lost that has a leader', () => {
    const behind = { members: before, appliedIndex: 5 };
    expect(problemsWith(behind, behind).join()).toContain('lost its quorum');
    expect(problemsWith(behind, { ...behind, leader: 'c' })).toEqual([]);
  });
});

describe('founding by a static list', () => {
  test('the first name founds once all are there, and all become members of the one cluster', () => {
    const world = new World();
    const a = world.open('a');
    const b = world.open('b');
    world.rounds(20);
    expect([a.enrolled, b.enrolled]).toEqual([undefined, undefined]);
    const c = world.open('c');
    world.rounds(5);
    const uid = a.enrolled?.uid;
    expect(uid).toBeGreaterThan(0);
    expect([a, b, c].map((desk) => [desk.enrolled?.uid, desk.enrolled?.memberId])).toEqual([
      [uid, 1],
      [uid, 2],
      [uid, 3],
    ]);
  });

  test('not before every one of them has promised, and kept that', () => {
    const world = new World();
    const [a, , c] = (['a', 'b', 'c'] as const).map((name) => world.open(name));
    world.loses = (to, type) => to === 3 && type === 'promise';
    world.rounds(10);
    expect([a?.enrolled, c?.persisted]).toEqual([undefined, []]);
    world.loses = () => false;
    world.rounds(5);
    expect([a?.enrolled?.memberId, c?.enrolled?.memberId]).toEqual([1, 3]);
  });

  test('a founder that starts again in the middle founds the same cluster, not another', () => {
    const world = new World();
    const a = world.open('a');
    const b = world.open('b');
    const c = world.open('c');
    for (let i = 0; i < 3; i++) {
      a.tick();
      world.deliver();
      a.restart();
    }
    world.rounds(5);
    expect(new Set(a.persisted.map(({ uid }) => uid)).size).toBe(1);
    expect(new Set([a, b, c].map((desk) => desk.enrolled?.uid)).size).toBe(1);
  });

  test('the first name with an empty disk founds nothing where the others are members', () => {
    const world = new World();
    for (const name of ['a', 'b', 'c'] as const) world.open(name);
    world.rounds(5);
    const uid = world.desks.get('b')?.enrolled?.uid;
    expect(uid).toBeGreaterThan(0);
    const wiped = world.open('a', 'a2');
    world.rounds(20);
    expect(wiped.enrolled).toBeUndefined();
    expect(wiped.persisted).toEqual([]);
    expect(['b', 'c'].map((name) => world.desks.get(name as Name)?.enrolled?.uid)).toEqual([uid, uid]);
  });

  test('nor where one of them has not answered yet whether it is one', () => {
    const world = new World();
    for (const name of ['a', 'b', 'c'] as const) world.open(name);
    world.rounds(5);
    const b = world.desks.get('b')!;
    world.desks.delete('b');
    const wiped = world.open('a', 'a2');
    world.open('c', 'c2');
    world.rounds(20);
    expect(wiped.enrolled).toBeUndefined();
    world.desks.set('b', b);
    world.rounds(20);
    // Two of three disks are gone: nobody may begin anew beside what is left, and it is said.
    expect(wiped.enrolled).toBeUndefined();
    expect(wiped.problems.join()).toContain('lost its quorum');
  });
});

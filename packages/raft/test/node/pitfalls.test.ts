import { describe, expect, it } from 'vitest';
import {
  completeNodeOptions,
  foundingBatch,
  RaftNode,
  type AppendBatch,
  type Entry,
  type Message,
  type NodeParts,
  type SnapshotMeta,
} from '../../src/index.js';
import { encodeEntryBatch } from '../../src/node/entry-batch.js';
import { SeededRandom, VirtualTime } from '../../src/testing/index.js';
import { command, DriverWorld, ListMachine } from './driver-world.js';

describe('a member that was restarted', () => {
  it('alone has all again that it knew to be committed, and shows nobody its past', () => {
    const world = new DriverWorld(3, 21);
    const leader = world.leader();
    for (let i = 0; i < 5; i++) {
      leader.node.submit([command(`c${i}`)]);
      world.run(200);
    }
    const shown = leader.machine.commands.length;
    expect(shown).toBe(5);
    for (const member of world.members) world.kill(member);
    world.run(1000);
    const again = world.restart(leader);
    world.run(100);
    expect(again.machine.commands).toHaveLength(shown);
  });
});

describe('a store or a transport that never answers', () => {
  it.each(['openSnapshot', 'sendSnapshot'] as const)(
    '%s holds up neither the leader nor, beyond its limit, the next attempt',
    async (hangs) => {
      const never = new Promise<never>(() => undefined);
      let attempts = 0;
      const source = { size: 0, read: () => never, close: () => Promise.resolve() };
      const lone: LoneNode = new LoneNode({
        openSnapshot: () => {
          if (hangs === 'sendSnapshot') return Promise.resolve({ meta: lone.meta(3), source });
          attempts++;
          return never;
        },
        // Asked to heed the signal, and to nothing else.
        sendSnapshot: (_to, _meta, _source, { signal }) => {
          attempts++;
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
        },
      });
      await lone.lead();
      lone.node.receive([lone.answer(2, { type: 'heartbeatResponse', context: 0 })]);
      lone.checkpoint();
      lone.answerAll(2, { type: 'appendResponse', index: 1, reject: true, rejectHint: 0, logTerm: 0 });
      await lone.run(50);
      expect(attempts).toBe(1);
      // The third member is enough, and the leader works on as if nothing were the matter.
      expect(lone.node.submit([command('goes on')])).toEqual({ ok: true });
      await lone.run(2000);
      expect(lone.machine.commands).toContain('goes on');
      expect(lone.node.isLeader).toBe(true);
      await lone.run(8000);
      expect(attempts).toBeGreaterThan(1);
      expect(lone.node.isLeader).toBe(true);
    },
  );
});

describe('a received snapshot', () => {
  it('becomes the state when its mark is durable, not before, and what was to be applied before it never is', async () => {
    const lone = new LoneNode({});
    lone.machine.holdPrepare = true;
    const head = { type: 'append', group: 0, from: 2, to: 1, term: 2 } as const;
    const data = encodeEntryBatch({ stampMs: 1, wallMs: 1, commands: [command('overtaken')] });
    const entry: Entry = { term: 2, index: 4, kind: 'normal', data };
    lone.node.receive([{ ...head, prevIndex: 3, prevTerm: 1, commit: 4, entries: [entry] }]);
    await lone.run(10);
    lone.holdDisk = true;
    const sink = await lone.node.receiveSnapshot(2, { ...lone.meta(20), term: 2 });
    const committed = sink.commit();
    await lone.run(100);
    expect(lone.log).toEqual(['received 20', 'committed 20', 'mark 20']);
    lone.node.receive([{ ...head, prevIndex: 20, prevTerm: 2, commit: 20, entries: [] }]);
    lone.finishDisk();
    await committed;
    expect(lone.log).toEqual(['received 20', 'committed 20', 'mark 20', 'installed 20']);
    // The keys that the overtaken entry waited for are loaded at last.
    lone.machine.prepared!();
    await lone.run(100);
    expect(lone.machine.commands).toEqual([]);
    expect(lone.node.appliedIndex).toBe(20);
  });
});

interface Hooks {
  readonly openSnapshot?: NodeParts['snapshots']['openSnapshot'];
  readonly sendSnapshot?: NodeParts['transport']['sendSnapshot'];
}

/** Member 1 of three founders, with the two others played by the test. */
class LoneNode {
  readonly time = new VirtualTime();
  readonly machine = new ListMachine();
  readonly log: string[] = [];
  readonly node: RaftNode;
  holdDisk = false;
  #held: (() => void)[] = [];
  #sent: Message[] = [];
  #lastIndex = 3;
  #checkpointed: ((at: { index: number; term: number }) => void) | undefined;

  constructor(hooks: Hooks) {
    const { clock, turns } = this.time.process(() => false);
    const founding = foundingBatch([1, 2, 3].map((id) => new Uint8Array([id])));
    this.machine.attach = (host) => (this.#checkpointed = host.checkpointed.bind(host));
    this.machine.cluster = () => ({ conf: this.meta(0).conf, members: [] });
    this.machine.applied = () => ({ index: 3, term: 1 });
    this.node = new RaftNode({
      id: 1,
      options: completeNodeOptions({ trailingEntries: 0, snapshotTransferMs: 5000 }),
      loaded: { hardState: founding.hardState!, start: { index: 0, term: 0 }, entries: founding.entries },
      storage: {
        load: () => undefined as never,
        append: (batch, done) => this.#append(batch, done),
        release: () => undefined,
        syncCount: 0,
        close: () => Promise.resolve(),
      },
      machine: this.machine,
      snapshots: {
        openSnapshot: hooks.openSnapshot ?? (() => Promise.reject(new Error('none'))),
        receiveSnapshot: (meta) => {
          this.log.push(`received ${meta.index}`);
          const commit = (): Promise<void> => Promise.resolve(void this.log.push(`committed ${meta.index}`));
          return Promise.resolve({ offset: 0, write: () => Promise.resolve(), commit, abort: () => Promise.resolve() });
        },
        installSnapshot: (meta) => void this.log.push(`installed ${meta.index}`),
      },
      transport: {
        start: () => Promise.resolve(),
        send: (to, messages) => this.#onSend(to, messages),
        sendBytes: () => undefined,
        sendSnapshot: hooks.sendSnapshot ?? (() => Promise.resolve('failed')),
        setPeers: () => undefined,
        close: () => Promise.resolve(),
      },
      clock,
      turns,
      wall: { wallMs: () => 0 },
      random: new SeededRandom(1),
      observer: () => undefined,
    });
  }

  meta(index: number): SnapshotMeta {
    const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    return { index, term: 1, conf, size: 0 };
  }

  /** Virtual time, with everything that promises have to do in between. */
  async run(ms: number): Promise<void> {
    const until = this.time.now + ms;
    for (let more = true; more;) {
      more = this.time.step(until);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }

  /** 3 votes for us and holds everything; 2 is heard of and holds nothing. */
  async lead(): Promise<void> {
    for (let i = 0; i < 100 && !this.node.isLeader; i++) await this.run(100);
    expect(this.node.isLeader).toBe(true);
    await this.run(100);
  }

  answer<T extends object>(from: number, body: T): Message {
    return { group: 0, from, to: 1, term: this.node.term, ...body } as unknown as Message;
  }

  answerAll<T extends object>(from: number, body: T): void {
    for (const message of this.#sent.filter((each) => each.to === from && each.type === 'append')) {
      const index = message.type === 'append' ? message.prevIndex : 0;
      this.node.receive([this.answer(from, { ...body, index })]);
    }
  }

  /** Twice, so that the log in front of the first one goes. */
  checkpoint(): void {
    const at = { index: this.node.appliedIndex, term: this.node.term };
    this.#checkpointed!(at);
    this.#checkpointed!(at);
  }

  finishDisk(): void {
    this.holdDisk = false;
    for (const done of this.#held.splice(0)) done();
  }

  #append(batch: AppendBatch, done: (error?: Error) => void): void {
    if (batch.snapshot !== undefined) this.log.push(`mark ${batch.snapshot.index}`);
    if (this.holdDisk) this.#held.push(done);
    else this.time.schedule(1, done);
  }

  #onSend(to: number, messages: readonly Message[]): void {
    for (const message of messages) {
      this.#sent.push(message);
      const answer = this.#answerOf(to, message);
      if (answer !== undefined) this.time.schedule(1, () => this.node.receive([answer]));
    }
  }

  #answerOf(to: number, message: Message): Message | undefined {
    const head = { group: 0, from: to, to: 1, term: message.term };
    if (message.type === 'heartbeat') return { ...head, type: 'heartbeatResponse', context: message.context };
    if (to === 2) return undefined;
    if (message.type === 'vote') return { ...head, type: 'voteResponse', reject: false };
    if (message.type === 'preVote') return { ...head, type: 'preVoteResponse', reject: false };
    if (message.type !== 'append') return undefined;
    this.#lastIndex = Math.max(this.#lastIndex, message.prevIndex + message.entries.length);
    return { ...head, type: 'appendResponse', index: this.#lastIndex, reject: false };
  }
}

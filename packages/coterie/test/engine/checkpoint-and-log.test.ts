import { expect, test } from 'vitest';
import { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import { foundingBatch, RaftNode, completeNodeOptions, type Message } from '@coterie/raft';
import { InlineWalRunner, MvccStateMachine } from '@coterie/mvcc';
import { ModelOrderedStores, SimDisk } from '@coterie/mvcc/testing';
import { PortStorage } from '../../src/data-dir/port-storage.js';
import { encodeMember } from '../../src/membership/member-record.js';
import { drainMicrotasks } from '../../src/testing/system-drain.js';

test('a checkpoint never gets ahead of the log in its present form', async () => {
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  let syncMs = 0.1;
  const disk = new SimDisk({ random, schedule: (ms, fn) => time.schedule(ms, fn), latencyMs: () => 0.1 });
  const ordered = new ModelOrderedStores((fn) => time.schedule(0.1, fn));
  let dead = false;
  let runner: InlineWalRunner;
  const { clock, turns } = time.process(() => dead);
  const mk = () =>
    new PortStorage({
      dir: 'data',
      files: disk.files,
      background: disk.background,
      ordered,
      newRunner: () =>
        (runner = new InlineWalRunner({
          fs: disk.files,
          schedule: (ms, fn) => time.schedule(ms, fn),
          latencyMs: () => syncMs,
        })),
      defer: (fn) => turns.defer(fn),
      segmentBytes: 1 << 20,
      storeLimits: { checkpointBytes: 1 << 20, checkpointOperations: 12 },
    });
  const run = async (ms: number) => {
    const until = time.now + ms;
    while (time.step(until)) await drainMicrotasks();
  };
  const names = ['a', 'b', 'c'];
  const founders = names.map((name) => ({ name, url: `memory://${name}`, incarnation: name }));
  const identity = { format: 1 as const, clusterId: 'x', name: 'a', incarnation: 'a', uid: 7, memberId: 1, founders };
  const storage = mk();
  await storage.open();
  const log = storage.openLog(identity);
  log.load();
  log.append(foundingBatch(founders.map(encodeMember)), () => undefined);
  await run(50);
  await log.close();
  storage.saveIdentity(identity);
  const log2 = storage.openLog(identity);
  const loaded = log2.load();
  const p = storage.openStore(0);
  await run(10);
  const store = await p;
  const machine = new MvccStateMachine({ store, clock, scheduler: turns });
  const checkpoints: number[] = [];
  const attach = machine.attach.bind(machine);
  machine.attach = (h) =>
    attach({
      ...h,
      checkpointed: (at) => {
        checkpoints.push(at.index);
        h.checkpointed(at);
      },
      failed: (e) => h.failed(e),
    });
  const node = new RaftNode({
    id: 1,
    options: completeNodeOptions({}),
    core: { group: 7 },
    loaded,
    storage: log2,
    machine,
    snapshots: machine,
    transport: {
      start: async () => {},
      send: () => {},
      sendBytes: () => {},
      sendSnapshot: async () => 'failed',
      setPeers: () => {},
      close: async () => {},
    },
    clock,
    turns,
    wall: { wallMs: () => 0 },
    random,
    observer: () => undefined,
  });
  const app = (
    from: number,
    term: number,
    prevIndex: number,
    prevTerm: number,
    count: number,
    commit: number,
  ): Message => ({
    type: 'append',
    group: 7,
    from,
    to: 1,
    term,
    prevIndex,
    prevTerm,
    commit,
    entries: Array.from({ length: count }, (_, i) => ({
      term,
      index: prevIndex + 1 + i,
      kind: 'empty' as const,
      data: new Uint8Array(0),
    })),
  });
  await run(5);
  // Leader 2 of term 2 leaves entries 4..20, of which nothing is committed; they become durable here.
  node.receive([app(2, 2, 3, 1, 17, 3)]);
  await run(20);
  // Leader 3 of term 3 (elected by 3 and another) replaces them; its entries are committed by others. Our disk is slow.
  syncMs = 1000;
  node.receive([app(3, 3, 3, 1, 17, 20)]);
  await run(100);
  expect(node.appliedIndex).toBe(20);
  // power cut
  dead = true;
  node.stop();
  runner!.abandon();
  disk.crash();
  ordered.crash(() => true);
  dead = false;
  syncMs = 0.1;
  const s2 = mk();
  await s2.open();
  const l3 = s2.openLog(identity);
  const again = l3.load();
  const p2 = s2.openStore(again.start.index);
  await run(10);
  const st = await p2;
  const { appliedIndex, appliedTerm } = st.recovered();
  expect(checkpoints).toEqual([]);
  // What the store stands on is what the log holds there.
  const term = again.entries.find((entry) => entry.index === appliedIndex)?.term ?? again.start.term;
  expect(appliedIndex === 0 ? 0 : term).toBe(appliedTerm);
});

import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/core/messages.js';
import { MemoryNetwork, type MemoryNetworkOptions, type NetworkFaults } from '../../src/memory/index.js';
import type { SnapshotSink } from '../../src/ports/snapshot-store.js';
import type { Transport, TransportHandler, UnreachableReason } from '../../src/ports/transport.js';

/** Virtual time: runs what is due, in order of time and then of scheduling. */
class Scheduler {
  now = 0;
  #sequence = 0;
  #due: { at: number; sequence: number; fn: () => void }[] = [];

  schedule = (delayMs: number, fn: () => void): void => {
    this.#due.push({ at: this.now + delayMs, sequence: this.#sequence++, fn });
    this.#due.sort((a, b) => a.at - b.at || a.sequence - b.sequence);
  };

  run(): void {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) {
      this.now = next.at;
      next.fn();
    }
  }

  /** With promises in between, as in a snapshot transfer. */
  async drain(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      this.run();
      await new Promise(setImmediate);
    }
  }
}

function seeded(seed: number): { nextInt(n: number): number } {
  let state = seed;
  return {
    nextInt: (n) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    },
  };
}

class Node {
  readonly heard: number[] = [];
  readonly messages: Message[] = [];
  readonly bytes: Uint8Array[] = [];
  readonly unreachable: (readonly [number, UnreachableReason | undefined])[] = [];
  readonly transport: Transport;
  readonly id: number;
  sink: ((signal: AbortSignal) => SnapshotSink) | undefined;

  constructor(network: MemoryNetwork, id: number, others: readonly number[], clusterId = 'c') {
    this.id = id;
    this.transport = network.transport();
    this.transport.setPeers(others.map((other) => ({ id: other, name: `n${other}`, address: '' })));
    const handler: TransportHandler = {
      self: { id, name: `n${id}`, address: '' },
      clusterId,
      onMessages: (_from, messages) => {
        this.messages.push(...messages);
        for (const message of messages) if (message.type === 'heartbeat') this.heard.push(message.context);
      },
      onBytes: (_from, bytes) => void this.bytes.push(bytes),
      onSnapshot: (_from, _meta, { signal }) =>
        this.sink === undefined ? Promise.reject(new Error('none')) : Promise.resolve(this.sink(signal)),
      onUnreachable: (other, reason) => void this.unreachable.push([other, reason]),
    };
    void this.transport.start(handler);
  }

  beat(to: Node, context: number): void {
    this.transport.send(to.id, [
      { type: 'heartbeat', group: 0, from: this.id, to: to.id, term: 1, commit: 0, context },
    ]);
  }
}

function pair(faults: Partial<NetworkFaults> = {}, seed = 1, options: MemoryNetworkOptions = {}) {
  const scheduler = new Scheduler();
  const network = new MemoryNetwork({ schedule: scheduler.schedule, random: seeded(seed), faults, ...options });
  return { scheduler, network, a: new Node(network, 1, [2]), b: new Node(network, 2, [1]) };
}

const ascending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0));

describe('a memory network', () => {
  it('delivers later, never inside send', () => {
    const { scheduler, a, b } = pair();
    a.beat(b, 1);
    expect(b.heard).toEqual([]);
    scheduler.run();
    expect(b.heard).toEqual([1]);
  });

  it('keeps order within a connection, whatever each frame draws as its time', () => {
    const { scheduler, network, a, b } = pair({ minLatencyMs: 1, maxLatencyMs: 50 });
    for (let i = 1; i <= 200; i++) a.beat(b, i);
    scheduler.run();
    expect(b.heard).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect([scheduler.now <= 50, network.counters.overtaken, network.counters.delivered]).toEqual([true, 0, 200]);
  });

  it('lets a new connection overtake an old one', () => {
    const { scheduler, network, a, b } = pair({ maxLatencyMs: 50, reconnect: 0.2 });
    for (let i = 1; i <= 200; i++) a.beat(b, i);
    scheduler.run();
    expect(ascending(b.heard)).toBe(false);
    expect([...b.heard].sort((x, y) => x - y)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(network.counters.reconnects).toBeGreaterThan(10);
    expect(network.counters.overtaken).toBeGreaterThan(10);
  });

  it('loses single messages, and counts every one', () => {
    const { scheduler, network, a, b } = pair({ loss: 0.3 });
    const messages = Array.from({ length: 10 }, () => beatOf(a, b));
    for (let i = 0; i < 100; i++) a.transport.send(2, messages);
    for (let i = 0; i < 100; i++) a.transport.sendBytes(2, Uint8Array.of(i));
    scheduler.run();
    const { sent, delivered, lost } = network.counters;
    expect([sent, delivered + lost]).toEqual([1100, 1100]);
    expect(lost).toBeGreaterThan(250);
    expect(lost).toBeLessThan(410);
    expect(b.heard.length + b.bytes.length).toBe(delivered);
  });

  it('repeats frames, sometimes after newer ones', () => {
    const { scheduler, network, a, b } = pair({ duplicate: 0.5, maxLatencyMs: 20 });
    for (let i = 1; i <= 100; i++) a.beat(b, i);
    scheduler.run();
    expect(network.counters.duplicated).toBeGreaterThan(30);
    expect(b.heard.length).toBe(100 + network.counters.duplicated);
    expect(new Set(b.heard).size).toBe(100);
    expect(network.counters.overtaken).toBeGreaterThan(10);
  });

  it('cuts one way only, also for what is on the way, and says nothing', () => {
    const { scheduler, network, a, b } = pair({ minLatencyMs: 5, maxLatencyMs: 5 });
    a.beat(b, 1);
    network.cut(1, 2);
    a.beat(b, 2);
    b.beat(a, 3);
    scheduler.run();
    expect([a.heard, b.heard, a.unreachable, network.counters.cut]).toEqual([[3], [], [], 2]);
    network.heal(1, 2);
    a.beat(b, 4);
    scheduler.run();
    expect(b.heard).toEqual([4]);
  });

  it('partitions groups and heals', () => {
    const scheduler = new Scheduler();
    const network = new MemoryNetwork({ schedule: scheduler.schedule });
    const [a, b, c] = [
      new Node(network, 1, [2, 3]),
      new Node(network, 2, [1, 3]),
      new Node(network, 3, [1, 2]),
    ] as const;
    const everybody = (context: number): void => {
      for (const from of [a, b, c]) for (const to of [a, b, c]) if (from !== to) from.beat(to, context);
      scheduler.run();
    };
    network.partition([1], [2, 3]);
    everybody(1);
    expect([a.heard, b.heard, c.heard]).toEqual([[], [1], [1]]);
    network.heal();
    everybody(2);
    expect([a.heard, b.heard, c.heard]).toEqual([
      [2, 2],
      [1, 2, 2],
      [1, 2, 2],
    ]);
  });

  it('says lost and then refused when a member dies, and refused to whoever goes on sending', () => {
    const { scheduler, a, b } = pair();
    a.beat(b, 1);
    void b.transport.close();
    scheduler.run();
    expect([a.unreachable, b.heard]).toEqual([
      [
        [2, 'lost'],
        [2, 'refused'],
      ],
      [],
    ]);
    a.beat(b, 2);
    a.beat(b, 3);
    scheduler.run();
    expect(a.unreachable.slice(2)).toEqual([[2, 'refused']]);
  });

  it('never gives a restarted member what was sent to its predecessor', () => {
    const { scheduler, network, a, b } = pair({ minLatencyMs: 5, maxLatencyMs: 5 });
    a.beat(b, 1);
    void b.transport.close();
    const successor = new Node(network, 2, [1]);
    a.beat(successor, 2);
    scheduler.run();
    expect([b.heard, successor.heard]).toEqual([[], [2]]);
  });

  it('lets nobody in under an id in use, of another cluster or from outside the list', async () => {
    const { scheduler, network, a, b } = pair();
    const impostor = network.transport();
    const self = { id: 2, name: 'x', address: '' };
    const handler = { self, clusterId: 'c' } as TransportHandler;
    await expect(impostor.start(handler)).rejects.toMatchObject({ code: 'ERR_LISTEN' });
    const foreign = new Node(network, 3, [1], 'other');
    a.transport.setPeers([b, foreign].map(({ id }) => ({ id, name: '', address: '' })));
    foreign.beat(a, 1);
    a.beat(foreign, 2);
    new Node(network, 4, [2]).beat(b, 3);
    scheduler.run();
    expect([a.heard, b.heard, foreign.heard]).toEqual([[], [], []]);
    expect(network.counters.refused).toBe(3);
  });

  it('bounds what is on the way, and says overflow', () => {
    const { scheduler, network, a, b } = pair({}, 1, { maxFrames: 10 });
    for (let i = 1; i <= 15; i++) a.beat(b, i);
    scheduler.run();
    expect([b.heard.length, network.counters.overflow, a.unreachable]).toEqual([10, 5, [[2, 'overflow']]]);
    a.beat(b, 16);
    scheduler.run();
    expect(b.heard.at(-1)).toBe(16);
  });

  it('shares no state between sender and receiver, nor between two deliveries', () => {
    const { scheduler, a, b } = pair({ duplicate: 1 });
    // A Buffer, whose slice would be a view.
    const data = Buffer.of(1, 2, 3);
    const bytes = Buffer.of(7);
    const head = { group: 0, from: 1, to: 2, term: 1 };
    a.transport.send(2, [{ ...head, type: 'propose', entries: [{ term: 0, index: 0, kind: 'normal', data }] }]);
    a.transport.sendBytes(2, bytes);
    data[0] = 99;
    scheduler.run();
    const entries = b.messages.map((message) => (message.type === 'propose' ? message.entries[0]?.data : undefined));
    expect(entries).toEqual([Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)]);
    const [first, second] = entries;
    if (first !== undefined) first[1] = 99;
    expect(second).toEqual(Uint8Array.of(1, 2, 3));
    expect(b.bytes[0]?.buffer).not.toBe(bytes.buffer);
  });

  it('does the same with the same seed, and something else with another', () => {
    const story = (seed: number): unknown => {
      const faults = { maxLatencyMs: 30, loss: 0.1, duplicate: 0.1, reconnect: 0.1 };
      const { scheduler, network, a, b } = pair(faults, seed);
      for (let i = 1; i <= 100; i++) {
        a.beat(b, i);
        b.beat(a, i);
      }
      scheduler.run();
      return { a: a.heard, b: b.heard, counters: network.counters, now: scheduler.now };
    };
    expect(story(5)).toEqual(story(5));
    expect(story(5)).not.toEqual(story(6));
  });

  it('refuses faults that make no sense', () => {
    const network = new MemoryNetwork();
    for (const faults of [
      { loss: 1.1 },
      { duplicate: -1 },
      { reconnect: Number.NaN },
      { minLatencyMs: 5 },
      { minLatencyMs: -1 },
    ]) {
      expect(() => network.setFaults(faults)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    }
    expect(network.faults).toEqual(new MemoryNetwork().faults);
  });
});

describe('snapshots on a memory network', () => {
  const meta = {
    index: 1,
    term: 1,
    size: 300_000,
    conf: { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  };
  const source = {
    size: meta.size,
    read: async (_at: number, n: number) => new Uint8Array(n),
    close: async () => undefined,
  };
  const signal = (): AbortSignal => new AbortController().signal;
  const gathering = () => {
    const log: string[] = [];
    let size = 0;
    const sink: SnapshotSink = {
      offset: 0,
      write: async (chunk) => void (size += chunk.length),
      commit: async () => void log.push(`commit ${size}`),
      abort: async () => void log.push('abort'),
    };
    return { sink, log };
  };

  it('fail when the receiver dies in the middle of a write that will never end', async () => {
    const { scheduler, a, b } = pair({ minLatencyMs: 1, maxLatencyMs: 1 });
    const { sink } = gathering();
    b.sink = () => ({ ...sink, write: () => new Promise(() => undefined) });
    const transfer = a.transport.sendSnapshot(2, meta, source, { signal: signal() });
    await scheduler.drain();
    await b.transport.close();
    await scheduler.drain();
    expect(await transfer).toBe('failed');
  });

  it('end for the receiver too when the sender dies in the middle of a read that will never end', async () => {
    const { scheduler, a, b } = pair({ minLatencyMs: 1, maxLatencyMs: 1 });
    const { sink, log } = gathering();
    b.sink = () => sink;
    const stuck = { ...source, read: () => new Promise<Uint8Array>(() => undefined) };
    const transfer = a.transport.sendSnapshot(2, meta, stuck, { signal: signal() });
    await scheduler.drain();
    await a.transport.close();
    await scheduler.drain();
    expect([await transfer, log]).toEqual(['failed', ['abort']]);
  });

  it('arrive whole through loss and delay', async () => {
    const { scheduler, network, a, b } = pair({ loss: 0.5, minLatencyMs: 1, maxLatencyMs: 9 });
    const { sink, log } = gathering();
    b.sink = () => sink;
    const transfer = a.transport.sendSnapshot(2, meta, source, { signal: signal() });
    await scheduler.drain();
    expect([await transfer, log, network.counters.snapshots]).toEqual(['ok', ['commit 300000'], 1]);
  });

  it.each<[string, (network: MemoryNetwork, a: Node, b: Node) => void]>([
    ['there is cut', (network) => network.cut(1, 2)],
    ['back is cut', (network) => network.cut(2, 1)],
    ['back is no longer listed', (_, a) => a.transport.setPeers([])],
    ['there leads to a dead receiver', (_, __, b) => void b.transport.close()],
    ['there begins at a dead sender', (_, a) => void a.transport.close()],
  ])('fail when the way %s in the middle', async (_, interfere) => {
    const { scheduler, network, a, b } = pair({ minLatencyMs: 1, maxLatencyMs: 1 });
    const { sink, log } = gathering();
    let writes = 0;
    let aborted = false;
    b.sink = (gone) => {
      gone.addEventListener('abort', () => (aborted = true));
      return {
        ...sink,
        write: async () => {
          if (++writes === 2) interfere(network, a, b);
        },
      };
    };
    const transfer = a.transport.sendSnapshot(2, meta, source, { signal: signal() });
    await scheduler.drain();
    expect([await transfer, log, writes, aborted]).toEqual(['failed', ['abort'], 2, true]);
  });

  it('go one at a time to each member', async () => {
    const { scheduler, a, b } = pair();
    b.sink = () => gathering().sink;
    const first = a.transport.sendSnapshot(2, meta, source, { signal: signal() });
    const second = a.transport.sendSnapshot(2, meta, source, { signal: signal() });
    await scheduler.drain();
    expect([await first, await second]).toEqual(['ok', 'failed']);
  });
});

function beatOf(from: Node, to: Node): Message {
  return { type: 'heartbeat', group: 0, from: from.id, to: to.id, term: 1, commit: 0, context: 0 };
}

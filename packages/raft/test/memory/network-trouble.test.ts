import { describe, expect, it } from 'vitest';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/memory/index.js';
import type { Transport } from '../../src/ports/transport.js';
import { SeededRandom, VirtualTime } from '../../src/testing/index.js';

interface End {
  readonly transport: Transport;
  readonly heard: number[];
  readonly told: string[];
  say(text: number): void;
}

function world(options: MemoryNetworkOptions = {}) {
  const time = new VirtualTime();
  const schedule = (ms: number, fn: () => void): void => time.schedule(ms, fn);
  const network = new MemoryNetwork({ schedule, random: new SeededRandom(3), ...options });
  const end = (id: number, other: number): End => {
    const transport = network.transport();
    const heard: number[] = [];
    const told: string[] = [];
    transport.setPeers([{ id: other, name: `n${other}`, address: '' }]);
    void transport.start({
      self: { id, name: `n${id}`, address: '' },
      clusterId: 'c',
      onMessages: () => undefined,
      onBytes: (_from, bytes) => void heard.push(bytes[0]!),
      onSnapshot: () => Promise.reject(new Error('none')),
      onUnreachable: (_id, reason) => void told.push(reason ?? 'none'),
    });
    return { transport, heard, told, say: (text) => transport.sendBytes(other, new Uint8Array([text])) };
  };
  const run = (ms: number): void => {
    const until = time.now + ms;
    while (time.step(until));
  };
  return { network, time, run, a: end(1, 2), b: end(2, 1), end };
}

describe('trouble on a memory network', () => {
  it('holds what is sent on a clogged way, one direction only, and delivers it in order once it is open', () => {
    const { network, run, a, b } = world({ faults: { minLatencyMs: 1, maxLatencyMs: 1 } });
    network.clog(1, 2);
    for (const text of [1, 2, 3]) a.say(text);
    b.say(9);
    run(1000);
    expect([a.heard, b.heard]).toEqual([[9], []]);
    network.unclog(1, 2);
    a.say(4);
    run(1000);
    expect(b.heard).toEqual([1, 2, 3, 4]);
    expect(network.counters.clogged).toBe(3);
  });

  it('lets a full clogged way overflow instead of growing', () => {
    const { network, run, a, b } = world({ maxFrames: 2 });
    network.clog(1, 2);
    for (const text of [1, 2, 3]) a.say(text);
    run(10);
    network.unclog();
    run(10);
    expect(b.heard).toEqual([1, 2]);
    expect(a.told).toEqual(['overflow']);
  });

  it('loses what travels on a connection that is reset, tells both ends, and goes on with a new one', () => {
    const { network, run, a, b } = world({ maxFrames: 2, faults: { minLatencyMs: 5, maxLatencyMs: 5 } });
    a.say(1);
    a.say(2);
    network.reset(1, 2);
    a.say(3);
    run(100);
    expect(b.heard).toEqual([3]);
    expect([a.told, b.told]).toEqual([['lost'], ['lost']]);
    expect(network.counters.reset).toBe(2);
  });

  it('delivers stale frames to the process that has the id by then', async () => {
    const { network, run, a, b, end } = world({ faults: { stale: 1, staleMs: 1000 } });
    a.say(1);
    run(0);
    expect(b.heard).toEqual([1]);
    await b.transport.close();
    const successor = end(2, 1);
    run(1000);
    expect(successor.heard).toEqual([1]);
    expect(network.counters.stale).toBe(1);
  });

  it('drops what it held back once the fault is off', async () => {
    const { network, run, a, b } = world({ faults: { stale: 1, staleMs: 1000 } });
    a.say(1);
    run(0);
    network.setFaults({ stale: 0 });
    run(1000);
    expect(b.heard).toEqual([1]);
    expect(network.counters.stale).toBe(0);
  });

  it('draws times from an exponential distribution with a heavy tail', () => {
    const { time, run, a, b } = world({ faults: { meanExtraMs: 10, reconnect: 1 } });
    for (let i = 0; i < 1000; i++) a.say(1);
    run(10);
    // 1 - 1/e of them by the mean; far from both ends of what chance can do to a thousand.
    expect(b.heard.length).toBeGreaterThan(550);
    expect(b.heard.length).toBeLessThan(720);
    const slow = world({ faults: { minLatencyMs: 1, maxLatencyMs: 1, tail: 1 } });
    slow.a.say(1);
    slow.run(19);
    expect(slow.b.heard).toEqual([]);
    slow.run(1);
    expect(slow.b.heard).toEqual([1]);
    expect(time.now).toBe(10);
  });
});

import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { encodeMessages } from '../src/frame.js';
import { closeCodes, type Hello } from '../src/hello.js';
import { beat, Caller, End, hello, open, openPair, until } from './ends.js';

const friend = { id: 7, name: 'friend' };

async function listening(limits = {}): Promise<End> {
  const end = await open(1, { limits });
  end.transport.setPeers([{ ...friend, address: 'ws://127.0.0.1:9' }]);
  return end;
}

describe('a listener', () => {
  it('rejects start with ERR_LISTEN when the port is taken, and can be closed then', async () => {
    const end = await listening();
    const second = new End(2, { listen: { port: end.port } });
    await expect(second.start()).rejects.toMatchObject({
      code: 'ERR_LISTEN',
      message: expect.stringContaining('EADDRINUSE'),
    });
    await second.transport.close();
  });

  it('tells its address when the system chose the port', async () => {
    const end = await open(1, { listen: { port: 0, path: '/raft' } });
    expect(end.transport.address).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/raft$/);
    await end.transport.close();
    expect(end.transport.address).toBeUndefined();
  });

  it.each<[string, Partial<Hello>, number]>([
    ['another protocol', { version: 99 }, closeCodes.otherVersion],
    ['another cluster', { clusterId: 'other' }, closeCodes.otherCluster],
    ['a message for another id', { to: { id: 5, name: 'n1' } }, closeCodes.misdirected],
    ['a message for another name', { to: { id: 1, name: 'x' } }, closeCodes.misdirected],
    ['a stranger', { from: { id: 8, name: 'friend' } }, closeCodes.stranger],
    ['a stranger with a known id', { from: { id: 7, name: 'other' } }, closeCodes.stranger],
    ['a proof that nobody here can check', { proof: Uint8Array.of(1) }, closeCodes.notAdmitted],
  ])('refuses %s with a code of its own, and says so in the log', async (_, change, code) => {
    const end = await listening();
    const caller = await new Caller(end.transport.address ?? '').open();
    caller.ws.send(hello(friend, end, change));
    expect((await caller.closed).code).toBe(code);
    expect(end.journal.lines.join('\n')).toContain('connection refused');
  });

  it('asks admit for the last word, and takes a throw as a no', async () => {
    const asked: [string, number[]][] = [];
    const end = await open(1, {
      admit: (peer, incarnation) => {
        asked.push([peer.name, [...incarnation]]);
        if (incarnation.length === 2) throw new Error('no idea');
        return incarnation.length === 1;
      },
    });
    end.transport.setPeers([{ ...friend, address: 'ws://127.0.0.1:9' }]);
    const outcome = async (incarnation: number[]): Promise<number> => {
      const caller = await new Caller(end.transport.address ?? '').open();
      caller.ws.send(hello(friend, end, { incarnation: Uint8Array.from(incarnation) }));
      const entered = until('the welcome', () => caller.messages.length > 0).then(() => ({ code: 0 }));
      return (await Promise.race([caller.closed, entered])).code;
    };
    expect([await outcome([]), await outcome([5]), await outcome([5, 6])]).toEqual([4007, 0, 4007]);
    expect(asked).toEqual([
      ['friend', []],
      ['friend', [5]],
      ['friend', [5, 6]],
    ]);
  });

  it.each<[string, Uint8Array | string]>([
    ['an empty hello', new Uint8Array()],
    ['bytes that are no hello', Uint8Array.of(0x93, 1, 2, 3)],
    ['text', 'hello'],
  ])('closes on %s', async (_, first) => {
    const end = await listening();
    const caller = await new Caller(end.transport.address ?? '').open();
    caller.ws.send(first);
    expect((await caller.closed).code).toBe(closeCodes.malformed);
  });

  it('does not buffer a hello that never ends', async () => {
    const end = await listening();
    const caller = await new Caller(end.transport.address ?? '').open();
    caller.ws.send(new Uint8Array(1 << 20));
    expect((await caller.closed).code).toBe(1006);
  });

  it('refuses browsers: any page can open sockets to loopback', async () => {
    const end = await listening();
    const caller = new Caller(end.transport.address ?? '', { origin: 'https://example.com' });
    await caller.closed;
    expect(end.journal.lines.join('\n')).toContain('browsers are not served');
  });

  it('answers plain HTTP and other paths without a word of use', async () => {
    const end = await listening();
    const http = `http://127.0.0.1:${end.port}/`;
    expect((await fetch(http)).status).toBe(426);
    const elsewhere = new Caller(`ws://127.0.0.1:${end.port}/elsewhere`);
    expect((await elsewhere.closed).code).toBe(1006);
  });

  it('gives nobody longer than the hello timeout, whether he speaks HTTP or not', async () => {
    const end = await listening({ helloTimeoutMs: 150 });
    const silent = connect(end.port, '127.0.0.1');
    const slow = connect(end.port, '127.0.0.1');
    const ended = [silent, slow].map(
      (s) =>
        new Promise((resolve) =>
          s
            .on('error', () => 0)
            .on('close', resolve)
            .resume(),
        ),
    );
    slow.write('GET / HTTP/1.1\r\nHost: ');
    const mute = await new Caller(end.transport.address ?? '').open();
    await Promise.all([...ended, mute.closed]);
  });

  it('holds no more strangers at once than it is told, and serves peers again when they are gone', async () => {
    const end = await listening({ maxPendingConnections: 3, helloTimeoutMs: 400 });
    const sockets = Array.from({ length: 10 }, () =>
      connect(end.port, '127.0.0.1')
        .on('error', () => 0)
        .resume(),
    );
    const isOpen = (): number => sockets.filter((s) => !s.closed).length;
    await until('all but three are turned away', () => isOpen() === 3);
    await until('and these in the end', () => isOpen() === 0);
    await new Caller(end.transport.address ?? '').enter(friend, end);
  });

  it('closes the connection of a peer that sends a malformed frame, and lives on', async () => {
    const end = await listening();
    for (const frame of [new Uint8Array(), Uint8Array.of(0xff), Uint8Array.of(0x92, 1, 0), Uint8Array.of(0xc1, 0, 0)]) {
      const caller = await new Caller(end.transport.address ?? '').enter(friend, end);
      caller.ws.send(frame);
      expect((await caller.closed).code).toBe(closeCodes.malformed);
    }
    await new Caller(end.transport.address ?? '').enter(friend, end);
  });

  it('takes no frame longer than its limit', async () => {
    const end = await listening({ maxFrameBytes: 300_000 });
    const caller = await new Caller(end.transport.address ?? '').enter(friend, end);
    caller.ws.send(new Uint8Array(300_001));
    expect((await caller.closed).code).toBe(1009);
  });

  it('hears nothing more from a peer that was just removed, not even what is on the way', async () => {
    const end = await listening();
    const caller = await new Caller(end.transport.address ?? '').enter(friend, end);
    caller.ws.send(encodeMessages([beat(7, 1, 1)]));
    await until('heard', () => end.beats.length === 1);
    end.transport.setPeers([]);
    caller.ws.send(encodeMessages([beat(7, 1, 2)]));
    expect((await caller.closed).code).toBe(closeCodes.removed);
    expect(end.beats).toEqual([1]);
  });

  it('keeps the newer of two connections of one peer', async () => {
    const end = await listening();
    const older = await new Caller(end.transport.address ?? '').enter(friend, end);
    const newer = await new Caller(end.transport.address ?? '').enter(friend, end);
    expect((await older.closed).code).toBe(closeCodes.replaced);
    expect(newer.ws.readyState).toBe(newer.ws.OPEN);
  });
});

it('two ends that dial each other at the same time both stay connected', async () => {
  const [a, b] = await openPair();
  for (let i = 1; i <= 20; i++) {
    a.beat(b, i);
    b.beat(a, i);
    await new Promise(setImmediate);
  }
  await until('all beats arrive', () => a.beats.length === 20 && b.beats.length === 20);
  expect(a.journal.lines.concat(b.journal.lines).filter((line) => /lost|replaced/.test(line))).toEqual([]);
});

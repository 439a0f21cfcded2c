import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { encodeWelcome, protocolVersion } from '../src/hello.js';
import { beat, closeAfterwards, open, openPair, pause, quick, until, type End } from './ends.js';
import { TcpProxy } from './tcp-proxy.js';

const limits = quick;

async function proxyTo(end: End): Promise<{ proxy: TcpProxy; address: string }> {
  const proxy = closeAfterwards(new TcpProxy(end.port));
  return { proxy, address: `ws://127.0.0.1:${await proxy.listen()}` };
}

/** A listener that greets and then leaves everything to the test. */
async function greeter(name: string, id: number, welcomed: (ws: WebSocket) => void = () => undefined) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await new Promise((resolve) => server.once('listening', resolve));
  const [sockets, frames]: [WebSocket[], Buffer[]] = [[], []];
  server.on('connection', (ws) => {
    sockets.push(ws);
    ws.on('error', () => undefined);
    ws.once('message', () => {
      ws.on('message', (data: Buffer) => frames.push(data));
      const none = new Uint8Array();
      ws.send(encodeWelcome({ version: protocolVersion, from: { id, name }, incarnation: none, proof: none }));
      welcomed(ws);
    });
  });
  closeAfterwards({
    close: () => {
      for (const ws of sockets) ws.terminate();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, frames };
}

/** Always the largest, and a record of what it was drawn from. */
function drawing(drawn: number[]): { nextInt(n: number): number } {
  return {
    nextInt: (n) => {
      drawn.push(n);
      return n - 1;
    },
  };
}

describe('a turn', () => {
  it('goes out as one frame for its messages and one for its bytes, in the order of sending', async () => {
    const { address, frames } = await greeter('n2', 2);
    const a = await open(1, { limits });
    a.transport.setPeers([{ id: 2, name: 'n2', address }]);
    await until('it connects', () => a.transport.status()[0]?.state === 'connected');
    for (let i = 0; i < 50; i++) a.transport.send(2, [beat(1, 2, i), beat(1, 2, i)]);
    for (let i = 0; i < 50; i++) a.transport.sendBytes(2, Uint8Array.of(i));
    await until('the frames arrive', () => frames.length === 2);
    await pause(20);
    expect(frames.map((frame) => frame[0])).toEqual([0xdc, 0xc1]);
  });

  it('is split where it would exceed a frame, and a message that alone would is dropped and reported', async () => {
    const [a, b] = await openPair({ limits: { ...limits, maxFrameBytes: 300_000, snapshotChunkBytes: 1000 } });
    const entries = (bytes: number) => [{ term: 1, index: 1, kind: 'normal' as const, data: new Uint8Array(bytes) }];
    const propose = (bytes: number) =>
      ({ type: 'propose', group: 0, from: 1, to: 2, term: 1, entries: entries(bytes) }) as const;
    a.transport.send(2, [propose(200_000), propose(200_000), propose(400_000), beat(1, 2, 1), propose(200_000)]);
    a.transport.sendBytes(2, new Uint8Array(400_000));
    a.transport.sendBytes(2, new Uint8Array(200_000));
    a.transport.sendBytes(2, new Uint8Array(200_000));
    await until('what fits arrives', () => b.bytes.length === 2);
    expect(b.batches).toEqual([1, 2, 1]);
    expect(b.beats).toEqual([1]);
    expect(a.unreachable).toEqual([[2, 'overflow']]);
  });
});

describe('a link', () => {
  it('keeps what is sent while it connects', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([b.peer]);
    for (let i = 1; i <= 3; i++) a.beat(b, i);
    await until('it arrives', () => b.beats.length === 3);
    expect(b.beats).toEqual([1, 2, 3]);
  });

  it('comes back by itself after a cut, and says lost', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    const { proxy, address } = await proxyTo(b);
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([{ ...b.peer, address }]);
    for (let round = 1; round <= 5; round++) {
      await until('connected', () => a.state(b) === 'connected');
      a.beat(b, round);
      await until('heard', () => b.beats.includes(round));
      proxy.cut();
      await until('told', () => a.unreachable.length >= round);
    }
    expect(a.unreachable.every(([id, reason]) => id === 2 && reason === 'lost')).toBe(true);
  });

  it('says lost and then refused when the process behind it has gone, faster than one heartbeat', async () => {
    const [a, b] = await openPair({ limits: { ...limits, backoffBaseMs: 60_000, backoffCapMs: 60_000 } });
    // Long enough to count as a good connection, which is dialled again at once.
    await pause(3 * limits.pingIntervalMs);
    await b.transport.close();
    await until('told', () => a.unreachable.length === 2);
    expect(a.unreachable).toEqual([
      [2, 'lost'],
      [2, 'refused'],
    ]);
  });

  it('waits longer before each dial of a door that opens and shuts', async () => {
    const rude = createServer((socket) => socket.on('error', () => undefined).destroy());
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    closeAfterwards({ close: () => new Promise((resolve) => rude.close(resolve)) });
    const drawn: number[] = [];
    const a = await open(1, { limits: { ...limits, backoffBaseMs: 4, backoffCapMs: 30 }, random: drawing(drawn) });
    a.transport.setPeers([{ id: 2, name: 'n2', address: `ws://127.0.0.1:${(rude.address() as AddressInfo).port}` }]);
    await until('six dials', () => drawn.length >= 6);
    expect(drawn.slice(0, 6)).toEqual([5, 9, 17, 31, 31, 31]);
  });

  it('waits longer before each dial of a peer that welcomes and hangs up, and forgets it after a good connection', async () => {
    let moody = true;
    const { address, sockets } = await greeter('n2', 2, (ws) => {
      if (moody) ws.close(1000);
    });
    const drawn: number[] = [];
    const a = await open(1, { limits: { ...limits, backoffBaseMs: 4, backoffCapMs: 30 }, random: drawing(drawn) });
    a.transport.setPeers([{ id: 2, name: 'n2', address }]);
    await until('six dials', () => drawn.length >= 6);
    expect(drawn.slice(0, 6)).toEqual([5, 9, 17, 31, 31, 31]);
    moody = false;
    await until('connected', () => a.transport.status()[0]?.state === 'connected');
    await pause(4 * limits.pingIntervalMs);
    expect(a.transport.status()[0]?.state).toBe('connected');
    drawn.length = 0;
    moody = true;
    sockets.at(-1)?.terminate();
    await until('two waits', () => drawn.length >= 2);
    expect(drawn.slice(0, 2)).toEqual([5, 9]);
  });

  it('notices a pulled cable, both ends, and comes back when it is in again', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    const { proxy, address } = await proxyTo(b);
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([{ ...b.peer, address }]);
    await until('connected', () => a.state(b) === 'connected' && b.transport.status()[0]?.heard === true);
    await pause(10 * limits.pingIntervalMs);
    expect(a.unreachable).toEqual([]);
    proxy.freeze();
    await until('the sender notices', () => a.unreachable.some(([, reason]) => reason === 'lost'));
    await until('the receiver notices', () => b.transport.status()[0]?.heard === false);
    proxy.thaw();
    await until('it comes back', () => a.state(b) === 'connected');
    a.beat(b, 99);
    await until('it carries', () => b.beats.includes(99));
  });

  it('drops what a slow peer does not take above the high-water mark, says so once a turn, and grows no further', async () => {
    const { address, sockets } = await greeter('n2', 2);
    const highWaterBytes = 1 << 20;
    const a = await open(1, { limits: { ...limits, pingIntervalMs: 60_000, highWaterBytes } });
    a.transport.setPeers([{ id: 2, name: 'n2', address }]);
    await until('connected', () => a.transport.status()[0]?.state === 'connected');
    sockets[0]?.pause();
    const piece = new Uint8Array(100_000);
    let largest = 0;
    for (let turn = 0; turn < 400; turn++) {
      for (let i = 0; i < 4; i++) a.transport.sendBytes(2, piece);
      largest = Math.max(largest, a.transport.status()[0]?.backlogBytes ?? 0);
      await new Promise(setImmediate);
    }
    expect(a.unreachable.length).toBeGreaterThan(10);
    expect(a.unreachable.length).toBeLessThanOrEqual(400);
    expect(new Set(a.unreachable.map(([, reason]) => reason))).toEqual(new Set(['overflow']));
    expect(largest).toBeGreaterThan(highWaterBytes / 2);
    expect(largest).toBeLessThan(highWaterBytes + 2 * piece.length);
    sockets[0]?.resume();
    await until('it drains', () => (a.transport.status()[0]?.backlogBytes ?? 1) === 0);
  });

  it('does not take a slow way for a dead peer, at either end', async () => {
    const roomy = { ...limits, highWaterBytes: 64 << 20 };
    const [a, b] = [await open(1, { limits: roomy }), await open(2, { limits: roomy })];
    const { proxy, address } = await proxyTo(b);
    proxy.chunkPauseMs = 2;
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([{ ...b.peer, address }]);
    await until('connected', () => a.state(b) === 'connected');
    // Each of these takes longer than the beats that may be missed, and the answer to a ping waits behind all of them.
    for (let i = 0; i < 3; i++) a.transport.sendBytes(2, new Uint8Array(12 << 20));
    await until('all arrive', () => b.bytes.length === 3);
    expect([a.unreachable, proxy.connections]).toEqual([[], 1]);
  });

  it('follows a peer to a new address', async () => {
    const [a, b] = await openPair({ limits });
    const { proxy, address } = await proxyTo(b);
    a.transport.setPeers([{ ...b.peer, address }]);
    await until('connected again', () => a.state(b) === 'connected' && proxy.connections === 1);
    a.beat(b, 1);
    await until('heard', () => b.beats.includes(1));
  });

  it('says why it cannot connect once, not with every dial', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    a.transport.setPeers([b.peer]);
    await until('many dials', () => a.unreachable.length > 8);
    expect(a.journal.lines.filter((line) => line.startsWith('warn cannot connect'))).toHaveLength(1);
    expect(a.journal.lines.join('\n')).toContain('4003 not listed here');
    expect(a.unreachable.every(([, reason]) => reason === 'unreachable')).toBe(true);
  });

  it('gives up a dial that nobody answers', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const a = await open(1, { limits: { ...limits, connectTimeoutMs: 100 } });
    closeAfterwards({ close: () => new Promise((resolve) => mute.close(resolve)) });
    a.transport.setPeers([{ id: 2, name: 'n2', address: `ws://127.0.0.1:${(mute.address() as AddressInfo).port}` }]);
    await until('told', () => a.unreachable.length > 1);
    expect(a.unreachable[0]).toEqual([2, 'unreachable']);
    await a.transport.close();
  });
});

it('a handler that throws breaks neither the link nor the process', async () => {
  const [a, b] = await openPair({ limits });
  b.onBeat = (context) => {
    if (context === 1) throw new Error('a bug above');
  };
  a.beat(b, 1);
  await until('it arrives', () => b.beats.includes(1));
  a.beat(b, 2);
  await until('the next arrives', () => b.beats.includes(2));
  expect(b.journal.lines.join('\n')).toContain('a transport handler threw');
  expect(a.unreachable).toEqual([]);
});

import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { closeAfterwards, open, pause, quick, until, type End } from './ends.js';

async function application(): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end('hello from the application'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closeAfterwards({
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function link(a: End, b: End): Promise<void> {
  a.transport.setPeers([b.peer]);
  b.transport.setPeers([a.peer]);
  a.beat(b, 1);
  b.beat(a, 2);
  await until('both hear', () => a.beats.includes(2) && b.beats.includes(1));
}

/** What an upgrade on this path comes to: the first message, or the status of the refusal. */
function knock(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    ws.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve(String(response.statusCode));
    });
    ws.on('error', () => undefined);
    ws.on('message', (data: Buffer) => {
      ws.terminate();
      resolve(data.toString());
    });
  });
}

describe('attached to the application\u2019s server', () => {
  it('takes its own path and leaves everything else alone', async () => {
    const { server, port } = await application();
    const sockets = new WebSocketServer({ server, path: '/chat' });
    sockets.on('connection', (ws) => ws.send('welcome to the chat'));
    const a = await open(1, { listen: { server, path: '/coterie' } });
    const b = await open(2);
    expect(a.transport.address).toBe(`ws://127.0.0.1:${port}/coterie`);
    await link(a, b);
    expect(await knock(port, '/chat')).toBe('welcome to the chat');
    expect(await (await fetch(`http://127.0.0.1:${port}/coterie`)).text()).toBe('hello from the application');
  });

  it('is left alone by a listener that takes every upgrade, whoever came first', async () => {
    const { server, port } = await application();
    const greedy = (): void => {
      new WebSocketServer({ server }).on('connection', (ws) => ws.send('mine'));
    };
    const a = await open(1, { listen: { server, path: '/coterie' } });
    greedy();
    const b = await open(2);
    await link(a, b);
    expect(await knock(port, '/other')).toBe('mine');
  });

  it('refuses upgrades that nobody wants, and only those', async () => {
    const { server, port } = await application();
    const a = await open(1, { listen: { server, path: '/one' } });
    const b = await open(2, { listen: { server, path: '/two' } });
    await link(a, b);
    expect(await knock(port, '/three')).toBe('404');
    const late = new WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => {
      late.handleUpgrade(request, socket, head, (ws) => ws.send('late'));
    });
    expect(await knock(port, '/three')).toBe('late');
  });

  it('gives everything back when it closes, and the server goes on', async () => {
    const { server, port } = await application();
    const [emit, listeners] = [server.emit, server.listenerCount('upgrade')];
    const a = await open(1, { listen: { server, path: '/coterie' } });
    const b = await open(2, { limits: quick });
    await link(a, b);
    await a.transport.close();
    expect([server.emit, server.listenerCount('upgrade')]).toEqual([emit, listeners]);
    expect(Object.hasOwn(server, 'emit')).toBe(false);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello from the application');
    await until('the peer is told', () => b.unreachable.length > 0);
  });

  it('passes on when somebody wrapped emit after it', async () => {
    const { server, port } = await application();
    const a = await open(1, { listen: { server, path: '/coterie' } });
    const ours = server.emit;
    server.emit = function (this: Server, ...args: unknown[]): boolean {
      return Reflect.apply(ours, this, args) as boolean;
    } as Server['emit'];
    await a.transport.close();
    new WebSocketServer({ server, path: '/coterie' }).on('connection', (ws) => ws.send('free again'));
    expect(await knock(port, '/coterie')).toBe('free again');
  });

  it('can be attached before the server listens', async () => {
    const server = createServer();
    const a = await open(1, { listen: { server, path: '/coterie' } });
    expect(a.transport.address).toBeUndefined();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closeAfterwards({ close: () => new Promise((resolve) => server.close(resolve)) });
    await link(a, await open(2));
    await a.transport.close();
  });

  it('bounds those who have not said who they are, and does not touch the application\u2019s sockets', async () => {
    const { server, port } = await application();
    await open(1, { listen: { server, path: '/coterie' }, limits: { maxPendingConnections: 2, helloTimeoutMs: 200 } });
    const idle = connect(port, '127.0.0.1');
    await until('connected', () => idle.readyState === 'open');
    const knocks = Array.from({ length: 5 }, () => new WebSocket(`ws://127.0.0.1:${port}/coterie`));
    knocks.forEach((ws) => ws.on('error', () => undefined));
    await until('three are refused', () => knocks.filter((ws) => ws.readyState === ws.CLOSED).length === 3);
    await until('two run out of time', () => knocks.every((ws) => ws.readyState === ws.CLOSED));
    await pause(100);
    expect(idle.destroyed).toBe(false);
    idle.destroy();
  });

  it.each([
    ['10.0.0.9', {}, 'only loopback is served'],
    [undefined, {}, 'only loopback is served'],
    ['10.0.0.9', { insecure: true }, 'Sec-WebSocket-Key'],
    ['127.0.0.1', {}, 'Sec-WebSocket-Key'],
  ])('a server bound to the world serves %s with %j: %s', async (remoteAddress, options, answer) => {
    const { server } = await application();
    await open(1, { listen: { server, path: '/coterie' }, ...options });
    // As Node hands an upgrade over, from a machine that the test does not have.
    const socket = Object.assign(new PassThrough(), { remoteAddress });
    const headers = { upgrade: 'websocket' };
    server.emit('upgrade', { method: 'GET', url: '/coterie', headers, socket }, socket, Buffer.alloc(0));
    const written = socket.read() as Buffer;
    expect(written.toString()).toContain(answer);
    socket.destroy();
  });
});

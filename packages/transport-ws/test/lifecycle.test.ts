import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { beat, open, openPair, pause, quick, until } from './ends.js';

/**
 * Runs a program against the built package in a process of its own, to its own end: whatever holds it up would hang
 * here.
 */
async function run(program: string): Promise<string> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--input-type=module', '--eval', `${prelude}\n${program}`];
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
  return out;
}

const prelude = `
import { WsTransport } from '@coterie/transport-ws';
const none = () => undefined;
const start = async (id, options) => {
  const transport = new WsTransport({ listen: { port: 0 }, ...options });
  await transport.start({ self: { id, name: 'n' + id, address: '' }, clusterId: 'c', onMessages: none, onBytes: none,
    onSnapshot: () => Promise.reject(new Error('none')), onUnreachable: none });
  return transport;
};
const peer = (id, transport) => ({ id, name: 'n' + id, address: transport.address });
const [a, b] = [await start(1), await start(2)];
a.setPeers([peer(2, b), { id: 9, name: 'n9', address: 'ws://127.0.0.1:9' }]);
b.setPeers([peer(1, a)]);
while (a.status()[0].state !== 'connected' || b.status()[0].state !== 'connected') await new Promise((r) => setTimeout(r, 5));
`;

describe('close', () => {
  it('leaves no socket, server or timer', async () => {
    const program = `
      await Promise.all([a.close(), b.close()]);
      const left = process.getActiveResourcesInfo().filter((name) => !name.startsWith('Pipe'));
      process.on('exit', () => console.log(JSON.stringify(left)));
    `;
    expect((await run(program)).trim()).toBe('[]');
  });

  it('is possible after unref, which lets the process end by itself', async () => {
    expect(await run(`a.unref(); b.unref(); process.on('exit', () => console.log('over'));`)).toBe('over\n');
    expect(await run(`a.unref(); b.unref(); await Promise.all([a.close(), b.close()]); console.log('closed');`)).toBe(
      'closed\n',
    );
    const held = `a.unref(); b.unref(); b.ref(); setTimeout(() => { console.log('still here'); b.unref(); }, 200).unref();`;
    expect(await run(held)).toBe('still here\n');
  });

  it('sends what was handed in before', async () => {
    const [a, b] = await openPair({ limits: quick });
    a.transport.sendBytes(2, new Uint8Array(4 << 20));
    a.transport.send(2, [beat(1, 2, 77)]);
    await a.transport.close();
    await until('the last word arrives', () => b.beats.includes(77));
    expect(b.bytes[0]?.length).toBe(4 << 20);
  });

  it('tells the others at once', async () => {
    const [a, b] = await openPair({ limits: { ...quick, pingIntervalMs: 60_000 } });
    await a.transport.close();
    await until('told', () => b.unreachable.length > 0);
    expect(b.unreachable[0]).toEqual([1, 'lost']);
  });

  it('does not wait for a peer that does not answer, and calls no handler afterwards', async () => {
    const [a, b] = await openPair({ limits: { ...quick, pingIntervalMs: 60_000 } });
    await Promise.all([a.transport.close(), a.transport.close()]);
    const told = a.unreachable.length;
    b.beat(a, 1);
    await pause(50);
    expect([a.unreachable.length, a.beats.length]).toEqual([told, 0]);
  });

  it('during start ends with the port free', async () => {
    const first = await open(1);
    const { port } = first;
    await first.transport.close();
    const second = await open(1, { listen: { port } });
    expect(second.port).toBe(port);
  });
});

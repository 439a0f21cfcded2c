import { describe, expect, it } from 'vitest';
import { isLoopback, parsePeerAddress } from '../src/address.js';
import type { WsTransportOptions } from '../src/options.js';
import { WsTransport } from '../src/ws-transport.js';
import { End, open } from './ends.js';

const refusing = (argument: string): object => expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument });

describe('options', () => {
  it.each<[string, unknown]>([
    ['listen', {}],
    ['listen.port', { listen: { port: -1 } }],
    ['listen.port', { listen: { port: '7001' } }],
    ['listen.host', { listen: { port: 0, host: '0.0.0.0' } }],
    ['listen.host', { listen: { port: 0, host: '::' } }],
    ['listen.host', { listen: { port: 0, host: 'example.com' } }],
    ['listen.path', { listen: { port: 0, path: 'raft' } }],
    ['listen.server', { listen: { server: {}, path: '/' } }],
    ['incarnation', { listen: { port: 0 }, incarnation: new Uint8Array(257) }],
    ['limits.pingIntervalMs', { listen: { port: 0 }, limits: { pingIntervalMs: 0 } }],
    ['limits.missedPings', { listen: { port: 0 }, limits: { missedPings: 1.5 } }],
    ['limits.snapshotWindowBytes', { listen: { port: 0 }, limits: { snapshotWindowBytes: 10 } }],
    ['limits.maxFrameBytes', { listen: { port: 0 }, limits: { maxFrameBytes: 1000 } }],
  ])('refuse a bad %s by its name', (argument, options) => {
    expect(() => new WsTransport(options as WsTransportOptions)).toThrow(refusing(argument));
  });

  it('take undefined as left out', () => {
    const options = { listen: { port: 0, host: undefined }, limits: { pingIntervalMs: undefined }, logger: undefined };
    expect(() => new WsTransport(options)).not.toThrow();
  });

  it('serve beyond loopback only when told that it is insecure', () => {
    expect(() => new WsTransport({ listen: { port: 0, host: '0.0.0.0' }, insecure: true })).not.toThrow();
  });
});

describe('peer addresses', () => {
  it('are ws: or wss: URLs on loopback unless insecure', () => {
    for (const address of ['ws://127.0.0.1:1', 'ws://localhost:1/path', 'wss://[::1]:1', 'ws://127.8.9.1']) {
      expect(parsePeerAddress(address).href).toContain('://');
    }
    for (const address of [
      'tcp://127.0.0.1:1',
      '127.0.0.1:1',
      '',
      'ws://10.0.0.1:1',
      'ws://u:p@localhost:1',
      'ws://localhost:1#x',
    ]) {
      expect(() => parsePeerAddress(address, false, 'peers.a')).toThrow(refusing('peers.a'));
    }
    expect(parsePeerAddress('ws://10.0.0.1:1', true).hostname).toBe('10.0.0.1');
  });

  it('change nothing when one of them is refused', async () => {
    const end = await open(1);
    end.transport.setPeers([{ id: 2, name: 'b', address: 'ws://127.0.0.1:9' }]);
    const bad = [{ id: 3, name: 'c', address: 'ws://10.0.0.1:9' }];
    expect(() => end.transport.setPeers(bad)).toThrow(refusing('peer.address'));
    expect(end.transport.status().map(({ name }) => name)).toEqual(['b']);
  });

  it('leave out this end itself', async () => {
    const end = await open(1);
    end.transport.setPeers([end.peer]);
    expect(end.transport.status()).toEqual([]);
  });

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.255.0.3', true],
    ['::1', true],
    ['[::1]', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['128.0.0.1', false],
    ['127.0.0.1.example.com', false],
    ['notlocalhost', false],
    ['', false],
  ])('%s is loopback: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });
});

describe('start', () => {
  it('happens once, and not after close', async () => {
    const end = await open(1);
    await expect(end.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    const closed = new End(2);
    await closed.transport.close();
    await expect(closed.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('refuses names that do not fit a hello', async () => {
    const { transport, handler } = new End(1);
    await expect(transport.start({ ...handler, clusterId: 'x'.repeat(513) })).rejects.toEqual(refusing('clusterId'));
  });
});

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { closeAfterwards, open, pause, quick, until } from './ends.js';

// A self-signed pair for localhost, made for these tests alone:
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
//   -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout localhost-key.pem -out localhost-cert.pem
const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
const [key, cert] = [fixture('localhost-key.pem'), fixture('localhost-cert.pem')];
const secure = { listen: { port: 0, tls: { key, cert } }, tls: { ca: cert }, limits: quick };

describe('over TLS', () => {
  it('two ends talk, and close leaves nothing behind', async () => {
    const [a, b] = [await open(1, secure), await open(2, secure)];
    expect(a.transport.address).toMatch(/^wss:/);
    a.transport.setPeers([b.peer]);
    b.transport.setPeers([a.peer]);
    a.beat(b, 1);
    b.beat(a, 2);
    await until('both hear', () => a.beats.length + b.beats.length === 2);
    // Signs of life are seen through the encryption, too.
    await pause(10 * quick.pingIntervalMs);
    expect([a.unreachable, b.unreachable]).toEqual([[], []]);
    await Promise.all([a.transport.close(), b.transport.close()]);
  });

  it('an end that does not trust the certificate does not talk', async () => {
    const [a, b] = [await open(1, { ...secure, tls: {} }), await open(2, secure)];
    b.transport.setPeers([a.peer]);
    a.transport.setPeers([b.peer]);
    await until('told', () => a.unreachable.length > 0);
    expect(a.unreachable[0]).toEqual([2, 'unreachable']);
    expect(a.journal.lines.join('\n')).toContain('self-signed certificate');
  });

  it('an application\u2019s https server can be attached to', async () => {
    const server = createServer({ key, cert });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closeAfterwards({ close: () => new Promise((resolve) => server.close(resolve)) });
    const a = await open(1, { ...secure, listen: { server, path: '/coterie' } });
    const b = await open(2, secure);
    a.transport.setPeers([b.peer]);
    b.transport.setPeers([a.peer]);
    b.beat(a, 1);
    await until('heard', () => a.beats.length === 1);
    expect(a.transport.address).toMatch(/^wss:.*\/coterie$/);
  });

  it('strangers get no more time with a handshake than without, and close does not wait for them', async () => {
    const end = await open(1, { ...secure, limits: { ...quick, helloTimeoutMs: 150, maxConnections: 3 } });
    const silent = connect(end.port, '127.0.0.1')
      .on('error', () => 0)
      .resume();
    const shaken = connectTls({ port: end.port, host: '127.0.0.1', ca: cert })
      .on('error', () => 0)
      .resume();
    await until('both run out of time', () => silent.closed && shaken.closed);
    const crowd = Array.from({ length: 5 }, () =>
      connect(end.port, '127.0.0.1')
        .on('error', () => 0)
        .resume(),
    );
    await until('all but three are turned away', () => crowd.filter((socket) => socket.closed).length === 2);
    await until('the three run out of time', () => crowd.every((socket) => socket.closed));
    const late = connect(end.port, '127.0.0.1')
      .on('error', () => 0)
      .resume();
    await until('connected', () => late.readyState === 'open');
    await end.transport.close();
    await until('gone', () => late.closed);
  });
});

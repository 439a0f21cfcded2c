import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { TransportEnds } from './transport-ends.js';
import { beat, heard, pause, settles, until } from './transport-ends.js';

export async function sendNeverThrows(ends: TransportEnds): Promise<void> {
  const absent = await ends.absent();
  const unstarted = await ends.make(await ends.absent());
  const tryAll = (end: typeof unstarted): void => {
    end.transport.send(absent.id, [beat(end, absent, 1)]);
    end.transport.send(absent.id, []);
    end.transport.sendBytes(absent.id, Uint8Array.of(1));
    end.transport.send(987_654_321, [beat(end, absent, 1)]);
    end.transport.sendBytes(987_654_321, new Uint8Array());
  };
  tryAll(unstarted);
  unstarted.transport.setPeers([absent]);
  tryAll(unstarted);
  const end = await ends.open();
  tryAll(end);
  end.transport.setPeers([absent]);
  tryAll(end);
  await pause(50);
  tryAll(end);
  await settles('close', end.transport.close());
  tryAll(end);
}

export async function reportsUnreachable(ends: TransportEnds): Promise<void> {
  const absent = await ends.absent();
  const end = await ends.open();
  end.transport.setPeers([absent]);
  await until('a peer whose address refuses connections is reported', () => {
    end.transport.send(absent.id, [beat(end, absent, 1)]);
    return end.unreachable.includes(absent.id);
  });
  assert.ok(
    end.unreachable.every((id) => id === absent.id),
    'nobody else is reported',
  );
  assert.ok(!end.reasons.includes('overflow'), 'and not for messages that were too many');
}

export async function findsLateStarters(ends: TransportEnds): Promise<void> {
  const late = await ends.make(await ends.absent());
  const end = await ends.open();
  end.transport.setPeers([late.self]);
  late.transport.setPeers([end.self]);
  end.transport.send(late.self.id, [beat(end, late.self, 1)]);
  await pause(100);
  await settles('start', late.transport.start(late.handler));
  await heard(end, late);
  await heard(late, end);
}

/** What strangers send to an open port. A transport that has no socket passes at once. */
export async function survivesStrangeBytes(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  const port = Number(new URL(a.self.address).port);
  const strange = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from('\r\n\r\n\r\n'),
    Buffer.alloc(64, 0xff),
    Buffer.from(Array.from({ length: 4096 }, (_, i) => 0x80 | ((i * 197) & 0x7f))),
    Buffer.alloc(0),
  ];
  await Promise.all(strange.flatMap((bytes) => [shout(port, bytes, 'reset'), shout(port, bytes, 'end')]));
  await heard(a, b);
  await heard(b, a);
}

/** Connects, sends, stays a little and leaves, politely or not. */
function shout(port: number, bytes: Uint8Array, leave: 'reset' | 'end'): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
    socket.on('connect', () => {
      if (bytes.length > 0) socket.write(bytes);
      setTimeout(() => {
        if (leave === 'reset') socket.resetAndDestroy();
        else socket.end().destroySoon();
      }, 50);
    });
  });
}

export async function closesForGood(ends: TransportEnds): Promise<void> {
  const [a, b] = await ends.pair();
  await settles('close', Promise.all([a.transport.close(), a.transport.close()]));
  await settles('close again', a.transport.close());
  // The same address can be used at once.
  const successor = await ends.make(a.self);
  await settles('start where the old one was', successor.transport.start(successor.handler));
  successor.transport.setPeers([b.self]);
  await heard(successor, b);
  const unstarted = await ends.make(await ends.absent());
  await settles('close of one that never started', unstarted.transport.close());
}

/** A transport that listens rejects; one that does not look at the address starts. Neither brings the process down. */
export async function survivesTakenPort(ends: TransportEnds): Promise<void> {
  const self = await ends.absent();
  const occupant = createServer();
  await new Promise<void>((resolve, reject) => {
    occupant.once('error', reject);
    occupant.listen(Number(new URL(self.address).port), '127.0.0.1', resolve);
  });
  try {
    const end = await ends.make(self);
    const outcome = await settles(
      'start on a port in use',
      end.transport.start(end.handler).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    assert.ok(outcome === undefined || isError(outcome), 'start rejects with an Error');
    await settles('close after a failed start', end.transport.close());
  } finally {
    await new Promise<void>((resolve) => void occupant.close(() => resolve()));
  }
}

function isError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
}

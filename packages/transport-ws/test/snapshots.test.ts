import type { SnapshotMeta, SnapshotSink, SnapshotSource } from '@coterie/raft';
import { describe, expect, it } from 'vitest';
import { decodeReceiverNote, encodeBegin, encodeChunk, encodeEnd } from '../src/snapshot-wire.js';
import { Caller, closeAfterwards, open, openPair, pause, quick, until, type End } from './ends.js';
import { TcpProxy } from './tcp-proxy.js';

const limits = { ...quick, snapshotChunkBytes: 10_000, snapshotWindowBytes: 40_000 };
const conf = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const content = Uint8Array.from({ length: 500_000 }, (_, i) => (i * 13 + (i >> 8)) & 0xff);
const meta: SnapshotMeta = { index: 9, term: 2, conf, size: content.length };

function source(bytes: Uint8Array = content, onRead: (offset: number) => void = () => undefined): SnapshotSource {
  return {
    size: bytes.length,
    read: async (offset, length) => {
      onRead(offset);
      return bytes.subarray(offset, offset + length);
    },
    close: async () => undefined,
  };
}

/** Keeps what it got over several transfers, as a store does that can resume. */
class Store {
  readonly chunks: Uint8Array[] = [];
  length = 0;
  readonly ends: string[] = [];
  onWrite: () => Promise<void> = async () => undefined;
  onCommit: () => Promise<void> = async () => undefined;

  sink(): SnapshotSink {
    return {
      offset: this.length,
      write: async (chunk) => {
        await this.onWrite();
        this.chunks.push(new Uint8Array(chunk));
        this.length += chunk.length;
      },
      commit: async () => {
        await this.onCommit();
        this.ends.push('commit');
      },
      abort: async () => void this.ends.push('abort'),
    };
  }
}

/** Where a test holds a disk up until it opens. */
class Gate {
  #open: (() => void) | undefined;
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));
  tried = false;

  pass(): Promise<void> {
    this.tried = true;
    return this.#opened;
  }

  open(): void {
    this.#open?.();
  }
}

const never = (): AbortSignal => new AbortController().signal;

async function pairWithStore(change = {}): Promise<{ a: End; b: End; store: Store }> {
  const [a, b] = await openPair({ limits: { ...limits, ...change } });
  const store = new Store();
  b.takeSnapshot = async () => store.sink();
  return { a, b, store };
}

describe('a snapshot transfer', () => {
  it('goes on over a new connection where the sink stands', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    const store = new Store();
    b.takeSnapshot = async () => store.sink();
    b.transport.setPeers([a.peer]);
    const proxy = closeAfterwards(new TcpProxy(b.port));
    a.transport.setPeers([{ ...b.peer, address: `ws://127.0.0.1:${await proxy.listen()}` }]);
    let cuts = 0;
    proxy.onForward = (total) => {
      if (total < (cuts + 1) * 150_000 || cuts >= 3) return;
      cuts++;
      proxy.cut();
    };
    const read: number[] = [];
    const outcome = await a.transport.sendSnapshot(
      2,
      meta,
      source(content, (at) => read.push(at)),
      { signal: never() },
    );
    expect([outcome, cuts]).toEqual(['ok', 3]);
    expect(Buffer.concat(store.chunks).equals(content)).toBe(true);
    expect(store.ends).toEqual(['abort', 'abort', 'abort', 'commit']);
    // What the sink had was not read again: less than the whole and one window a cut.
    expect(read.length * 10_000).toBeLessThanOrEqual(content.length + cuts * (limits.snapshotWindowBytes + 10_000));
  });

  it('begins again where the receiver has lost what it had', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    const stores: Store[] = [];
    // Every connection finds a receiver that was started anew.
    b.takeSnapshot = async () => {
      stores.push(new Store());
      return stores.at(-1)!.sink();
    };
    b.transport.setPeers([a.peer]);
    const proxy = closeAfterwards(new TcpProxy(b.port));
    a.transport.setPeers([{ ...b.peer, address: `ws://127.0.0.1:${await proxy.listen()}` }]);
    let cut = false;
    proxy.onForward = (total) => {
      if (cut || total < 200_000) return;
      cut = true;
      proxy.cut();
    };
    expect(await a.transport.sendSnapshot(2, meta, source(), { signal: never() })).toBe('ok');
    expect(stores).toHaveLength(2);
    expect(stores[0]?.length).toBeGreaterThan(0);
    expect(Buffer.concat(stores[1]?.chunks ?? []).equals(content)).toBe(true);
  });

  it('does not try for ever when nothing gets further', async () => {
    const [a, b] = [await open(1, { limits }), await open(2, { limits })];
    let offered = 0;
    b.takeSnapshot = async () => {
      offered++;
      proxy.cut();
      return new Store().sink();
    };
    b.transport.setPeers([a.peer]);
    const proxy = closeAfterwards(new TcpProxy(b.port));
    a.transport.setPeers([{ ...b.peer, address: `ws://127.0.0.1:${await proxy.listen()}` }]);
    expect(await a.transport.sendSnapshot(2, meta, source(), { signal: never() })).toBe('failed');
    expect(offered).toBe(1);
  });

  it('has no more on the way than the window, however slow the sink', async () => {
    const { a, store } = await pairWithStore();
    let [read, most] = [0, 0];
    store.onWrite = async () => {
      most = Math.max(most, read - store.length);
      await new Promise(setImmediate);
    };
    const outcome = await a.transport.sendSnapshot(
      2,
      meta,
      source(content, (at) => (read = at + 10_000)),
      { signal: never() },
    );
    expect(outcome).toBe('ok');
    expect(most).toBeGreaterThan(10_000);
    expect(most).toBeLessThanOrEqual(limits.snapshotWindowBytes);
  });

  it('bounds the number of chunks on the way when a source gives crumbs', async () => {
    const { a, store } = await pairWithStore();
    const crumbs: SnapshotSource = { ...source(), size: 5000, read: async (at) => content.subarray(at, at + 1) };
    const small = { ...meta, size: 5000 };
    expect(await a.transport.sendSnapshot(2, small, crumbs, { signal: never() })).toBe('ok');
    expect(Buffer.concat(store.chunks).equals(content.subarray(0, 5000))).toBe(true);
  });

  it('waits for a slow disk longer than the longest silence', async () => {
    const { a, store } = await pairWithStore({ snapshotStallMs: 200 });
    store.onCommit = () => pause(600);
    expect(await a.transport.sendSnapshot(2, meta, source(), { signal: never() })).toBe('ok');
    expect(store.ends).toEqual(['commit']);
  });

  it('fails when the receiver falls silent', async () => {
    const a = await open(1, { limits: { ...limits, snapshotStallMs: 100, pingIntervalMs: 60_000 } });
    const b = await open(2);
    b.transport.setPeers([a.peer]);
    const proxy = closeAfterwards(new TcpProxy(b.port));
    a.transport.setPeers([{ ...b.peer, address: `ws://127.0.0.1:${await proxy.listen()}` }]);
    b.takeSnapshot = async () => {
      proxy.freeze();
      return new Store().sink();
    };
    expect(await a.transport.sendSnapshot(2, meta, source(), { signal: never() })).toBe('failed');
  });

  it('to one peer is the only one at a time', async () => {
    const { a, store } = await pairWithStore();
    const gate = new Gate();
    store.onWrite = () => gate.pass();
    const first = a.transport.sendSnapshot(2, meta, source(), { signal: never() });
    await until('under way', () => gate.tried);
    expect(await a.transport.sendSnapshot(2, meta, source(), { signal: never() })).toBe('failed');
    gate.open();
    expect(await first).toBe('ok');
  });

  it('carries nothing at all when the snapshot is empty', async () => {
    const { a, store } = await pairWithStore();
    const empty = { ...meta, size: 0 };
    expect(await a.transport.sendSnapshot(2, empty, source(new Uint8Array()), { signal: never() })).toBe('ok');
    expect([store.length, ...store.ends]).toEqual([0, 'commit']);
  });

  it.each(['sender', 'receiver'])('ends when the %s no longer lists the other', async (who) => {
    const { a, b, store } = await pairWithStore();
    const gate = new Gate();
    store.onWrite = () => gate.pass();
    const transfer = a.transport.sendSnapshot(2, meta, source(), { signal: never() });
    await until('under way', () => gate.tried);
    (who === 'sender' ? a : b).transport.setPeers([]);
    expect(await transfer).toBe('failed');
    gate.open();
    await until('aborted', () => store.ends.includes('abort'));
  });

  it('does not hold up close when its sink is stuck for ever', async () => {
    const { a, b, store } = await pairWithStore();
    store.onWrite = () => new Promise(() => undefined);
    const transfer = a.transport.sendSnapshot(2, meta, source(), { signal: never() });
    await until('under way', () => store.length === 0 && b.journal.lines.length > 0);
    await b.transport.close();
    expect(await transfer).toBe('failed');
  });
});

describe('a receiver of snapshots', () => {
  async function visited(): Promise<{ b: End; store: Store; caller: Caller; said: () => string[] }> {
    const b = await open(2, { limits });
    b.transport.setPeers([{ id: 1, name: 'n1', address: 'ws://127.0.0.1:9' }]);
    const store = new Store();
    b.takeSnapshot = async () => store.sink();
    const caller = await new Caller(b.transport.address ?? '').enter({ id: 1, name: 'n1' }, b, 'snapshot');
    return { b, store, caller, said: () => caller.messages.map((note) => decodeReceiverNote(note).type) };
  }
  const damaged = (): Uint8Array => {
    const chunk = encodeChunk(content.subarray(0, 1000));
    chunk[500] = (chunk[500] ?? 0) ^ 1;
    return chunk;
  };

  it.each<[string, () => Uint8Array[]]>([
    ['a damaged chunk', () => [encodeBegin(meta, 2000), damaged()]],
    ['an end before the end', () => [encodeBegin(meta, 2000), encodeChunk(content.subarray(0, 1000)), encodeEnd()]],
    ['more than was announced', () => [encodeBegin(meta, 500), encodeChunk(content.subarray(0, 1000))]],
    ['a chunk without bytes', () => [encodeBegin(meta, 2000), encodeChunk(new Uint8Array())]],
    ['a second beginning', () => [encodeBegin(meta, 2000), encodeBegin(meta, 2000)]],
    ['noise', () => [encodeBegin(meta, 2000), Uint8Array.of(0x91, 0x63)]],
    ['more on the way than the window', () => [encodeBegin(meta, 500_000), encodeChunk(content.subarray(0, 40_001))]],
  ])('aborts its sink on %s', async (_, frames) => {
    const { store, caller } = await visited();
    const [begin = new Uint8Array(), ...rest] = frames();
    caller.ws.send(begin);
    await until('go', () => caller.messages.length > 0);
    for (const frame of rest) caller.ws.send(frame);
    await until('aborted', () => store.ends.length > 0);
    expect(store.ends).toEqual(['abort']);
    await caller.closed;
  });

  it('aborts its sink when the sender hangs up', async () => {
    const { store, caller } = await visited();
    caller.ws.send(encodeBegin(meta, 2000));
    await until('go', () => caller.messages.length > 0);
    caller.ws.terminate();
    await until('aborted', () => store.ends.length > 0);
    expect(store.ends).toEqual(['abort']);
  });

  it('says what it did, and why not only to its own log', async () => {
    const { b, store, caller, said } = await visited();
    store.onCommit = () => Promise.reject(new Error('secret path /var/lib'));
    caller.ws.send(encodeBegin(meta, 1000));
    await until('go', () => said().includes('go'));
    caller.ws.send(encodeChunk(content.subarray(0, 1000)));
    caller.ws.send(encodeEnd());
    await until('refused', () => said().includes('refused'));
    expect(said()).toEqual(['go', 'written', 'refused']);
    expect(Buffer.concat(caller.messages).toString()).not.toContain('secret');
    expect(b.journal.lines.join('\n')).toContain('secret path');
  });

  it('lets a newer transfer of the same peer replace an older one, one sink at a time', async () => {
    const { b, store, caller } = await visited();
    const gate = new Gate();
    store.onWrite = () => gate.pass();
    caller.ws.send(encodeBegin(meta, 2000));
    await until('go', () => caller.messages.length > 0);
    caller.ws.send(encodeChunk(content.subarray(0, 1000)));
    await until('writing', () => gate.tried);
    const second = await new Caller(b.transport.address ?? '').enter({ id: 1, name: 'n1' }, b, 'snapshot');
    second.ws.send(encodeBegin(meta, 2000));
    await caller.closed;
    await pause(30);
    expect([second.messages.length, store.ends.length]).toEqual([0, 0]);
    gate.open();
    await until('the second begins', () => second.messages.length === 1);
    expect(store.ends).toEqual(['abort']);
  });

  it('waits with the newest only, behind a sink that is stuck', async () => {
    const { b, store, caller } = await visited();
    const gate = new Gate();
    store.onWrite = () => gate.pass();
    caller.ws.send(encodeBegin(meta, 2000));
    await until('go', () => caller.messages.length > 0);
    caller.ws.send(encodeChunk(content.subarray(0, 1000)));
    await until('writing', () => gate.tried);
    const later: Caller[] = [];
    for (let i = 0; i < 3; i++) {
      const next = await new Caller(b.transport.address ?? '').enter({ id: 1, name: 'n1' }, b, 'snapshot');
      next.ws.send(encodeBegin(meta, 2000));
      later.push(next);
      // The second gives up by itself; those behind it must not take that for a free sink.
      if (i === 0) {
        next.ws.terminate();
        await pause(30);
      }
    }
    const [second, third, fourth] = later;
    await Promise.all([caller.closed, second?.closed, third?.closed]);
    await pause(30);
    expect([fourth?.messages.length, store.ends.length]).toEqual([0, 0]);
    gate.open();
    await until('the newest begins', () => fourth?.messages.length === 1);
    expect(store.ends).toEqual(['abort']);
  });
});

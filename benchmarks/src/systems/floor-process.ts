// The least that three processes must do for a put: one frame to each follower, one write and sync on each, an answer.
// No log that could be read again, no order, no election, no store.
import { once } from 'node:events';
import fs from 'node:fs';
import { Packr } from 'msgpackr';
import { WebSocket, WebSocketServer } from 'ws';
import { BareLoad } from '../load/bare-load.js';
import { serveWorker } from '../load/serve-worker.js';

/** A follower listens; a leader has followers. */
export interface FloorOptions {
  readonly file: string;
  readonly listen?: number;
  readonly followers?: readonly number[];
}

const fileBytes = 64 << 20;
/** What a command has besides its value: key, session, sequence. */
const commandBytes = 24;
const packr = new Packr({ useRecords: false });

/** Writes and syncs what has gathered while the last sync was under way, over and over in a preallocated file. */
class SyncedFile {
  readonly #fd: number;
  #offset = 0;
  #waiting: { readonly bytes: Buffer; readonly done: () => void }[] = [];
  #busy = false;
  syncs = 0;

  constructor(file: string) {
    this.#fd = fs.openSync(file, 'w');
    fs.writeSync(this.#fd, Buffer.alloc(fileBytes));
    fs.fsyncSync(this.#fd);
  }

  append(bytes: Buffer, done: () => void): void {
    this.#waiting.push({ bytes, done });
    this.#next();
  }

  #next(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    this.#busy = true;
    const group = this.#waiting;
    this.#waiting = [];
    const bytes = Buffer.concat(group.map((one) => one.bytes));
    if (this.#offset + bytes.length > fileBytes) this.#offset = 0;
    fs.writeSync(this.#fd, bytes, 0, bytes.length, this.#offset);
    this.#offset += bytes.length;
    fs.fdatasync(this.#fd, (error) => {
      if (error !== null) throw error;
      this.syncs++;
      this.#busy = false;
      for (const one of group) one.done();
      this.#next();
    });
  }
}

/** The raw socket, which `ws` does not show in its types. */
function withoutDelay(socket: WebSocket): void {
  (socket as unknown as { readonly _socket: { setNoDelay(on: boolean): void } })._socket.setNoDelay(true);
}

async function follow(file: SyncedFile, port: number): Promise<void> {
  const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket) => {
    withoutDelay(socket);
    socket.on('message', (frame: Buffer) => {
      const [sequence, entries] = packr.unpack(frame) as [number, Buffer[]];
      file.append(Buffer.concat(entries), () => socket.send(packr.pack([sequence])));
    });
  });
  await once(server, 'listening');
}

/** Puts of one turn go out as one frame; a put is done when two of three have synced it. */
async function lead(file: SyncedFile, ports: readonly number[]): Promise<(command: Buffer) => Promise<void>> {
  const sockets = ports.map((port) => new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }));
  const open = new Map<number, { synced: number; readonly done: readonly (() => void)[] }>();
  let sequence = 0;
  let gathered: { readonly bytes: Buffer; readonly done: () => void }[] = [];
  const synced = (of: number): void => {
    const batch = open.get(of);
    if (batch === undefined || ++batch.synced < 2) return;
    open.delete(of);
    for (const done of batch.done) done();
  };
  await Promise.all(sockets.map((socket) => once(socket, 'open')));
  for (const socket of sockets) {
    withoutDelay(socket);
    socket.on('message', (frame: Buffer) => synced((packr.unpack(frame) as [number])[0]));
  }
  const flush = (): void => {
    const batch = gathered;
    gathered = [];
    const own = ++sequence;
    open.set(own, { synced: 0, done: batch.map((one) => one.done) });
    const entries = batch.map((one) => one.bytes);
    const frame = packr.pack([own, entries]);
    for (const socket of sockets) socket.send(frame);
    file.append(Buffer.concat(entries), () => synced(own));
  };
  return (bytes) =>
    new Promise((done) => {
      if (gathered.length === 0) setImmediate(flush);
      gathered.push({ bytes, done });
    });
}

const { file: name, listen, followers = [] } = JSON.parse(process.argv[2] ?? '{}') as FloorOptions;
const file = new SyncedFile(name);
if (listen !== undefined) await follow(file, listen);
const put = listen === undefined ? await lead(file, followers) : undefined;

serveWorker({
  load: ({ clients, valueBytes }) => {
    if (put === undefined) throw new Error('a follower takes no puts');
    const command = Buffer.alloc(commandBytes + valueBytes, 1);
    return new BareLoad(() => put(command), clients);
  },
  fill: () => Promise.resolve(),
  status: () => ({ ready: true, term: 0 }),
  counts: () => ({ walSyncs: file.syncs }),
  close: () => Promise.resolve(),
});

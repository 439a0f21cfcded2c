import type { SnapshotMeta, SnapshotSource, TransportPeer } from '@coterie/raft';
import { Backoff } from './backoff.js';
import { Connection, type OpenSocket } from './connection.js';
import type { Heart } from './heart.js';
import { closeCodes } from './hello.js';
import { Mailbox, MailboxClosed } from './mailbox.js';
import type { CompleteOptions } from './options.js';
import { decodeReceiverNote, encodeBegin, encodeChunk, encodeEnd, maxChunksOnTheWay } from './snapshot-wire.js';
import type { ReceiverNote } from './snapshot-wire.js';

export interface SnapshotSenderHost {
  readonly options: CompleteOptions;
  readonly heart: Heart;
  dial(peer: TransportPeer, signal: AbortSignal): Promise<OpenSocket>;
}

interface Shipment {
  readonly peer: TransportPeer;
  readonly meta: SnapshotMeta;
  readonly source: SnapshotSource;
  readonly signal: AbortSignal;
}

/** The receiver's no, or a source that cannot be read: trying again would not help. */
class Hopeless extends Error {}

/** Notes that a receiver may have on the way to us: one a chunk on the way, and what it says while its disk works. */
const maxNotes = 2 * maxChunksOnTheWay;

/**
 * Sends one snapshot on a connection of its own, so that no heartbeat waits behind it.
 *
 * What is on the way is bounded by the receiver's window, counted in bytes that its sink has written. When a connection
 * breaks after some progress, a new one goes on where the new sink stands.
 *
 * @returns whether the receiver has committed it
 */
export async function shipSnapshot(host: SnapshotSenderHost, shipment: Shipment): Promise<boolean> {
  const { limits, logger, random } = host.options;
  const backoff = new Backoff(limits.backoffBaseMs, limits.backoffCapMs, random);
  let furthest = 0;
  for (let attempt = 1; ; attempt++) {
    const trip = new Trip(host, shipment);
    try {
      await trip.run();
      return true;
    } catch (error) {
      const { peer, meta } = shipment;
      logger.warn(
        { peer: peer.name, index: meta.index, written: trip.written, error: String(error) },
        'snapshot transfer broke',
      );
      const further = trip.written > furthest;
      furthest = Math.max(furthest, trip.written);
      if (error instanceof Hopeless || shipment.signal.aborted || !further || attempt >= limits.snapshotAttempts)
        return false;
    }
    await pause(backoff.next(), shipment.signal);
  }
}

/** One connection of a transfer. */
class Trip {
  readonly #host: SnapshotSenderHost;
  readonly #shipment: Shipment;
  readonly #notes: Mailbox<ReceiverNote>;
  /** Bytes that the receiver's sink has written, those of earlier connections included. */
  written = 0;
  #chunksOnTheWay = 0;

  constructor(host: SnapshotSenderHost, shipment: Shipment) {
    this.#host = host;
    this.#shipment = shipment;
    this.#notes = new Mailbox(host.options.limits.snapshotStallMs);
  }

  async run(): Promise<void> {
    const { peer, signal } = this.#shipment;
    const connection = this.#connect(await this.#host.dial(peer, signal));
    const abort = (): void => this.#notes.close('aborted');
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (signal.aborted) throw new MailboxClosed('aborted');
      await this.#send(connection);
      connection.close(closeCodes.done, 'done');
    } finally {
      signal.removeEventListener('abort', abort);
      if (connection.open) connection.terminate('transfer over');
    }
  }

  #connect(socket: OpenSocket): Connection {
    const connection: Connection = new Connection(socket, {
      message: (frame) => {
        try {
          this.#notes.put(decodeReceiverNote(frame));
          if (this.#notes.length > maxNotes) throw new Error('too many notes');
        } catch (error) {
          this.#notes.close(String(error));
        }
      },
      closed: (why) => {
        this.#host.heart.remove(connection);
        this.#notes.close(why);
      },
    });
    this.#host.heart.add(connection);
    return connection;
  }

  async #send(connection: Connection): Promise<void> {
    const { meta, source } = this.#shipment;
    const { size } = source;
    const { snapshotChunkBytes, snapshotWindowBytes } = this.#host.options.limits;
    connection.send(encodeBegin(meta, size));
    const go = await this.#next('go');
    if (go.offset > size || go.windowBytes < 1) throw new Hopeless('the receiver answered nonsense');
    this.written = go.offset;
    const windowBytes = Math.min(go.windowBytes, snapshotWindowBytes);
    const chunkBytes = Math.min(snapshotChunkBytes, windowBytes);
    for (let sent = go.offset; sent < size;) {
      const length = Math.min(chunkBytes, size - sent);
      while (sent + length - this.written > windowBytes || this.#chunksOnTheWay >= maxChunksOnTheWay)
        await this.#progress(sent);
      const chunk = await this.#read(sent, length);
      connection.send(encodeChunk(chunk));
      sent += chunk.length;
      this.#chunksOnTheWay++;
    }
    while (this.written < size) await this.#progress(size);
    connection.send(encodeEnd());
    await this.#next('done');
  }

  async #progress(sent: number): Promise<void> {
    const { through } = await this.#next('written');
    if (through <= this.written || through > sent) throw new Hopeless('the receiver counts wrongly');
    this.written = through;
    this.#chunksOnTheWay--;
  }

  /**
   * An abort waits for the read under way: the caller closes the source next, and a closed file's descriptor may be
   * another's.
   */
  async #read(offset: number, length: number): Promise<Uint8Array> {
    let chunk: Uint8Array;
    try {
      chunk = await this.#shipment.source.read(offset, length);
    } catch (cause) {
      throw new Hopeless(`cannot read the snapshot at ${offset}: ${String(cause)}`, { cause });
    }
    if (this.#shipment.signal.aborted) throw new MailboxClosed('aborted');
    if (chunk.length < 1 || chunk.length > length)
      throw new Hopeless(`the snapshot gave ${chunk.length} bytes at ${offset}`);
    return chunk;
  }

  async #next<T extends ReceiverNote['type']>(type: T): Promise<Extract<ReceiverNote, { type: T }>> {
    for (;;) {
      const note = await this.#notes.take();
      if (note.type === type) return note as Extract<ReceiverNote, { type: T }>;
      if (note.type === 'refused') throw new Hopeless(`refused: ${note.reason}`);
      if (note.type !== 'busy') throw new Hopeless(`the receiver said '${note.type}' instead of '${type}'`);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms).unref();
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}

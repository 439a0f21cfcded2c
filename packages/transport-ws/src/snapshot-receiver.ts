import type { SnapshotMeta, SnapshotSink, TransportPeer } from '@coterie/raft';
import { Connection, type OpenSocket } from './connection.js';
import type { Heart } from './heart.js';
import { closeCodes } from './hello.js';
import { Mailbox } from './mailbox.js';
import type { CompleteOptions } from './options.js';
import { malformed } from './strict-reader.js';
import { decodeSenderNote, encodeReceiverNote, maxChunksOnTheWay } from './snapshot-wire.js';
import type { ReceiverNote, SenderNote } from './snapshot-wire.js';

export interface SnapshotReceiverHost {
  readonly options: CompleteOptions;
  readonly heart: Heart;
  onSnapshot(peer: TransportPeer, meta: SnapshotMeta, signal: AbortSignal): Promise<SnapshotSink>;
}

/** How often a receiver whose disk works says so, as a part of the silence allowed. */
const busyPerStall = 4;

/** Takes one snapshot from one connection to its end: committed, or the sink aborted. */
export class SnapshotReceiver {
  readonly #host: SnapshotReceiverHost;
  readonly #peer: TransportPeer;
  readonly #connection: Connection;
  readonly #notes: Mailbox<SenderNote>;
  readonly #gone = new AbortController();
  readonly #before: Promise<void>;
  #queuedBytes = 0;
  #entered = false;
  /** Resolves, never rejects, when the sink has been left alone. */
  readonly finished: Promise<void>;

  /** @param before what must be over first: an older transfer of the same peer, whose sink may hold the same files */
  constructor(host: SnapshotReceiverHost, peer: TransportPeer, socket: OpenSocket, before: Promise<void>) {
    this.#host = host;
    this.#peer = peer;
    this.#before = before;
    this.#notes = new Mailbox(host.options.limits.snapshotStallMs);
    this.#connection = new Connection(socket, {
      message: (frame) => this.#message(frame),
      closed: (why) => {
        host.heart.remove(this.#connection);
        this.#cancel(why);
      },
    });
    host.heart.add(this.#connection);
    this.finished = this.#run();
  }

  /** Whether it has had its turn. */
  get entered(): boolean {
    return this.#entered;
  }

  /**
   * When a newer transfer of the same peer may ask for its sink. One that never had its turn passes on what it waited
   * for.
   */
  get freed(): Promise<void> {
    return this.#entered ? this.finished : this.#before;
  }

  stop(why: string): void {
    this.#cancel(why);
    this.#connection.terminate(why);
  }

  #cancel(why: string): void {
    this.#gone.abort();
    this.#notes.close(why);
  }

  #message(frame: Buffer): void {
    const { snapshotWindowBytes } = this.#host.options.limits;
    try {
      const note = decodeSenderNote(frame, snapshotWindowBytes);
      if (note.type === 'chunk') this.#queuedBytes += note.data.length;
      if (this.#queuedBytes > snapshotWindowBytes) malformed('more bytes on the way than the window allows');
      // Besides its chunks a sender has one note to say at a time.
      if (this.#notes.length > maxChunksOnTheWay) malformed('too many chunks on the way');
      this.#notes.put(note);
    } catch (error) {
      this.#host.options.logger.warn({ peer: this.#peer.name, error: String(error) }, 'snapshot transfer broke');
      this.stop(String(error));
    }
  }

  async #run(): Promise<void> {
    try {
      // A predecessor stuck on its disk must not pile up those who have given up waiting for it.
      await Promise.race([this.#before, whenAborted(this.#gone.signal)]);
      if (this.#gone.signal.aborted) throw new Error('the sender is gone');
      this.#entered = true;
      await this.#receive();
      this.#tell({ type: 'done' });
      this.#connection.close(closeCodes.done, 'done');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#host.options.logger.warn({ peer: this.#peer.name, error: reason }, 'snapshot not taken');
      // The cause stays here: it may name files of this machine.
      this.#tell({ type: 'refused', reason: 'the receiver could not take it' });
      this.#connection.close(closeCodes.done, 'refused');
    }
  }

  async #receive(): Promise<void> {
    const begin = await this.#notes.take();
    if (begin.type !== 'begin') return malformed(`a transfer that begins with '${begin.type}'`);
    const sink = await this.#busyWhile(() => this.#host.onSnapshot(this.#peer, begin.meta, this.#gone.signal));
    let complete = false;
    try {
      await this.#fill(sink, begin.size);
      complete = true;
    } finally {
      if (!complete) await sink.abort().catch((error: unknown) => this.#abortFailed(error));
    }
    // From here the sink is the receiver's affair: a commit is not taken back because the sender has gone.
    await this.#busyWhile(() => sink.commit());
  }

  async #fill(sink: SnapshotSink, size: number): Promise<void> {
    let written = sink.offset;
    if (!Number.isSafeInteger(written) || written < 0 || written > size) {
      throw new Error(`the sink stands at ${written} of ${size} bytes`);
    }
    this.#tell({ type: 'go', offset: written, windowBytes: this.#host.options.limits.snapshotWindowBytes });
    for (;;) {
      const note = await this.#notes.take();
      if (note.type === 'begin') malformed('a second beginning');
      if (note.type === 'end') break;
      if (written + note.data.length > size) malformed('more bytes than announced');
      await this.#busyWhile(() => sink.write(note.data));
      this.#queuedBytes -= note.data.length;
      written += note.data.length;
      if (this.#gone.signal.aborted) throw new Error('the sender is gone');
      this.#tell({ type: 'written', through: written });
    }
    if (written !== size) malformed(`ended after ${written} of ${size} bytes`);
  }

  /** While a slow disk works, a word now and then keeps the sender from giving up. */
  async #busyWhile<T>(work: () => Promise<T>): Promise<T> {
    const everyMs = Math.ceil(this.#host.options.limits.snapshotStallMs / busyPerStall);
    const timer = setInterval(() => this.#tell({ type: 'busy' }), everyMs).unref();
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }

  #abortFailed(error: unknown): void {
    this.#host.options.logger.warn({ peer: this.#peer.name, error: String(error) }, 'snapshot sink failed to abort');
  }

  #tell(note: ReceiverNote): void {
    this.#connection.send(encodeReceiverNote(note));
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

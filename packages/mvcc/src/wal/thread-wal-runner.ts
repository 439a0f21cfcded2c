import { createRequire } from 'node:module';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { CoterieError } from '@coterie/errors';
import { flags, flagsAt, recordTypes, typeAt } from './format.js';
import { createRing, RingProducer } from './ring.js';
import type { WriterInit } from './segment-writer.js';
import type { WalThreadData, WalThreadFailure } from './wal-thread.js';
import type { Reservation, WalRunner, WalRunnerHost } from './wal-runner.js';

/** By its public name, so that it is found from the sources as from the build. */
const threadModule = '@coterie/mvcc/wal-thread';

/**
 * How long a batch that nobody waits for may wait for another one: a moment beside the time after which a disk counts
 * as one that stands still.
 */
const companyMs = 20;

/**
 * Runs the segment writer on a thread of its own.
 *
 * The process stays alive while something is on its way to the disk, and not otherwise. If the thread dies, everything
 * that is not known to be durable fails with ERR_STORAGE.
 */
export class ThreadWalRunner implements WalRunner {
  #worker: Worker | undefined;
  #ring: RingProducer | undefined;
  #blocks: MessagePort | undefined;
  #host: WalRunnerHost | undefined;
  #reserved: Reservation | undefined;
  #inFlight = 0;
  #wakesLater = false;
  /** As the ring counts. */
  #completed = 0;
  #listening = false;
  #ended = false;
  #closing = false;
  #exited: Promise<void> = Promise.resolve();

  get syncCount(): number {
    return this.#ring?.syncCount ?? 0;
  }

  get outOfSpace(): boolean {
    return this.#ring?.outOfSpace ?? false;
  }

  start(init: WriterInit, host: WalRunnerHost): void {
    const ring = createRing();
    const { port1, port2 } = new MessageChannel();
    const workerData: WalThreadData = { coterieWal: true, ring, blocks: port2, init };
    const worker = new Worker(createRequire(import.meta.url).resolve(threadModule), {
      workerData,
      transferList: [port2],
      name: 'coterie-wal',
      // Loaders and hooks of the application have no business on this thread.
      execArgv: [],
      env: {},
    });
    this.#worker = worker;
    this.#blocks = port1;
    this.#ring = new RingProducer(ring, (block) => port1.postMessage(block));
    this.#host = host;
    worker.on('message', ({ code, message }: WalThreadFailure) =>
      this.#fail(message, Object.assign(new Error(message), { code })),
    );
    worker.on('error', (error) => this.#fail(error.message, error));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#fail(`its thread ended with code ${code}`, undefined);
        port1.close();
        resolve();
      });
    });
    worker.unref();
    port1.unref();
  }

  reserve(bytes: number): Reservation | undefined {
    const ring = this.#ring as RingProducer;
    this.#reserved = ring.reserve(bytes);
    // What makes no room may be waiting for company.
    if (this.#reserved === undefined) ring.wakeThread();
    return this.#reserved;
  }

  /**
   * After every commit its index is to be written, which nobody waits for. The thread would be woken for that alone,
   * and wake the event loop to say that it is done: it goes with the next entries.
   */
  publish(): void {
    const urgent = isUrgent((this.#reserved as Reservation).view);
    (this.#ring as RingProducer).publish(urgent);
    if (!urgent) this.#wakeLater();
    if (this.#inFlight++ === 0) this.#worker?.ref();
    this.#listen();
  }

  close(): Promise<void> {
    if (this.#ended || this.#worker === undefined) return this.#exited;
    this.#closing = true;
    this.#worker.ref();
    this.#ring?.close();
    return this.#exited;
  }

  abandon(): void {
    this.#ended = true;
    this.#ring?.stopWaiting();
    this.#blocks?.close();
    this.#worker?.unref();
    // Resolves when the thread is gone, which a stuck disk may put off for ever; nobody waits for it.
    void this.#worker?.terminate();
  }

  #wakeLater(): void {
    if (this.#wakesLater) return;
    this.#wakesLater = true;
    setTimeout(() => {
      this.#wakesLater = false;
      if (this.#inFlight > 0 && !this.#ended) this.#ring?.wakeThread();
    }, companyMs).unref();
  }

  /** Waits for news of the thread, one wait at a time. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const ring = this.#ring as RingProducer;
    const seen = ring.seen();
    // Looked at after `seen`: a completion between the two ends the wait at once.
    const news = ring.completed === this.#completed ? ring.changed(seen) : undefined;
    void (news ?? Promise.resolve()).then(() => {
      this.#listening = false;
      this.#look();
    });
  }

  #look(): void {
    if (this.#ended) return;
    const completed = (this.#ring as RingProducer).completed;
    const batches = (completed - this.#completed) | 0;
    this.#completed = completed;
    this.#inFlight -= batches;
    if (this.#inFlight > 0) this.#listen();
    else if (!this.#closing) this.#worker?.unref();
    if (batches > 0) this.#host?.completed(batches);
  }

  #fail(reason: string, cause: unknown): void {
    if (this.#ended) return;
    // What the thread finished before it ended is durable.
    this.#look();
    this.#ended = true;
    this.#ring?.stopWaiting();
    if (this.#closing && cause === undefined) return;
    this.#host?.failed(new CoterieError('ERR_STORAGE', { message: `the log cannot be written: ${reason}`, cause }));
  }
}

/** Of a batch without a sync somebody waits for its entries, which come first in it. */
function isUrgent(batch: DataView): boolean {
  const type = typeAt(batch, 0);
  return (flagsAt(batch, 0) & flags.mustSync) !== 0 || type === recordTypes.entry || type === recordTypes.snapshot;
}

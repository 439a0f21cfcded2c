import { invariant } from '@coterie/errors';
import { batchEndFrom, flags, flagsAt, viewOf } from './format.js';
import type { Reservation } from './wal-runner.js';

/*
 * Shared memory between the event loop, which encodes batches, and the log's thread, which writes them from where they
 * lie.
 *
 * Positions count units of 8 bytes and wrap around at 2^32; a batch is never split at the end of the ring: the rest is
 * skipped, which a word says that no record begins with. A batch that is large for the ring travels beside it as a
 * block of its own, in order.
 */
const unitBytes = 8;
const skipWord = 0xffffffff;
const blockWord = 0xfffffffe;

/** The ring's size in bytes; a power of two. A batch larger than a quarter of it goes beside the ring. */
const ringBytes = 4 * 1024 * 1024;

/** Cells of the control block. */
const cells = {
  /** Everything before it is published. By the event loop. */
  head: 0,
  /** Everything before it is written to the file. By the thread. */
  tail: 1,
  /** How many batches are done, wrapping. By the thread. */
  completed: 2,
  /** By the event loop. */
  state: 3,
  /** Counts what the thread must look at. By the event loop. */
  toThread: 4,
  /** Counts what the event loop must look at. By the thread, and by the event loop to end its own wait. */
  toLoop: 5,
  syncs: 6,
  outOfSpace: 7,
} as const;
const cellCount = 8;

const ringStates = { running: 0, closing: 1 } as const;

/** What both sides share. Structured-cloneable without a copy. */
export interface SharedRing {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export function createRing(bytes = ringBytes): SharedRing {
  invariant(bytes >= 64 * unitBytes && (bytes & (bytes - 1)) === 0, 'the size of a ring is a power of two', { bytes });
  return { control: new SharedArrayBuffer(cellCount * 4), data: new SharedArrayBuffer(bytes) };
}

type AsyncWait = { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };
/** In every supported Node, and not yet in the library types of the target. */
const waitAsync = (
  Atomics as unknown as { readonly waitAsync: (cells: Int32Array, cell: number, value: number) => AsyncWait }
).waitAsync;

/** The event loop's side. */
export class RingProducer {
  readonly #control: Int32Array;
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #units: number;
  readonly #sendBlock: (block: SharedArrayBuffer) => void;
  #head = 0;
  #reserved: { readonly units: number; readonly block?: SharedArrayBuffer } | undefined;

  /**
   * @param sendBlock posts a block to the thread; called before the place in the ring that stands for it is published
   */
  constructor({ control, data }: SharedRing, sendBlock: (block: SharedArrayBuffer) => void) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
    this.#view = new DataView(data);
    this.#units = data.byteLength / unitBytes;
    this.#sendBlock = sendBlock;
  }

  get completed(): number {
    return Atomics.load(this.#control, cells.completed);
  }
  get syncCount(): number {
    return Atomics.load(this.#control, cells.syncs);
  }
  get outOfSpace(): boolean {
    return Atomics.load(this.#control, cells.outOfSpace) !== 0;
  }

  reserve(bytes: number): Reservation | undefined {
    invariant(this.#reserved === undefined && bytes % unitBytes === 0, 'one reservation at a time', { bytes });
    if (bytes > this.#data.length / 4) return this.#reserveBlock(bytes);
    const start = this.#room(bytes / unitBytes);
    if (start === undefined) return undefined;
    this.#reserved = { units: bytes / unitBytes };
    return {
      bytes: this.#data.subarray(start, start + bytes),
      view: new DataView(this.#data.buffer, start, bytes),
    };
  }

  /** @param wake whether the thread is to look now; what it was not woken for it finds when it looks next */
  publish(wake: boolean): void {
    const { units, block } = this.#reserved as { units: number; block?: SharedArrayBuffer };
    this.#reserved = undefined;
    if (block !== undefined) this.#sendBlock(block);
    this.#head = (this.#head + units) | 0;
    Atomics.store(this.#control, cells.head, this.#head);
    if (wake) this.wakeThread();
  }

  /** The thread shall write what is published and end. */
  close(): void {
    Atomics.store(this.#control, cells.state, ringStates.closing);
    this.wakeThread();
  }

  /** Remembers what was seen, to be given to {@link changed} after looking at everything. */
  seen(): number {
    return Atomics.load(this.#control, cells.toLoop);
  }

  /** @returns undefined if there is news since `seen` already */
  changed(seen: number): Promise<unknown> | undefined {
    const wait = waitAsync(this.#control, cells.toLoop, seen);
    return wait.async ? wait.value : undefined;
  }

  /** Ends a wait of this side whose news will not come. */
  stopWaiting(): void {
    Atomics.add(this.#control, cells.toLoop, 1);
    Atomics.notify(this.#control, cells.toLoop);
  }

  /** The thread shall look at what is published. */
  wakeThread(): void {
    Atomics.add(this.#control, cells.toThread, 1);
    Atomics.notify(this.#control, cells.toThread);
  }

  #reserveBlock(bytes: number): Reservation | undefined {
    const start = this.#room(1);
    if (start === undefined) return undefined;
    this.#view.setUint32(start, blockWord, true);
    const block = new SharedArrayBuffer(bytes);
    this.#reserved = { units: 1, block };
    return { bytes: new Uint8Array(block), view: new DataView(block) };
  }

  /** Finds contiguous room, skipping the end of the ring where it is too short. @returns where it begins, in bytes */
  #room(units: number): number | undefined {
    const free = this.#units - ((this.#head - Atomics.load(this.#control, cells.tail)) | 0);
    const at = (this.#head >>> 0) % this.#units;
    const skipped = at + units > this.#units ? this.#units - at : 0;
    if (skipped + units > free) return undefined;
    if (skipped === 0) return at * unitBytes;
    this.#view.setUint32(at * unitBytes, skipWord, true);
    this.#head = (this.#head + skipped) | 0;
    return 0;
  }
}

/** Batches that lie next to each other. */
export interface RingGroup {
  readonly regions: readonly Uint8Array[];
  readonly batches: number;
  readonly mustSync: boolean;
  /** Where the ring is free up to, once the regions are written. */
  readonly tail: number;
}

/** The thread's side. */
export class RingConsumer {
  readonly #control: Int32Array;
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #units: number;
  readonly #receiveBlock: () => SharedArrayBuffer;
  #tail = 0;

  constructor({ control, data }: SharedRing, receiveBlock: () => SharedArrayBuffer) {
    this.#control = new Int32Array(control);
    this.#data = new Uint8Array(data);
    this.#view = new DataView(data);
    this.#units = data.byteLength / unitBytes;
    this.#receiveBlock = receiveBlock;
  }

  /** To be read before looking for work, and given to {@link wait}. */
  seen(): number {
    return Atomics.load(this.#control, cells.toThread);
  }

  get closing(): boolean {
    return Atomics.load(this.#control, cells.state) === ringStates.closing;
  }

  /** Blocks until there is news since `seen`, or the time is over. */
  wait(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#control, cells.toThread, seen, timeoutMs);
  }

  /** Everything that is published; undefined if nothing is. */
  take(): RingGroup | undefined {
    const head = Atomics.load(this.#control, cells.head);
    if (head === this.#tail) return undefined;
    const runs: { readonly from: number; to: number; readonly block?: Uint8Array }[] = [];
    const count = { batches: 0, mustSync: false };
    while (this.#tail !== head) {
      const at = ((this.#tail >>> 0) % this.#units) * unitBytes;
      const word = this.#view.getUint32(at, true);
      if (word === skipWord) {
        this.#advance(this.#data.length - at);
      } else if (word === blockWord) {
        runs.push({ from: 0, to: -1, block: this.#block(count) });
        this.#advance(unitBytes);
      } else {
        const end = this.#countBatch(this.#view, at, count);
        const last = runs.at(-1);
        if (last?.to === at) last.to = end;
        else runs.push({ from: at, to: end });
        this.#advance(end - at);
      }
    }
    const regions = runs.map(({ from, to, block }) => block ?? this.#data.subarray(from, to));
    return { regions, ...count, tail: this.#tail };
  }

  /** The regions of a group are in the file: their room is free. */
  written(group: RingGroup): void {
    Atomics.store(this.#control, cells.tail, group.tail);
  }

  completed(group: RingGroup, syncCount: number): void {
    Atomics.store(this.#control, cells.syncs, syncCount);
    Atomics.add(this.#control, cells.completed, group.batches);
    Atomics.add(this.#control, cells.toLoop, 1);
    Atomics.notify(this.#control, cells.toLoop);
  }

  reportSpace(outOfSpace: boolean): void {
    Atomics.store(this.#control, cells.outOfSpace, outOfSpace ? 1 : 0);
  }

  #advance(bytes: number): void {
    this.#tail = (this.#tail + bytes / unitBytes) | 0;
  }

  #block(count: { batches: number; mustSync: boolean }): Uint8Array {
    const block = new Uint8Array(this.#receiveBlock());
    const end = this.#countBatch(viewOf(block), 0, count);
    invariant(end === block.length, 'a block is one batch', { end, length: block.length });
    return block;
  }

  #countBatch(view: DataView, at: number, count: { batches: number; mustSync: boolean }): number {
    count.batches++;
    if ((flagsAt(view, at) & flags.mustSync) !== 0) count.mustSync = true;
    return batchEndFrom(view, at);
  }
}

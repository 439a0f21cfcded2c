import { CoterieError, invariant } from '@coterie/errors';
import type { ConfState, Index, SnapshotMeta, Term } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource, SnapshotStore } from '../ports/snapshot-store.js';
import { checksum } from './checksum.js';

/** Limits of a {@link MemorySnapshotStore}. */
export interface MemorySnapshotStoreOptions {
  /** Longest snapshot that is kept or received, in bytes; a longer one is ERR_TOO_LARGE. Default 256 MiB. */
  readonly bytesMax?: number;
}

/** A snapshot as its state machine made it. */
export interface KeptSnapshot {
  readonly index: Index;
  readonly term: Term;
  readonly conf: ConfState;
  /** What the state machine wrote and can read again. */
  readonly state: Uint8Array;
}

/** A snapshot with its image: the state and behind it four bytes of checksum. */
interface Held {
  readonly meta: SnapshotMeta;
  readonly image: Uint8Array;
}

/** What has come of a snapshot so far. */
interface Part {
  readonly meta: SnapshotMeta;
  readonly image: Uint8Array;
  filled: number;
}

const checksumBytes = 4;

/**
 * Snapshots in memory: the newest own one, and one that is received.
 *
 * It stands for a disk: given to the next {@link MemoryStateMachine} after the first is gone, it is what a restart
 * finds. An image is never changed once it is complete, so that a source needs no copy to stay at its point in time.
 */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #bytesMax: number;
  #newest: Held | undefined;
  #part: Part | undefined;
  #committed: Held | undefined;
  #uses = 0;
  #restore: ((snapshot: KeptSnapshot) => void) | undefined;

  constructor(options: MemorySnapshotStoreOptions = {}) {
    this.#bytesMax = options.bytesMax ?? 256 << 20;
  }

  /**
   * A state machine comes up and takes what is here.
   *
   * @param logStart where the log begins: a snapshot that was received whole becomes the state exactly if its mark is
   *   in the log
   * @param restore called with a snapshot that is installed
   * @returns the newest snapshot, if there is one
   * @throws CoterieError ERR_CORRUPT when the log begins behind everything that is here
   */
  open(logStart: Index, restore: (snapshot: KeptSnapshot) => void): KeptSnapshot | undefined {
    this.#restore = restore;
    this.#uses++;
    if (this.#committed?.meta.index === logStart) this.#newest = this.#committed;
    this.#committed = undefined;
    const index = this.#newest?.meta.index ?? 0;
    if (index < logStart) {
      const message = `the log begins behind entry ${logStart} and the newest snapshot is at ${index}`;
      throw new CoterieError('ERR_CORRUPT', { message });
    }
    return this.#newest === undefined ? undefined : open(this.#newest);
  }

  /** Keeps a snapshot of the running state machine in place of the older one. @throws CoterieError ERR_TOO_LARGE */
  keep({ index, term, conf, state }: KeptSnapshot): void {
    const size = state.length + checksumBytes;
    this.#checkSize(size);
    const image = new Uint8Array(size);
    image.set(state);
    new DataView(image.buffer).setUint32(state.length, checksum(state), true);
    this.#newest = { meta: { index, term, conf, size }, image };
  }

  /** @throws CoterieError ERR_STORAGE while there is none */
  openSnapshot(): Promise<{ readonly meta: SnapshotMeta; readonly source: SnapshotSource }> {
    const newest = this.#newest;
    if (newest === undefined) {
      return Promise.reject(new CoterieError('ERR_STORAGE', { message: 'there is no snapshot yet' }));
    }
    return Promise.resolve({ meta: newest.meta, source: new ImageSource(newest.image) });
  }

  /** @throws CoterieError ERR_TOO_LARGE */
  async receiveSnapshot(meta: SnapshotMeta): Promise<SnapshotSink> {
    this.#checkSize(meta.size);
    const known = this.#part?.meta;
    if (known?.index !== meta.index || known.term !== meta.term || known.size !== meta.size) this.#part = undefined;
    const part = (this.#part ??= { meta, image: new Uint8Array(meta.size), filled: 0 });
    const use = ++this.#uses;
    const check = (): void => {
      if (use !== this.#uses) throw new CoterieError('ERR_CLOSED', { message: 'this transfer is over' });
    };
    return {
      offset: part.filled,
      write: async (chunk) => {
        check();
        if (part.filled + chunk.length > part.image.length) this.#refuse('more bytes came than the snapshot has');
        part.image.set(chunk, part.filled);
        part.filled += chunk.length;
      },
      commit: async () => {
        check();
        if (part.filled !== part.image.length) this.#refuse(`${part.image.length - part.filled} bytes are missing`);
        if (!isWhole(part.image)) this.#refuse('its checksum does not fit');
        this.#committed = part;
        this.#part = undefined;
        this.#uses++;
      },
      abort: async () => {
        if (use === this.#uses) this.#uses++;
      },
    };
  }

  installSnapshot(meta: SnapshotMeta): void {
    const committed = this.#committed;
    invariant(committed?.meta.index === meta.index, 'what is installed was committed', { index: meta.index });
    this.#newest = committed;
    this.#committed = undefined;
    this.#restore?.(open(committed));
  }

  #checkSize(size: number): void {
    if (Number.isSafeInteger(size) && size >= checksumBytes && size <= this.#bytesMax) return;
    const message = `a snapshot of ${size} bytes; up to ${this.#bytesMax} are taken`;
    throw new CoterieError('ERR_TOO_LARGE', { message, limit: this.#bytesMax });
  }

  /** What is damaged is of no use to the next transfer either. */
  #refuse(why: string): never {
    this.#part = undefined;
    this.#uses++;
    throw new CoterieError('ERR_CORRUPT', { message: `the received snapshot is refused: ${why}` });
  }
}

function isWhole(image: Uint8Array): boolean {
  const at = image.length - checksumBytes;
  return (
    at >= 0 && new DataView(image.buffer, image.byteOffset).getUint32(at, true) === checksum(image.subarray(0, at))
  );
}

function open({ meta, image }: Held): KeptSnapshot {
  const { index, term, conf } = meta;
  return { index, term, conf, state: image.subarray(0, image.length - checksumBytes) };
}

class ImageSource implements SnapshotSource {
  readonly #image: Uint8Array;
  #closed = false;

  constructor(image: Uint8Array) {
    this.#image = image;
  }

  get size(): number {
    return this.#image.length;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new CoterieError('ERR_CLOSED', { message: 'the snapshot is closed' }));
    return Promise.resolve(this.#image.slice(offset, offset + length));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

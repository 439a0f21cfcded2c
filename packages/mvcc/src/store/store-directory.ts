import { CoterieError } from '@coterie/errors';

import { writeFileAtomically, type FileSystem } from '../files/file-system.js';
import { segmentOrdinal } from './history/manifest.js';

/**
 * Names the directory of the store that counts. Replaced atomically, so that a snapshot is current at once or not at
 * all.
 */
const currentName = 'CURRENT';

/** Exports that a former process left. */
const leftoverPattern = /^snapshot-\d+-\d+\.export$/;

/**
 * The directory that holds `CURRENT` and one directory `store-<n>` for each stored state: one that counts, and while a
 * snapshot is being received the next one beside it.
 */
export class StoreDirectory {
  constructor(
    readonly fs: FileSystem,
    readonly path: string,
  ) {}

  /** The number of the store that counts; undefined where there is none yet. @throws CoterieError ERR_CORRUPT */
  current(): number | undefined {
    const path = `${this.path}/${currentName}`;
    if (!this.fs.exists(path)) return undefined;
    const text = Buffer.from(this.fs.readFile(path)).toString('latin1');
    const match = /^store-(\d+)\n$/.exec(text);
    if (match !== null) return Number(match[1]);
    throw new CoterieError('ERR_CORRUPT', {
      message: `${path} does not name a store: ${JSON.stringify(text.slice(0, 40))}`,
    });
  }

  makeCurrent(number: number): void {
    writeFileAtomically(this.fs, `${this.path}/${currentName}`, Buffer.from(`store-${number}\n`));
  }

  /** The numbers of all stores, ascending. */
  numbers(): number[] {
    const numbers: number[] = [];
    for (const name of this.fs.readdir(this.path)) {
      const match = /^store-(\d+)$/.exec(name);
      if (match !== null) numbers.push(Number(match[1]));
    }
    return numbers.sort((a, b) => a - b);
  }

  storePath(number: number): string {
    return `${this.path}/store-${number}`;
  }

  orderedPath(number: number): string {
    return `${this.storePath(number)}/kv`;
  }

  exportPath(index: number, count: number): string {
    return `${this.path}/snapshot-${index}-${count}.export`;
  }

  /** Removes the history of a store; what else is in its directory belongs to its ordered store. */
  removeHistory(number: number): void {
    const path = this.storePath(number);
    for (const name of this.fs.readdir(path)) if (segmentOrdinal(name) !== undefined) this.fs.unlink(`${path}/${name}`);
  }

  removeLeftovers(): void {
    for (const name of this.fs.readdir(this.path))
      if (leftoverPattern.test(name)) this.fs.unlink(`${this.path}/${name}`);
  }
}

import { corruptLevel, LevelReader } from './level-numbers.js';

/** What the edits of a MANIFEST come to, as far as files are concerned. */
export interface LevelVersion {
  /** Logs from this number on hold what no table has. */
  readonly logNumber: number;
  /** Bytes of each table, by number. */
  readonly tables: ReadonlyMap<number, number>;
}

/** Tags of LevelDB's db/version_edit.cc. */
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** @throws CoterieError ERR_CORRUPT */
export function readLevelManifest(edits: readonly Uint8Array[]): LevelVersion {
  let logNumber = 0;
  const tables = new Map<number, number>();
  for (const edit of edits) {
    const from = new LevelReader(edit);
    while (!from.done) {
      switch (from.uint()) {
        case tags.logNumber:
          logNumber = from.uint();
          break;
        case tags.nextFile:
        case tags.lastSequence:
        case tags.previousLog:
          from.uint();
          break;
        case tags.comparator:
          from.take(from.uint());
          break;
        case tags.compactPointer:
          from.uint();
          from.take(from.uint());
          break;
        case tags.deletedFile:
          from.uint();
          tables.delete(from.uint());
          break;
        case tags.newFile:
          readNewFile(from, tables);
          break;
        default:
          throw corruptLevel('an edit of the MANIFEST cannot be understood');
      }
    }
  }
  return { logNumber, tables };
}

/** Level, number, bytes, smallest and largest key. */
function readNewFile(from: LevelReader, tables: Map<number, number>): void {
  from.uint();
  const number = from.uint();
  tables.set(number, from.uint());
  from.take(from.uint());
  from.take(from.uint());
}

import { open, readdir, readFile, stat } from 'node:fs/promises';
import { systemErrorCode } from '../../files/storage-error.js';
import { levelPieceBytes, LevelLogReader, type LevelLog } from './level-log.js';
import { readLevelManifest, type LevelVersion } from './level-manifest.js';
import { corruptLevel } from './level-numbers.js';
import { checkLevelTable } from './level-table.js';

/**
 * Bytes of tables that are checked before a store is opened, the newest first: what this takes must not grow with the
 * number of keys.
 */
const tableBytesMax = 16 * 1024 * 1024;

/**
 * Looks at the files of a LevelDB before LevelDB does, which leaves out what it cannot read and says nothing.
 *
 * Every batch of a store is synced before the next one is written. So a crash can only leave the last one torn; LevelDB
 * then has the checkpoint before, and the log of the member still reaches back to that. A defect in front of a whole
 * batch is no work of a crash: keys would be missing without a trace. The same with the MANIFEST, whose last edit may
 * be torn, but not once the log that it replaced is gone.
 *
 * @throws CoterieError ERR_CORRUPT; a system error where a file cannot be read
 */
export async function checkLevelFiles(directory: string): Promise<void> {
  const names = await namesIn(directory);
  const manifest = await currentManifest(directory, names);
  if (manifest === undefined) return;
  const edits: Uint8Array[] = [];
  const reader = new LevelLogReader((edit) => edits.push(edit));
  reader.read(await readFile(`${directory}/${manifest}`));
  const { soundBehind, defectAt } = reader.finish();
  if (soundBehind) throw corruptLevel(`${manifest} is damaged at byte ${defectAt}`);
  const version = readLevelManifest(edits);
  await checkLogs(directory, names, version);
  await checkTables(directory, names, version);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** @returns undefined where nothing has been stored yet */
async function currentManifest(directory: string, names: readonly string[]): Promise<string | undefined> {
  if (!names.includes('CURRENT')) {
    // LevelDB makes it before the first of these: without it, it would begin anew and remove them.
    const left = names.find((name) => /^\d+\.(log|ldb|sst)$/.test(name));
    if (left !== undefined) throw corruptLevel(`${left} is there and CURRENT is not`);
    return undefined;
  }
  const text = await readFile(`${directory}/CURRENT`, 'latin1');
  const name = /^(MANIFEST-\d+)\n$/.exec(text)?.[1];
  if (name !== undefined && names.includes(name)) return name;
  throw corruptLevel(`CURRENT names no MANIFEST: ${JSON.stringify(text.slice(0, 40))}`);
}

async function checkLogs(directory: string, names: readonly string[], { logNumber }: LevelVersion): Promise<void> {
  const logs = names
    .map((name) => ({ name, number: Number(/^(\d+)\.log$/.exec(name)?.[1] ?? -1) }))
    .filter(({ number }) => number >= logNumber)
    .sort((a, b) => a.number - b.number);
  if (logNumber > 0 && logs[0]?.number !== logNumber) throw corruptLevel(`log ${logNumber} is missing`);
  let torn: { readonly name: string; readonly log: LevelLog } | undefined;
  for (const { name } of logs) {
    const log = await readLog(`${directory}/${name}`);
    if (log.soundBehind) throw corruptLevel(`${name} is damaged at byte ${log.defectAt}, in front of a whole batch`);
    if (torn !== undefined && log.count > 0)
      throw corruptLevel(`${torn.name} is damaged at byte ${torn.log.defectAt}, and ${name} follows`);
    if (log.defectAt !== undefined) torn ??= { name, log };
  }
}

/** In pieces: it holds the last checkpoint whole. */
async function readLog(path: string): Promise<LevelLog> {
  const reader = new LevelLogReader();
  const file = await open(path, 'r');
  try {
    const piece = new Uint8Array(levelPieceBytes);
    for (;;) {
      let got = 0;
      for (let more = -1; more !== 0 && got < piece.length; got += more) {
        ({ bytesRead: more } = await file.read(piece, got, piece.length - got));
      }
      reader.read(piece.subarray(0, got));
      if (got < piece.length) return reader.finish();
    }
  } finally {
    await file.close();
  }
}

async function checkTables(directory: string, names: readonly string[], { tables }: LevelVersion): Promise<void> {
  let room = tableBytesMax;
  for (const [number, bytes] of [...tables].sort(([a], [b]) => b - a)) {
    const digits = String(number).padStart(6, '0');
    const name = [`${digits}.ldb`, `${digits}.sst`].find((possible) => names.includes(possible));
    if (name === undefined) throw corruptLevel(`table ${digits} is missing`);
    const path = `${directory}/${name}`;
    const { size } = await stat(path);
    if (size !== bytes) throw corruptLevel(`table ${digits} has ${size} of ${bytes} bytes`);
    room -= bytes;
    if (room >= 0) checkLevelTable(await readFile(path), digits);
  }
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClassicLevel } from 'classic-level';
import { checkLevelFiles } from '../../src/store/level/check-level-files.js';
import { levelPieceBytes, LevelLogReader, type LevelLog } from '../../src/store/level/level-log.js';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-level-log-'));
let log = '';
let bytes = new Uint8Array(0);

/** A log longer than two pieces: a batch that lies across their border, a small one, one more. */
beforeAll(async () => {
  const level = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view', writeBufferSize: 64 << 20 });
  await level.open();
  for (const size of [levelPieceBytes * 1.5, 100, levelPieceBytes]) {
    await level.batch([{ type: 'put', key: `k${size}`, value: new Uint8Array(size).fill(7) }], { sync: true });
  }
  await level.close();
  log = path.join(dir, fs.readdirSync(dir).find((name) => name.endsWith('.log')) ?? '');
  bytes = new Uint8Array(fs.readFileSync(log));
});
afterAll(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

function read(content: Uint8Array, pieceBytes: number): LevelLog {
  const reader = new LevelLogReader();
  for (let at = 0; at < content.length; at += pieceBytes) reader.read(content.slice(at, at + pieceBytes));
  return reader.finish();
}

describe('a log of LevelDB', () => {
  it('reads the same in pieces as at once, sound or not', () => {
    expect(read(bytes, levelPieceBytes)).toEqual({ count: 3, defectAt: undefined, soundBehind: false });
    const inLast = levelPieceBytes * 2;
    for (const at of [
      0,
      8,
      40_000,
      levelPieceBytes - 1,
      levelPieceBytes,
      levelPieceBytes + 6,
      inLast,
      bytes.length - 1,
    ]) {
      const flipped = bytes.slice();
      flipped[at] = flipped[at]! ^ 1;
      const whole = read(flipped, flipped.length);
      expect(whole.defectAt, `byte ${at}`).toBeDefined();
      expect(read(flipped, levelPieceBytes), `byte ${at}`).toEqual(whole);
      expect(read(flipped.subarray(0, at), levelPieceBytes)).toEqual(read(flipped.subarray(0, at), bytes.length));
    }
  });

  it('is refused where a batch is damaged in front of a whole one, however far in', async () => {
    await expect(checkLevelFiles(dir)).resolves.toBeUndefined();
    fs.writeFileSync(
      log,
      bytes.map((byte, at) => (at === levelPieceBytes + 500 ? byte ^ 1 : byte)),
    );
    await expect(checkLevelFiles(dir)).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
    // Torn in the last batch: what a crash can leave.
    fs.writeFileSync(
      log,
      bytes.map((byte, at) => (at > bytes.length - 500 ? 0 : byte)),
    );
    await expect(checkLevelFiles(dir)).resolves.toBeUndefined();
  });
});

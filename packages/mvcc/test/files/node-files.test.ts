import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileResult } from '../../src/files/background-files.js';
import { writeFileAtomically } from '../../src/files/file-system.js';
import { nodeBackgroundFiles as background, nodeFileSystem as fs } from '../../src/files/node-files.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coterie-files-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function later<T>(run: (done: FileResult<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let returned = false;
    run((error, result) => {
      expect(returned).toBe(true);
      if (error === undefined) resolve(result);
      else reject(error);
    });
    returned = true;
  });
}

describe('nodeFileSystem', () => {
  it('writes and reads at positions, with zeros in between', () => {
    const path = join(dir, 'a');
    const file = fs.open(path, 'create');
    fs.write(file, bytes('tail'), 10);
    fs.write(file, bytes('head'), 0);
    fs.datasync(file);
    expect(fs.size(file)).toBe(14);
    const into = new Uint8Array(20);
    expect(fs.read(file, into, 0)).toBe(14);
    expect(into).toEqual(Uint8Array.from([...bytes('head'), 0, 0, 0, 0, 0, 0, ...bytes('tail'), 0, 0, 0, 0, 0, 0]));
    fs.truncate(file, 4);
    fs.sync(file);
    fs.close(file);
    expect(fs.readFile(path)).toEqual(bytes('head'));
  });

  it('refuses to create what exists and to open what does not, with system codes', () => {
    const path = join(dir, 'a');
    fs.close(fs.open(path, 'create'));
    expect(() => fs.open(path, 'create')).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(() => fs.open(join(dir, 'b'), 'read')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => fs.open(join(dir, 'b'), 'write')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it.runIf(process.platform === 'linux')('refuses directories where none can be made, with a system code', () => {
    // Made recursively by Node 20 this never came back.
    expect(() => fs.mkdir('/proc/nowhere/inside')).toThrow(/ENOENT/);
  });

  it('makes nested directories, and again without complaint; lists names sorted', () => {
    fs.mkdir(join(dir, 'x/y/z'));
    fs.mkdir(join(dir, 'x/y/z'));
    for (const name of ['c', 'a', 'b']) fs.close(fs.open(join(dir, 'x', name), 'create'));
    expect(fs.readdir(join(dir, 'x'))).toEqual(['a', 'b', 'c', 'y']);
    fs.syncDirectory(join(dir, 'x'));
    fs.unlink(join(dir, 'x/a'));
    expect(fs.exists(join(dir, 'x/a'))).toBe(false);
  });

  it('replaces a file atomically, over the remains of an earlier attempt', () => {
    const path = join(dir, 'CURRENT');
    writeFileAtomically(fs, path, bytes('one'));
    fs.close(fs.open(`${path}.tmp`, 'create'));
    writeFileAtomically(fs, path, bytes('two'));
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(fs.readdir(dir)).toEqual(['CURRENT']);
  });
});

describe('nodeBackgroundFiles', () => {
  it('does the same with callbacks, never from inside the call', async () => {
    const path = join(dir, 'deep/er/a');
    await later((done) => background.mkdir(join(dir, 'deep/er'), done));
    const file = (await later<number>((done) => background.open(path, 'create', done))) as number;
    await later((done) => background.write(file, bytes('hello'), 3, done));
    await later((done) => background.write(file, new Uint8Array(0), 0, done));
    await later((done) => background.datasync(file, done));
    await later((done) => background.sync(file, done));
    expect(await later((done) => background.size(file, done))).toBe(8);
    const into = new Uint8Array(20);
    expect(await later((done) => background.read(file, into, 3, done))).toBe(5);
    expect(into.subarray(0, 5)).toEqual(bytes('hello'));
    await later((done) => background.truncate(file, 5, done));
    await later((done) => background.close(file, done));
    await later((done) => background.rename(path, join(dir, 'deep/b'), done));
    await later((done) => background.syncDirectory(join(dir, 'deep'), done));
    expect(await later((done) => background.readdir(join(dir, 'deep'), done))).toEqual(['b', 'er']);
    await later((done) => background.unlink(join(dir, 'deep/b'), done));
    await expect(later((done) => background.open(path, 'read', done))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(later((done) => background.mkdir('/dev/null/x', done))).rejects.toThrow();
  });
});

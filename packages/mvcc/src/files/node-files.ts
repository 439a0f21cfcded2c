import {
  close,
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstat,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncate,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  read,
  readdir,
  readdirSync,
  readFileSync,
  readSync,
  rename,
  renameSync,
  statfs,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { BackgroundFiles, FileDone, FileResult } from './background-files.js';
import type { FileHandle, FileSystem, OpenMode } from './file-system.js';
import { systemErrorCode } from './storage-error.js';

const openFlags: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

/** Files hold an application's data: for their owner only. */
const filePermissions = 0o600;
const directoryPermissions = 0o700;

/**
 * Not every platform lets a directory be opened and synced; where it does not (Windows), its names are durable without.
 */
const directoriesSync = process.platform !== 'win32';

function noProgress(): Error {
  return Object.assign(new Error('EIO: a write of some bytes wrote none'), { code: 'EIO', syscall: 'write' });
}

function readFully(file: FileHandle, into: Uint8Array, position: number): number {
  let got = 0;
  while (got < into.length) {
    const count = readSync(file, into, got, into.length - got, position + got);
    if (count === 0) break;
    got += count;
  }
  return got;
}

function writeFully(file: FileHandle, bytes: Uint8Array, position: number): void {
  // A write may be cut short without an error (a signal, a nearly full disk): the rest is asked for again, and then it
  // says why.
  for (let put = 0; put < bytes.length;) put += writeSync(file, bytes, put, bytes.length - put, position + put);
}

function syncDirectory(path: string): void {
  if (!directoriesSync) return;
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes one level at a time and syncs the name of each before the next: so of the levels that an earlier process made
 * before it died only the deepest can be unsynced, and its name is synced here.
 */
function mkdir(path: string): void {
  const missing: string[] = [];
  let level = resolve(path);
  for (; !existsSync(level); level = dirname(level)) missing.push(level);
  syncNameOf(level);
  for (const made of missing.reverse()) {
    makeDirectory(made);
    syncDirectory(dirname(made));
  }
}

/** Not `recursive`, which never comes back where a level cannot be made, as below /proc (Node 20). */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, directoryPermissions);
  } catch (error) {
    // Somebody else was first.
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

/** The name of a directory that was there before. One in a directory that we may not read was not made by us. */
function syncNameOf(existing: string): void {
  try {
    syncDirectory(dirname(existing));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

/** {@link FileSystem} over `node:fs`. */
export const nodeFileSystem: FileSystem = {
  open: (path, mode) => openSync(path, openFlags[mode], filePermissions),
  close: closeSync,
  read: readFully,
  write: writeFully,
  datasync: fdatasyncSync,
  sync: fsyncSync,
  truncate: ftruncateSync,
  size: (file) => fstatSync(file).size,
  readFile: (path) => {
    // Not the Buffer itself: its `slice` makes views where that of a Uint8Array copies.
    const { buffer, byteOffset, length } = readFileSync(path);
    return new Uint8Array(buffer, byteOffset, length);
  },
  rename: renameSync,
  unlink: unlinkSync,
  mkdir,
  readdir: (path) => readdirSync(path).sort(),
  exists: existsSync,
  syncDirectory,
};

/** Node says "no error" with null, the port by leaving it out. */
const plain =
  (done: FileDone) =>
  (error: Error | null): void =>
    error === null ? done() : done(error);

const withResult =
  <T>(done: FileResult<T>) =>
  (error: Error | null, result?: T): void =>
    error === null ? done(undefined, result) : done(error);

function readOn(file: FileHandle, into: Uint8Array, at: number, got: number, done: FileResult<number>): void {
  read(file, into, got, into.length - got, at + got, (error, count) => {
    if (error !== null) done(error);
    else if (count === 0 || got + count === into.length) done(undefined, got + count);
    else readOn(file, into, at, got + count, done);
  });
}

function writeOn(file: FileHandle, bytes: Uint8Array, at: number, put: number, done: FileDone): void {
  write(file, bytes, put, bytes.length - put, at + put, (error, count) => {
    if (error !== null) done(error);
    else if (put + count === bytes.length) done();
    else if (count === 0) done(noProgress());
    else writeOn(file, bytes, at, put + count, done);
  });
}

function syncDirectoryLater(path: string, done: FileDone): void {
  if (!directoriesSync) {
    setImmediate(done);
    return;
  }
  open(path, constants.O_RDONLY, (openError, directory) => {
    if (openError !== null) {
      done(openError);
      return;
    }
    fsync(directory, (error) => close(directory, (closeError) => plain(done)(error ?? closeError ?? null)));
  });
}

function mkdirLater(path: string, done: FileDone): void {
  // Rare and small, and its parents have to be synced in order: done in one go, off this turn.
  setImmediate(() => {
    try {
      mkdir(path);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  });
}

/**
 * {@link BackgroundFiles} over `node:fs` and its thread pool, which is shared with the application: never for a commit.
 */
export const nodeBackgroundFiles: BackgroundFiles = {
  open: (path, mode, done) => open(path, openFlags[mode], filePermissions, withResult(done)),
  close: (file, done) => close(file, (error) => plain(done)(error ?? null)),
  read: (file, into, position, done) => readOn(file, into, position, 0, done),
  write: (file, bytes, position, done) => writeOn(file, bytes, position, 0, done),
  datasync: (file, done) => fdatasync(file, plain(done)),
  sync: (file, done) => fsync(file, plain(done)),
  truncate: (file, size, done) => ftruncate(file, size, plain(done)),
  size: (file, done) => fstat(file, (error, stats) => withResult(done)(error, error === null ? stats.size : undefined)),
  rename: (from, to, done) => rename(from, to, plain(done)),
  unlink: (path, done) => unlink(path, plain(done)),
  mkdir: mkdirLater,
  readdir: (path, done) =>
    readdir(path, (error, names) => withResult(done)(error, error === null ? names.sort() : undefined)),
  syncDirectory: syncDirectoryLater,
  freeBytes: (path, done) =>
    statfs(path, (error, found) => withResult(done)(error, error === null ? found.bavail * found.bsize : undefined)),
};

import type { FileHandle, OpenMode } from './file-system.js';

/** Called once, never from inside the call that it answers. */
export type FileDone = (error?: Error) => void;
/** As {@link FileDone}, with a result when there is no error. */
export type FileResult<T> = (error: Error | undefined, result?: T) => void;

/**
 * Files for work beside a running event loop: history, received snapshots, whatever is not on the way of a commit.
 *
 * Callbacks and no promises, so that a simulator decides what completes when. Operations on one file or name that are
 * in flight together have no order among themselves: whoever needs one waits for the first. The caller bounds what it
 * has in flight. Meanings, durability and errors are those of {@link FileSystem}.
 */
export interface BackgroundFiles {
  open(path: string, mode: OpenMode, done: FileResult<FileHandle>): void;
  close(file: FileHandle, done: FileDone): void;
  /** The result is how many bytes there were: fewer than `into` holds only at the end of the file. */
  read(file: FileHandle, into: Uint8Array, position: number, done: FileResult<number>): void;
  /** `bytes` must not change until `done`. To append, write at the size that the caller keeps. */
  write(file: FileHandle, bytes: Uint8Array, position: number, done: FileDone): void;
  datasync(file: FileHandle, done: FileDone): void;
  sync(file: FileHandle, done: FileDone): void;
  truncate(file: FileHandle, size: number, done: FileDone): void;
  size(file: FileHandle, done: FileResult<number>): void;
  rename(from: string, to: string, done: FileDone): void;
  unlink(path: string, done: FileDone): void;
  mkdir(path: string, done: FileDone): void;
  readdir(path: string, done: FileResult<string[]>): void;
  syncDirectory(path: string, done: FileDone): void;
  /** Bytes that this process may still write where this directory is. Left out: nobody can tell. */
  freeBytes?(path: string, done: FileResult<number>): void;
}

/**
 * An open file. Belongs to the {@link FileSystem} or {@link BackgroundFiles} that opened it; with `node:fs` a
 * descriptor that both share.
 */
export type FileHandle = number;

/**
 * `read`: must exist. `write`: must exist, for reading and writing. `create`: must not exist, for reading and writing.
 */
export type OpenMode = 'read' | 'write' | 'create';

/**
 * The few things that durable code asks of a file system, each done when the call returns.
 *
 * For threads that may wait: the log's own, and any thread at start-up. Work beside a running event loop goes through
 * {@link BackgroundFiles}. Failures are system errors as `node:fs` throws them, with a `code` such as `ENOENT`, `EIO`
 * or `ENOSPC`.
 *
 * What survives a power loss: bytes after {@link datasync} of their file; a new, renamed or removed name after
 * {@link syncDirectory} of the directory that holds it (POSIX promises neither of the other).
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): FileHandle;
  close(file: FileHandle): void;
  /**
   * Fills `into` from `position` on.
   * @returns how many bytes there were: fewer than asked for only at the end of the file
   */
  read(file: FileHandle, into: Uint8Array, position: number): number;
  /** Writes all of `bytes`, or throws; the file grows (with zeros before `position`) where it must. */
  write(file: FileHandle, bytes: Uint8Array, position: number): void;
  /**
   * Makes contents and size durable. After it failed nothing is known of what it covered, whatever a second call says.
   */
  datasync(file: FileHandle): void;
  /** {@link datasync} and all other metadata. */
  sync(file: FileHandle): void;
  truncate(file: FileHandle, size: number): void;
  /** In bytes. */
  size(file: FileHandle): number;
  /** The whole content. */
  readFile(path: string): Uint8Array;
  /** Replaces what `to` names, atomically. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Makes the directory and its missing parents, and makes their names durable. Fine when it is there already. */
  mkdir(path: string): void;
  /** Names in a directory, sorted by code unit. */
  readdir(path: string): string[];
  exists(path: string): boolean;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): void;
}

/** Writes `bytes` under `path` so that a crash leaves the old file or the new one, whole, and never neither. */
export function writeFileAtomically(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  // What an earlier crash left half done. Nothing ever reads a temporary name.
  if (fs.exists(temporary)) fs.unlink(temporary);
  const file = fs.open(temporary, 'create');
  try {
    fs.write(file, bytes, 0);
    // Before the rename: otherwise the new name can become durable before the bytes it names (as ext4 once did with
    // zero-length files).
    fs.sync(file);
  } finally {
    fs.close(file);
  }
  fs.rename(temporary, path);
  fs.syncDirectory(parentOf(path));
}

/** The directory that holds a name. */
function parentOf(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  const cut = trimmed.lastIndexOf('/');
  if (cut > 0) return trimmed.slice(0, cut);
  return cut === 0 ? '/' : '.';
}

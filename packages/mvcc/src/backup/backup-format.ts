import { CoterieError } from '@coterie/errors';
import { crc32c } from '../files/crc32c.js';

/*
 * The file of a backup; `docs/backup-format.md` describes it.
 *
 *   "coterbak", version u32, then blocks: one header, one state, keys …, one end
 *   block  length of the content u32, CRC32C of kind and content u32, kind u8, content
 *
 * All numbers are little-endian.
 */
const magic = Buffer.from('coterbak', 'latin1');
/** The version of the format that this build writes, and the only one it reads. */
export const backupVersion = 1;
export const prefixBytes = magic.length + 4;

/** What a block holds. */
export const backupKinds = { header: 1, state: 2, keys: 3, end: 4 } as const;
export type BackupKind = (typeof backupKinds)[keyof typeof backupKinds];

const headBytes = 9;
/** Content that closes a block of keys. */
export const backupBlockBytes = 64 * 1024;
/** A block that claims more is damaged: no state and no record comes near it. */
const blockBytesMax = 64 * 1024 * 1024;

/** Where a backup comes from. Readable in the file as one line of JSON; what is not known is passed over. */
export interface BackupHeader {
  readonly source: 'peer' | 'store';
  /** Of the cluster; empty for the store of one process. */
  readonly clusterId: string;
  /** The random number that tells two clusters of one id apart, or the id of the store, as text. */
  readonly uid: string;
  readonly revision: number;
  /** For people. */
  readonly wallMs: number;
}

/** The last block. */
export interface BackupEnd {
  readonly keys: number;
  /** Bytes of the file before this block, and their CRC32C. */
  readonly bytes: number;
  readonly crc32c: number;
}

export function encodePrefix(): Uint8Array {
  const bytes = Buffer.alloc(prefixBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(backupVersion, magic.length);
  return bytes;
}

/** @throws CoterieError ERR_CORRUPT; ERR_STORAGE for a version that this build cannot read */
export function checkPrefix(bytes: Uint8Array): void {
  if (!magic.equals(bytes.subarray(0, magic.length))) throw corruptBackup('it does not begin as one');
  const version = Buffer.from(bytes.buffer, bytes.byteOffset).readUInt32LE(magic.length);
  if (version === backupVersion) return;
  throw new CoterieError('ERR_STORAGE', {
    message: `the backup has format ${version}; this build reads ${backupVersion}`,
  });
}

export function encodeBackupBlock(kind: BackupKind, content: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + content.length);
  bytes.writeUInt32LE(content.length, 0);
  bytes[8] = kind;
  bytes.set(content, headBytes);
  bytes.writeUInt32LE(crc32c(bytes, 0, 8), 4);
  return bytes;
}

export interface BackupBlock {
  readonly kind: number;
  readonly content: Uint8Array;
  readonly bytes: number;
}

/** @returns the block at a position, or how many bytes it needs. @throws CoterieError ERR_CORRUPT */
export function decodeBackupBlock(bytes: Uint8Array, at: number): BackupBlock | { readonly need: number } {
  const there = bytes.length - at;
  if (there < headBytes) return { need: headBytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, there);
  const length = view.getUint32(0, true);
  if (length > blockBytesMax) throw corruptBackup(`a block claims ${length} bytes`);
  const end = headBytes + length;
  if (there < end) return { need: end };
  if (crc32c(bytes, 0, at + 8, at + end) !== view.getUint32(4, true)) {
    throw corruptBackup('the checksum of a block does not match');
  }
  return { kind: view.getUint8(8), content: bytes.subarray(at + headBytes, at + end), bytes: end };
}

export function encodeHeader(header: BackupHeader): Uint8Array {
  return Buffer.from(JSON.stringify(header), 'utf8');
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeHeader(content: Uint8Array): BackupHeader {
  let parsed: Partial<Record<keyof BackupHeader, unknown>>;
  try {
    parsed = JSON.parse(Buffer.from(content).toString('utf8')) as typeof parsed;
  } catch {
    throw corruptBackup('its header is no JSON');
  }
  const { source, clusterId, uid, revision, wallMs } = parsed;
  if (
    (source === 'peer' || source === 'store') &&
    typeof clusterId === 'string' &&
    typeof uid === 'string' &&
    typeof wallMs === 'number' &&
    typeof revision === 'number' &&
    Number.isSafeInteger(revision) &&
    revision >= 0
  ) {
    return { source, clusterId, uid, revision, wallMs };
  }
  throw corruptBackup('its header lacks a field');
}

export function encodeEnd({ keys, bytes, crc32c: sum }: BackupEnd): Uint8Array {
  const content = new Uint8Array(20);
  const view = new DataView(content.buffer);
  view.setFloat64(0, keys, true);
  view.setFloat64(8, bytes, true);
  view.setUint32(16, sum, true);
  return content;
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeEnd(content: Uint8Array): BackupEnd {
  if (content.length !== 20) throw corruptBackup('its last block is damaged');
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  return { keys: view.getFloat64(0, true), bytes: view.getFloat64(8, true), crc32c: view.getUint32(16, true) };
}

export function corruptBackup(why: string): CoterieError {
  return new CoterieError('ERR_CORRUPT', { message: `the backup is damaged: ${why}` });
}

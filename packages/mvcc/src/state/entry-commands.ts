import { CoterieError } from '@coterie/errors';
import type { CommittedEntry } from '@coterie/raft';
import type { Command } from '../command/command.js';
import { decodeCommand, decodeSequencedHead } from '../command/decode.js';
import type { BinaryKey, Wanted } from '../store/types.js';
import { EntryWants } from '../txn/wants.js';

/** A write that cannot be read, of which at least the place in its session is known. */
export interface UnreadableWrite {
  readonly kind: 'unreadable';
  readonly session: number;
  readonly sequence: number;
  readonly ackedBelow: number;
}

/** What an entry says. Undefined: bytes that say nothing; apply passes over them. */
export type EntryCommand = Command | UnreadableWrite | undefined;

export interface ReadEntry {
  readonly commands: readonly EntryCommand[];
  /** What is to be loaded still. */
  wanted: Wanted;
  /** Its keys are being loaded already; `prepare` waits for that instead of asking for them again. */
  loading?: { ready?: () => void } | undefined;
}

const noKeys: Wanted['keys'] = [];

/** Entries that were read and not applied yet, at the most; one more is decoded again. */
const preparedMax = 128;
/** Of these, entries that were only foreseen. */
const foreseenMax = 64;

/** The decoded commands of entries between their `prepare` and their `apply`, so that nothing is decoded twice. */
export class EntryCommands {
  readonly #prepared = new Map<CommittedEntry, ReadEntry>();
  readonly #keysOfLease: KeysOfLease;

  /** @param keysOfLease the keys that a lease has at present */
  constructor(keysOfLease: KeysOfLease) {
    this.#keysOfLease = keysOfLease;
  }

  of(entry: CommittedEntry): ReadEntry {
    let read = this.#prepared.get(entry);
    if (read === undefined) {
      read = readEntry(entry, this.#keysOfLease);
      if (this.#prepared.size >= preparedMax) this.clear();
      this.#prepared.set(entry, read);
    }
    return read;
  }

  /**
   * An entry that is not committed yet, to load its keys ahead. Undefined where there is no room, and for one that ends
   * leases: which keys these have is known when it is its turn.
   */
  foresee(entry: CommittedEntry): ReadEntry | undefined {
    if (this.#prepared.size >= foreseenMax) return undefined;
    const read = readEntry(entry, this.#keysOfLease);
    if (read.commands.some(endsLeases)) return undefined;
    this.#prepared.set(entry, read);
    return read;
  }

  /**
   * The keys of an entry have been loaded once: they are not asked for again.
   *
   * An entry may name more bytes of values than the store keeps in its cache. Asked for again and again, the first ones
   * would push out the last ones and the last ones the first ones, and the entry would never become ready; what has
   * been pushed out is read when it is looked up, which is only slower.
   */
  keysLoaded(entry: CommittedEntry): void {
    const read = this.of(entry);
    read.wanted = { keys: noKeys, ranges: read.wanted.ranges };
  }

  take(entry: CommittedEntry): readonly EntryCommand[] {
    const { commands } = this.of(entry);
    this.#prepared.delete(entry);
    // What was foreseen for this index or below was replaced by another leader's: nobody comes for it any more.
    for (const other of this.#prepared.keys()) {
      if (other.index > entry.index) break;
      this.#prepared.delete(other);
    }
    return commands;
  }

  clear(): void {
    this.#prepared.clear();
  }
}

/** Of its commands together. */
export function commandBytes({ commands }: CommittedEntry): number {
  let bytes = 0;
  for (const { length } of commands) bytes += length;
  return bytes;
}

function endsLeases(command: EntryCommand): boolean {
  return command?.kind === 'expireLeases' || (command?.kind === 'write' && command.request.kind === 'revokeLease');
}

type KeysOfLease = (id: number) => Iterable<BinaryKey>;

function readEntry(entry: CommittedEntry, keysOfLease: KeysOfLease): ReadEntry {
  const wants = new EntryWants();
  const commands = entry.commands.map((bytes) => {
    const command = readCommand(bytes);
    if (command?.kind === 'expireLeases') {
      for (const { id } of command.leases) wants.endsLeases(keysOfLease(id));
    } else if (command?.kind === 'write') {
      wants.add(command.request);
      if (command.request.kind === 'revokeLease') wants.endsLeases(keysOfLease(command.request.id));
    }
    return command;
  });
  return { commands, wanted: wants.finish() };
}

/**
 * Any bytes have a meaning that is the same on every member: an entry is committed, nobody can send it back.
 */
function readCommand(bytes: Uint8Array): EntryCommand {
  try {
    return decodeCommand(bytes);
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error;
    const head = decodeSequencedHead(bytes);
    return head === undefined ? undefined : { kind: 'unreadable', ...head };
  }
}

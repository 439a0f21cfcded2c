import { invariant, type CoterieError } from '@coterie/errors';
import type { Clock, CommittedEntry, SubmitResult, TurnScheduler, WallClock } from '@coterie/raft';
import type { MvccStateMachine } from '../machine.js';
import { whyBehind } from '../session/refused-write.js';
import type { LogToReplay, Wal } from '../wal/wal.js';
import { decodeLocalEntry, encodeLocalEntry, localTerm } from './local-entry.js';
import { LogClock } from './log-clock.js';

/**
 * When a write is answered: `fsync`, when it is on the disk; `os`, when the operating system has it.
 *
 * With `os` a killed process loses nothing; a power loss may take the writes of about the last second, always the
 * newest ones and never the middle: what is left is a state that the store once had.
 */
export type Durability = 'fsync' | 'os';

/** What bounds the log of one process. */
export interface LocalLogLimits {
  /** Bytes of the commands of one entry; one command always fits. Default 1 MiB. */
  readonly entryBytes: number;
  /** Commands of one entry. Default 1,024. */
  readonly entryCommands: number;
  /** Bytes of commands that wait for the end of a turn; beyond it ERR_OVERLOADED. Default 16 MiB. */
  readonly queueBytes: number;
}

export const defaultLocalLogLimits: LocalLogLimits = {
  entryBytes: 1 << 20,
  entryCommands: 1024,
  queueBytes: 16 << 20,
};

/** Log bytes that wait for the disk; beyond it no command is taken. */
const backlogBytesMax = 32 << 20;
/** How long a write may wait for its sync where it is answered before, and how many bytes of them. */
const syncEveryMs = 1000;
const syncEveryBytes = 16 << 20;
/** Less than the promised 5 ms: the entry under way is still to be finished. */
const stretchMs = 4;

export interface LocalLogParts {
  readonly wal: Wal;
  readonly machine: MvccStateMachine;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly turns: TurnScheduler;
  readonly limits: LocalLogLimits;
  readonly durability: Durability;
  /** Nothing more is taken or applied after it. */
  readonly failed: (error: unknown) => void;
}

/**
 * The way of a write in a process of its own: the commands of one turn become one entry, the log makes it durable with
 * whatever else waits, and then it is applied. Every entry of the log is committed.
 */
export class LocalLog {
  readonly #parts: LocalLogParts;
  readonly #stamps: LogClock;
  #queue: Uint8Array[] = [];
  #queueBytes = 0;
  #scheduled = false;
  #lastIndex: number;
  #seq = 0;
  /** Written, in order, and not applied yet. */
  #committed: CommittedEntry[] = [];
  #head = 0;
  #preparing = false;
  #running = false;
  #unsyncedBytes = 0;
  #unsynced = 0;
  #timer: unknown;
  #stopped = false;
  #drained: (() => void) | undefined;

  /** @param lastIndex of the last entry of the log, which the machine has applied */
  constructor(parts: LocalLogParts, lastIndex: number) {
    invariant(parts.machine.applied().index === lastIndex, 'the log is replayed before it is written', { lastIndex });
    this.#parts = parts;
    this.#lastIndex = lastIndex;
    this.#stamps = new LogClock(parts.clock, parts.machine.logTimeMs());
    if (parts.durability === 'os') this.#timer = parts.clock.setInterval(() => this.#sync(), syncEveryMs);
  }

  /** The log time that the next entry is stamped with. */
  logTimeMs(): number {
    return this.#stamps.now();
  }

  /** Why no command is taken now: the disk, the store or the queue does not keep up, or there is no room. */
  whyRefuse(): CoterieError | undefined {
    const { machine, wal, limits } = this.#parts;
    // Its checkpoint may wait for entries that are answered and not synced yet.
    if (machine.overloaded) this.#sync();
    const full = wal.backlogBytes > backlogBytesMax || this.#queueBytes >= limits.queueBytes;
    return whyBehind({ machine, log: wal }, full);
  }

  submit(commands: readonly Uint8Array[]): SubmitResult {
    if (this.#stopped) return { ok: false, reason: 'closed' };
    if (this.whyRefuse() !== undefined) return { ok: false, reason: 'overloaded' };
    for (const command of commands) {
      this.#queue.push(command);
      this.#queueBytes += command.length;
    }
    this.#schedule();
    return { ok: true };
  }

  /** Resolves when everything taken so far is applied, or will never be; its sync has begun. */
  async drain(): Promise<void> {
    while (!this.#stopped && (this.#queue.length > 0 || this.#head < this.#committed.length || this.#waiting > 0)) {
      await new Promise<void>((resolve) => (this.#drained = resolve));
    }
    this.#sync();
  }

  /** Nothing is taken or applied any more. Idempotent. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== undefined) this.#parts.clock.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drained?.();
  }

  /** Entries with the log. */
  get #waiting(): number {
    const { machine } = this.#parts;
    return this.#lastIndex - machine.applied().index;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.turns.defer(() => {
      this.#scheduled = false;
      this.#guard(() => this.#turn());
    });
  }

  #turn(): void {
    const { machine, wall, wal, durability } = this.#parts;
    const mustSync = durability === 'fsync';
    while (this.#queue.length > 0 && !this.#stopped) {
      const entry: CommittedEntry = {
        index: ++this.#lastIndex,
        // A store that was restored from the backup of a cluster goes on in that cluster's term.
        term: Math.max(localTerm, machine.applied().term),
        stampMs: this.#stamps.now(),
        wallMs: wall.wallMs(),
        commands: this.#take(),
      };
      const encoded = encodeLocalEntry(entry);
      wal.append({ seq: this.#seq++, entries: [encoded], mustSync }, (error) => {
        if (error !== undefined) this.#fail(error);
        else this.#written(entry, encoded.data.length);
      });
      machine.foresee(entry);
    }
  }

  /** The commands of one entry. */
  #take(): readonly Uint8Array[] {
    const { entryBytes, entryCommands } = this.#parts.limits;
    let bytes = 0;
    let count = 0;
    for (; count < this.#queue.length && count < entryCommands; count++) {
      const { length } = this.#queue[count]!;
      if (count > 0 && bytes + length > entryBytes) break;
      bytes += length;
    }
    this.#queueBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #written(entry: CommittedEntry, bytes: number): void {
    if (this.#stopped) return;
    if (this.#parts.durability === 'fsync') {
      this.#parts.machine.logDurable(entry.index);
    } else {
      this.#unsynced = entry.index;
      this.#unsyncedBytes += bytes;
      if (this.#unsyncedBytes >= syncEveryBytes) this.#sync();
    }
    this.#committed.push(entry);
    this.#guard(() => this.#apply());
  }

  /** Where writes are answered before their sync: it follows here, and only then may a checkpoint hold them. */
  #sync(): void {
    const last = this.#unsynced;
    if (last === 0 || this.#stopped) return;
    this.#unsynced = 0;
    this.#unsyncedBytes = 0;
    this.#parts.wal.append({ seq: this.#seq++, entries: [], mustSync: true }, (error) => {
      if (error !== undefined) this.#fail(error);
      else if (!this.#stopped) this.#parts.machine.logDurable(last);
    });
  }

  #apply(): void {
    if (this.#running) return;
    const { machine, clock, turns } = this.#parts;
    const begun = clock.now();
    while (this.#head < this.#committed.length && !this.#preparing && !this.#stopped) {
      if (clock.now() - begun >= stretchMs) {
        this.#running = true;
        turns.defer(() => {
          this.#running = false;
          this.#guard(() => this.#apply());
        });
        return;
      }
      const entry = this.#committed[this.#head]!;
      const ready = machine.prepare(entry, () => {
        this.#preparing = false;
        this.#guard(() => this.#apply());
      });
      if (!ready) {
        this.#preparing = true;
        return;
      }
      machine.apply(entry);
      this.#head++;
    }
    if (this.#head < this.#committed.length) return;
    this.#committed = [];
    this.#head = 0;
    this.#drained?.();
  }

  #guard(work: () => void): void {
    if (this.#stopped) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#parts.failed(error);
  }
}

/** Bytes of entries after which a replay writes a checkpoint, so that what it applies does not pile up in memory. */
const replayCheckpointBytes = 2 << 20;

/** Applies what the log holds behind the checkpoint. @throws CoterieError ERR_CORRUPT, ERR_STORAGE */
export async function replayLog(
  log: LogToReplay,
  { machine, clock, turns }: Pick<LocalLogParts, 'machine' | 'clock' | 'turns'>,
): Promise<void> {
  machine.logDurable(log.lastIndex);
  let since = clock.now();
  let bytes = 0;
  for (const encoded of log.behind(machine.applied().index)) {
    const entry = decodeLocalEntry(encoded);
    await prepared(machine, entry);
    machine.apply(entry);
    bytes += encoded.data.length;
    if (bytes >= replayCheckpointBytes) {
      bytes = 0;
      await machine.unload();
    }
    if (clock.now() - since < stretchMs) continue;
    await new Promise<void>((resolve) => turns.defer(resolve));
    since = clock.now();
  }
}

async function prepared(machine: MvccStateMachine, entry: CommittedEntry): Promise<void> {
  let ready = false;
  while (!ready) {
    await new Promise<void>((resolve) => {
      ready = machine.prepare(entry, resolve);
      if (ready) resolve();
    });
  }
}

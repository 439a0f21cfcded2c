import type { CallControl, Consistency, EngineStream } from '../engine/engine.js';
import { callControl } from '../kv/call-control.js';
import type { CallOptions } from '../kv/call-options.js';
import { choice } from '../kv/arguments.js';
import { writeAll, type ByteSink } from './byte-streams.js';
import type { BackupChunk } from './write-backup.js';

/** How fresh a backup must be. */
export interface BackupRequest {
  readonly consistency: Consistency;
}

/** Options of `backup`. `timeoutMs`: for all of it; left out, it takes what it takes. */
export interface BackupOptions extends CallOptions {
  /** `'linearizable'`, the default: all that was acknowledged before the call. `'serializable'`: what this peer has. */
  readonly consistency?: Consistency | undefined;
}

/** What a backup holds. */
export interface BackupReport {
  /** Everything in it is of this revision. */
  readonly revision: number;
  readonly bytes: number;
}

/** Writes what an engine streams to a stream of the caller, and ends it. */
export async function backUp(
  open: (request: BackupRequest) => EngineStream<BackupChunk>,
  to: ByteSink,
  opts: BackupOptions | undefined,
): Promise<BackupReport> {
  const control: CallControl = callControl(opts);
  const stream = open({
    consistency: choice(opts?.consistency, ['linearizable', 'serializable', 'lease'], 'consistency') ?? 'linearizable',
  });
  let revision = 0;
  let bytes = 0;
  const next = async (): Promise<Uint8Array | undefined> => {
    const chunks = await stream.next();
    if (chunks === undefined) return undefined;
    revision = chunks[0]!.revision;
    const joined = chunks.length === 1 ? chunks[0]!.bytes : Buffer.concat(chunks.map((chunk) => chunk.bytes));
    bytes += joined.length;
    return joined;
  };
  try {
    await writeAll(to, next, control);
  } finally {
    stream.close();
  }
  return { revision, bytes };
}

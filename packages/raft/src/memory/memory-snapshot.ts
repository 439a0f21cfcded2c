import type { NodeId, SnapshotMeta } from '../core/messages.js';
import type { SnapshotSink, SnapshotSource } from '../ports/snapshot-store.js';
import type { TransportHandler } from '../ports/transport.js';

export interface SnapshotCarriage {
  readonly from: NodeId;
  /** Of the receiver. */
  readonly handler: TransportHandler;
  readonly meta: SnapshotMeta;
  readonly source: SnapshotSource;
  readonly signal: AbortSignal;
  readonly chunkBytes: number;
  /** One step on the way. @returns whether the connection still stands */
  hop(): Promise<boolean>;
}

/**
 * Moves one snapshot, chunk by chunk, beside the messages.
 *
 * @returns whether the receiver committed it. On abort it returns at once; the sink is aborted as soon as what it does
 *   at that moment ends.
 */
export async function carrySnapshot(carriage: SnapshotCarriage): Promise<boolean> {
  const receiving = new AbortController();
  const abort = (): void => receiving.abort();
  carriage.signal.addEventListener('abort', abort, { once: true });
  try {
    if (carriage.signal.aborted) return false;
    const done = await Promise.race([carry(carriage, receiving.signal), whenAborted(receiving.signal)]);
    // Whatever a receiver does for a transfer that is over, it may stop.
    if (!done) receiving.abort();
    return done;
  } finally {
    carriage.signal.removeEventListener('abort', abort);
  }
}

function whenAborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(false), { once: true }));
}

async function carry(carriage: SnapshotCarriage, signal: AbortSignal): Promise<boolean> {
  const { from, handler, meta, source, chunkBytes } = carriage;
  let sink: SnapshotSink | undefined;
  let committing = false;
  // A sender that dies in the middle of a read never answers it: the receiver must hear of the end all the same.
  const over = whenAborted(signal).then(() => undefined);
  try {
    if (!(await carriage.hop()) || signal.aborted) return false;
    sink = await handler.onSnapshot(from, meta, { signal });
    for (let offset = sink.offset; offset < source.size;) {
      const chunk = await Promise.race([source.read(offset, Math.min(chunkBytes, source.size - offset)), over]);
      if (chunk === undefined || chunk.length === 0 || !(await carriage.hop()) || signal.aborted) return false;
      // A copy: the source may hand out a view of something it uses again.
      await sink.write(new Uint8Array(chunk));
      offset += chunk.length;
    }
    if (!(await carriage.hop()) || signal.aborted) return false;
    committing = true;
    await sink.commit();
    return true;
  } catch {
    // The receiver refused or its sink failed: to the sender a failed transfer, which raft asks for again.
    return false;
  } finally {
    if (sink !== undefined && !committing) await sink.abort().catch(() => undefined);
  }
}

import { CoterieError } from '@coterie/errors';

/** What a {@link MemoryNetwork} does to what it carries. Chances are in [0, 1]. */
export interface NetworkFaults {
  /** Shortest time on the way, in ms. Default 0. */
  readonly minLatencyMs: number;
  /** Longest time on the way, in ms; each frame draws its own. Default 0. */
  readonly maxLatencyMs: number;
  /** Chance that one message is lost. Default 0. */
  readonly loss: number;
  /**
   * Chance that a frame arrives a second time, on a connection of its own and therefore perhaps after newer ones.
   * Default 0.
   */
  readonly duplicate: number;
  /**
   * Chance that a frame opens a new connection: what follows may overtake what still travels on the old one. Default 0.
   */
  readonly reconnect: number;
}

/** How often each thing happened. Messages are counted one by one; a piece of opaque bytes counts as one. */
export interface NetworkCounters {
  sent: number;
  delivered: number;
  /** Dropped by chance. */
  lost: number;
  /** Dropped because the way was cut, when sent or while on the way. */
  cut: number;
  /** Dropped because nobody was there, or one end does not list the other. */
  refused: number;
  /** Dropped because too much was on the way to one peer. */
  overflow: number;
  duplicated: number;
  /** Connections replaced by a new one. */
  reconnects: number;
  /** Frames delivered while an older one was still on the way. */
  overtaken: number;
  snapshots: number;
}

const noFaults: NetworkFaults = { minLatencyMs: 0, maxLatencyMs: 0, loss: 0, duplicate: 0, reconnect: 0 };

/** Changes some faults and checks all. @throws CoterieError ERR_INVALID_ARGUMENT */
export function changeFaults(change: Partial<NetworkFaults>, from: NetworkFaults = noFaults): NetworkFaults {
  const next = { ...from, ...change };
  for (const name of ['loss', 'duplicate', 'reconnect'] as const) {
    if (!(next[name] >= 0 && next[name] <= 1)) refuse(name, `${name} must lie in [0, 1]`);
  }
  if (!(next.minLatencyMs >= 0 && Number.isFinite(next.minLatencyMs)))
    refuse('minLatencyMs', 'minLatencyMs must not be negative');
  if (!(next.maxLatencyMs >= next.minLatencyMs && Number.isFinite(next.maxLatencyMs))) {
    refuse('maxLatencyMs', 'maxLatencyMs must not be below minLatencyMs');
  }
  return next;
}

function refuse(argument: string, message: string): never {
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

export function newCounters(): NetworkCounters {
  return {
    sent: 0,
    delivered: 0,
    lost: 0,
    cut: 0,
    refused: 0,
    overflow: 0,
    duplicated: 0,
    reconnects: 0,
    overtaken: 0,
    snapshots: 0,
  };
}

import { CoterieError } from '@coterie/errors';

/** What a {@link MemoryNetwork} does to what it carries. Chances are in [0, 1]. */
export interface NetworkFaults {
  /** Shortest time on the way, in ms. Default 0. */
  readonly minLatencyMs: number;
  /** Longest time on the way, in ms; each frame draws its own. Default 0. */
  readonly maxLatencyMs: number;
  /** Mean of an exponential time that comes on top of that, in ms. Default 0. */
  readonly meanExtraMs: number;
  /** Chance that a frame takes twenty times its time: the heavy tail of real networks. Default 0. */
  readonly tail: number;
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
  /**
   * Chance that a frame comes a second time up to `staleMs` later, to whoever then has the receiver's id: words of an
   * old term, of a process that is gone, to a process that has started since. No TCP connection does this; a relay may.
   * Default 0; while it is 0 those held back are dropped when their time comes.
   */
  readonly stale: number;
  /** Longest time such a frame is held back, in ms. Default 10,000. */
  readonly staleMs: number;
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
  /** Frames delivered a second time, long after. */
  stale: number;
  /** Frames that waited on a clogged way. */
  clogged: number;
  /** Lost in the middle of a connection that was reset. */
  reset: number;
  snapshots: number;
  /** Transfers that ended without success after they had begun. */
  snapshotsBroken: number;
}

const noFaults: NetworkFaults = {
  minLatencyMs: 0,
  maxLatencyMs: 0,
  meanExtraMs: 0,
  tail: 0,
  loss: 0,
  duplicate: 0,
  reconnect: 0,
  stale: 0,
  staleMs: 10_000,
};

/** Changes some faults and checks all. @throws CoterieError ERR_INVALID_ARGUMENT */
export function changeFaults(change: Partial<NetworkFaults>, from: NetworkFaults = noFaults): NetworkFaults {
  const next = { ...from, ...change };
  for (const name of ['loss', 'duplicate', 'reconnect', 'tail', 'stale'] as const) {
    if (!(next[name] >= 0 && next[name] <= 1)) refuse(name, `${name} must lie in [0, 1]`);
  }
  for (const name of ['minLatencyMs', 'meanExtraMs', 'staleMs'] as const) {
    if (!(next[name] >= 0 && Number.isFinite(next[name]))) refuse(name, `${name} must not be negative`);
  }
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
    stale: 0,
    clogged: 0,
    reset: 0,
    snapshots: 0,
    snapshotsBroken: 0,
  };
}

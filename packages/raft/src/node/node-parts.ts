import type { NodeId } from '../core/messages.js';
import type { CoreConfig, Random } from '../core/ready.js';
import type { Trace } from '../core/trace.js';
import type { Clock, TurnScheduler, WallClock } from '../ports/clock.js';
import type { CommandFilter } from '../ports/command-filter.js';
import type { LoadedLog, LogStorage } from '../ports/log-storage.js';
import type { Observer } from '../ports/observer.js';
import type { SnapshotStore } from '../ports/snapshot-store.js';
import type { StateMachine } from '../ports/state-machine.js';
import type { Transport } from '../ports/transport.js';
import type { NodeOptions } from './options.js';

/** Everything a `RaftNode` stands on. All of it comes in through small interfaces; nothing else is read. */
export interface NodeParts {
  readonly id: NodeId;
  readonly options: NodeOptions;
  /** Overrides of the core's own defaults. */
  readonly core?: Partial<CoreConfig>;
  readonly loaded: LoadedLog;
  readonly storage: LogStorage;
  readonly machine: StateMachine;
  /** Snapshots of `machine`; one object may be both. */
  readonly snapshots: SnapshotStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly wall: WallClock;
  readonly turns: TurnScheduler;
  readonly random: Random;
  readonly observer: Observer;
  /** Told what happens in the core: see `CoreInit.trace`. */
  readonly trace?: Trace;
  /**
   * Whether log or state machine do not keep up: no command is taken then, own or forwarded. Default: they always do.
   */
  readonly overloaded?: () => boolean;
  /** Knows commands that are sent again while this member leads. Default: a leader takes every copy. */
  readonly filter?: CommandFilter;
}

import type { HistoryLimits, MvccLimits } from '@coterie/mvcc';
import type { CoreConfig, NodeOptions, Observer, Transport } from '@coterie/raft';
import type { PeerStorage } from '../data-dir/storage.js';
import type { Logger } from '../options.js';
import type { IntegrityOptions } from '../integrity/integrity.js';
import type { SystemPorts } from './replica.js';

/** Everything a `PeerEngine` stands on. */
export interface PeerEngineParts {
  readonly name: string;
  readonly clusterId: string;
  /** The address that others dial; empty for a solo peer. */
  readonly url: string;
  /** The static list; a solo peer's has one name. */
  readonly peers: Readonly<Record<string, string>>;
  readonly ports: SystemPorts;
  readonly storage: PeerStorage;
  /** Between links. Left out: a peer that has no others. */
  readonly transport?: Transport;
  readonly options: NodeOptions;
  /** Limits of the core that differ from its defaults. */
  readonly core?: Partial<CoreConfig>;
  readonly limits: Partial<MvccLimits>;
  readonly history: HistoryLimits;
  /** Default: {@link defaultScrubOptions}, and hashes every 1,024 entries. */
  readonly integrity?: IntegrityOptions;
  /** The highest feature level that this build takes part in. */
  readonly featureLevel: number;
  readonly requestTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly logger: Logger;
  /** Told what the raft node tells, for tests and observation. Must not throw. */
  readonly observer?: Observer;
}

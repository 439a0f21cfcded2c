import type { PeerStatus } from 'coterie';

/** What a service process is started with, as JSON in its first argument. */
export interface ServiceOptions {
  readonly name: string;
  readonly dataDir: string;
  /** One loopback port for both: requests of people, and the peers among themselves on {@link peerPath}. */
  readonly port: number;
  readonly cluster: string;
  /** Name and WebSocket address of every peer, this one included. */
  readonly peers: Readonly<Record<string, string>>;
}

/** The path of the HTTP server that belongs to the peers. */
export const peerPath = '/coterie';

/** What `GET /status` answers. The figures behind `index` are there once the peer is a member. */
export interface ServiceStatus extends PeerStatus {
  readonly pid: number;
  /** Chain over everything applied up to `index`: equal on all members at equal index. */
  readonly stateHash?: { readonly index: number; readonly revision: number; readonly chain: number };
  /** Syncs of the write-ahead log since this process opened it. */
  readonly walSyncs?: number;
}

/** What a refused request answers. */
export interface ServiceFault {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly outcome?: 'not-applied' | 'unknown' | 'applied';
}

/** Sent to a service: it stays when the demo ends. */
export const keepMessage = 'keep';

/** Sent by a service when it listens. */
export const listeningMessage = 'listening';

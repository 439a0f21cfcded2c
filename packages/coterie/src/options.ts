import { CoterieError } from '@coterie/errors';
import type { Logger } from '@coterie/mvcc';
import type { Clock, Transport } from '@coterie/raft';
import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

export type { Logger };

interface ClusterBase {
  /** The cluster's name: peers of another one are refused. */
  id: string;
  secret?: string | undefined;
  /** Allows addresses beyond loopback without a secret or TLS. */
  insecure?: boolean | undefined;
}

/** How a peer finds its cluster: a static list, any member, DNS, or alone. */
export type ClusterOptions = ClusterBase &
  (
    | { peers: Readonly<Record<string, string>>; join?: undefined; dns?: undefined; solo?: undefined }
    | { join: readonly string[]; peers?: undefined; dns?: undefined; solo?: undefined }
    | { dns: string; peers?: undefined; join?: undefined; solo?: undefined }
    | { solo: true; peers?: undefined; join?: undefined; dns?: undefined }
  );

/** An own port, or a path of the application's server. */
export type ListenOptions =
  | {
      port: number;
      host?: string | undefined;
      tls?: SecureContextOptions | undefined;
      server?: undefined;
      path?: undefined;
    }
  | { server: HttpServer | HttpsServer; path: string; port?: undefined; host?: undefined; tls?: undefined };

/** What {@link openPeer} takes. An option that is `undefined` is as if left out. */
export interface PeerOptions {
  /** Unique and stable in the cluster. */
  name: string;
  /** Left out: everything is in memory, and a restart is a wiped disk. */
  dataDir?: string | undefined;
  listen?: ListenOptions | undefined;
  /** Instead of `listen`. */
  transport?: Transport | undefined;
  /** The address that the others dial. Default: the entry of this name in the static list. */
  advertise?: string | undefined;
  cluster: ClusterOptions;
  /** Default: a tenth of electionTimeoutMs. */
  heartbeatMs?: number | undefined;
  /** Default 1000. */
  electionTimeoutMs?: number | undefined;
  /**
   * Takes part in lease reads: reads with `consistency: 'lease'` are then served by the leader's lease where one
   * stands, without a round trip. Default false. Trusts in clocks that run at about the same rate and do not stand
   * still while others go on (suspend, a paused virtual machine): see the README. Before it is turned off, or the
   * election timeout is made shorter, the peer must have been down for the old election timeout.
   */
  leaseReads?: boolean | undefined;
  /** By how much, in percent, the clocks of two peers may differ in rate while `leaseReads` is on. Default 10. */
  leaseDriftPercent?: number | undefined;
  /** How much this peer is preferred as leader when it is healthy and caught up. Default 0, up to 100. */
  leaderPriority?: number | undefined;
  /** Default for every read and write. Default 10,000. */
  requestTimeoutMs?: number | undefined;
  /** `close()` resolves within this time, always. Default 5,000. */
  closeTimeoutMs?: number | undefined;
  logger?: Logger | undefined;
  clock?: Clock | undefined;
  limits?: Readonly<Record<string, number | undefined>> | undefined;
  autopilot?: Readonly<Record<string, unknown>> | undefined;
}

/** Typed by the interfaces, so that an option which is added there is not refused here. */
const known: {
  readonly options: Readonly<Record<keyof PeerOptions, true>>;
  readonly cluster: Readonly<Record<keyof ClusterOptions, true>>;
  readonly listen: Readonly<Record<keyof ListenOptions, true>>;
} = {
  options: {
    ...{ name: true, dataDir: true, listen: true, transport: true, advertise: true, cluster: true, clock: true },
    ...{ heartbeatMs: true, electionTimeoutMs: true, requestTimeoutMs: true, closeTimeoutMs: true, logger: true },
    ...{ leaseReads: true, leaseDriftPercent: true, leaderPriority: true, limits: true, autopilot: true },
  },
  cluster: { id: true, secret: true, insecure: true, peers: true, join: true, dns: true, solo: true },
  listen: { port: true, host: true, tls: true, server: true, path: true },
};

/** Names of peers and clusters: they stand in messages, files and logs. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Members of a static list; more would slow every commit and serve no safety (etcd advises 7 at the most). */
const peersMax = 9;

/**
 * Checks everything before anything is opened, written or bound.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT that names the option
 */
export function checkPeerOptions(options: PeerOptions): void {
  if (!isObject(options)) throw invalid('options', 'must be an object');
  checkNames('', options, known.options);
  checkName('name', options.name);
  checkOptionalString('dataDir', options.dataDir);
  checkOptionalString('advertise', options.advertise);
  checkAdvertise(options);
  checkMethods('clock', options.clock, ['now', 'setInterval', 'clearInterval']);
  checkMethods('logger', options.logger, ['debug', 'info', 'warn', 'error']);
  for (const name of ['heartbeatMs', 'electionTimeoutMs', 'requestTimeoutMs', 'closeTimeoutMs'] as const) {
    const value: unknown = options[name];
    if (
      value !== undefined &&
      (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > 2 ** 31 - 1)
    ) {
      throw invalid(name, `must be a whole number of ms from 1 to ${2 ** 31 - 1}`);
    }
  }
  if (options.leaseReads !== undefined && typeof options.leaseReads !== 'boolean') {
    throw invalid('leaseReads', 'must be a boolean');
  }
  checkLimits(options.limits);
  checkCluster(options);
  checkListen(options);
}

/** A misspelt option must not be an option that is off. */
function checkNames(prefix: string, given: object, names: object): void {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(names, name)) throw invalid(`${prefix}${name}`, 'is no option');
  }
}

function checkAdvertise(options: PeerOptions): void {
  if (options.advertise !== undefined && !isUrl(options.advertise, options.transport !== undefined)) {
    throw invalid('advertise', 'must be an address that others can dial');
  }
}

function checkMethods(argument: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  for (const name of names) {
    const method: unknown =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (typeof method !== 'function') throw invalid(`${argument}.${name}`, 'must be a function');
  }
}

function checkLimits(limits: unknown): void {
  if (limits === undefined) return;
  if (!isObject(limits)) throw invalid('limits', 'must be an object of numbers');
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)) {
      throw invalid(`limits.${name}`, 'must be a positive whole number');
    }
  }
}

function checkCluster(options: PeerOptions): void {
  const cluster: unknown = options.cluster;
  if (!isObject(cluster)) throw invalid('cluster', 'must be an object');
  checkNames('cluster.', cluster, known.cluster);
  checkName('cluster.id', cluster['id']);
  const ways = ['peers', 'join', 'dns', 'solo'].filter((way) => cluster[way] !== undefined);
  if (ways.length !== 1) throw invalid('cluster', 'takes exactly one of peers, join, dns and solo');
  if (ways[0] === 'join' || ways[0] === 'dns') {
    throw invalid(`cluster.${ways[0]}`, 'is not part of this version: list the peers in cluster.peers');
  }
  if (cluster['secret'] !== undefined) throw invalid('cluster.secret', 'is not part of this version');
  if (ways[0] === 'solo') {
    if (cluster['solo'] !== true) throw invalid('cluster.solo', 'must be true or left out');
    return;
  }
  checkPeers(options.name, cluster['peers'], options.transport !== undefined);
}

function checkPeers(name: string, peers: unknown, anyScheme: boolean): void {
  if (!isObject(peers)) throw invalid('cluster.peers', 'must be an object of names and addresses');
  const entries = Object.entries(peers);
  if (entries.length === 0 || entries.length > peersMax)
    throw invalid('cluster.peers', `must list 1 to ${peersMax} peers`);
  const seen = new Map<string, string>();
  for (const [peer, url] of entries) {
    checkName(`cluster.peers.${peer}`, peer);
    if (typeof url !== 'string') throw invalid(`cluster.peers.${peer}`, 'must be an address');
    if (!isUrl(url, anyScheme))
      throw invalid(`cluster.peers.${peer}`, `is no ${anyScheme ? '' : 'ws:// or wss:// '}address: ${url}`);
    const other = seen.get(url);
    if (other !== undefined) throw invalid(`cluster.peers.${peer}`, `has the same address as '${other}'`);
    seen.set(url, peer);
  }
  if (!Object.hasOwn(peers, name))
    throw invalid('name', `'${name}' is not in cluster.peers (${entries.map(([peer]) => peer).join(', ')})`);
}

function checkListen(options: PeerOptions): void {
  const solo = options.cluster.solo === true;
  if (options.transport !== undefined) {
    if (options.listen !== undefined) throw invalid('listen', 'and transport exclude each other');
    if (!isObject(options.transport) || typeof (options.transport as Partial<Transport>).start !== 'function') {
      throw invalid('transport', 'must be a Transport');
    }
    return;
  }
  if (options.listen === undefined) {
    if (!solo) throw invalid('listen', 'is required, or a transport, unless cluster.solo is set');
    return;
  }
  const listen: unknown = options.listen;
  if (!isObject(listen)) throw invalid('listen', 'must be an object');
  checkNames('listen.', listen, known.listen);
  if (listen['server'] !== undefined) {
    if (typeof listen['path'] !== 'string' || !listen['path'].startsWith('/'))
      throw invalid('listen.path', "must begin with '/'");
    return;
  }
  const port = listen['port'];
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw invalid('listen.port', 'must be a whole number from 0 to 65535');
  }
  if (listen['host'] !== undefined && typeof listen['host'] !== 'string')
    throw invalid('listen.host', 'must be a string');
  if (listen['tls'] !== undefined) throw invalid('listen.tls', 'is not part of this version');
}

function isUrl(text: string, anyScheme: boolean): boolean {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return false;
  }
  return anyScheme || url.protocol === 'ws:' || url.protocol === 'wss:';
}

function checkName(argument: string, value: unknown): void {
  if (typeof value !== 'string' || !namePattern.test(value)) {
    throw invalid(argument, 'must be 1 to 128 letters, digits, dots, dashes or underscores');
  }
}

function checkOptionalString(argument: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === ''))
    throw invalid(argument, 'must be a non-empty string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(argument: string, reason: string): CoterieError {
  return new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument} ${reason}`, argument });
}

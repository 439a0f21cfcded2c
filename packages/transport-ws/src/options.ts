import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer, ServerOptions as TlsServerOptions } from 'node:https';
import type { ConnectionOptions as TlsClientOptions } from 'node:tls';
import { CoterieError } from '@coterie/errors';
import type { Random, TransportPeer } from '@coterie/raft';
import { isLoopback } from './address.js';

/** Where a transport says what happens to its links; shaped as pino's. Never given secrets or payload. */
export interface Logger {
  debug(obj: object, msg?: string): void;
  info(obj: object, msg?: string): void;
  warn(obj: object, msg?: string): void;
  error(obj: object, msg?: string): void;
}

/** A port of its own. */
export interface ListenOnPort {
  /** 0 lets the system choose; `WsTransport.address` tells which. */
  readonly port: number;
  /** Default `127.0.0.1`. Anything beyond loopback needs `insecure`. */
  readonly host?: string | undefined;
  /** Path of the upgrade. Default `/`. */
  readonly path?: string | undefined;
  /** Serves `wss:` with this certificate and key. */
  readonly tls?: TlsServerOptions | undefined;
}

/**
 * The application's own server: upgrades on `path` come here alone, all others go to the application's listeners alone.
 */
export interface AttachToServer {
  readonly server: HttpServer | HttpsServer;
  readonly path: string;
}

/** Every bound of a transport. Times in ms, sizes in bytes. */
export interface WsTransportLimits {
  /** Longest frame sent or taken; one raft message must fit. The same on every member. Default 16 MiB. */
  readonly maxFrameBytes: number;
  /** Unsent bytes on one link above which messages to that peer are dropped. Default 16 MiB. */
  readonly highWaterBytes: number;
  /** Connections on a port of our own, whoever has made them. Default 1,024. */
  readonly maxConnections: number;
  /** Connections that have not yet said who they are. Default 64. */
  readonly maxPendingConnections: number;
  /** Time a new connection has for its hello. Default 5,000. */
  readonly helloTimeoutMs: number;
  /** Time a dial has, name lookup and hello included. Default 2,000. */
  readonly connectTimeoutMs: number;
  /** First upper bound of the random wait before a dial is tried again; it doubles each time. Default 50. */
  readonly backoffBaseMs: number;
  /** Largest upper bound of that wait. Default 1,000. */
  readonly backoffCapMs: number;
  /** How often each end of a connection asks the other for a sign of life. Default 1,000. */
  readonly pingIntervalMs: number;
  /** Signs of life that may be missing in a row before a connection counts as dead. Default 3. */
  readonly missedPings: number;
  /** Time `close` gives the other side to take what is under way. Default 500. */
  readonly closeGraceMs: number;
  /** Bytes of one piece of a snapshot. Default 256 KiB. */
  readonly snapshotChunkBytes: number;
  /** Bytes of a snapshot sent and not yet written by the receiver. Default 1 MiB. */
  readonly snapshotWindowBytes: number;
  /** Longest silence in a snapshot transfer. A receiver that is busy with its disk is not silent. Default 30,000. */
  readonly snapshotStallMs: number;
  /** Connections tried for one transfer, as long as each gets further than the one before. Default 5. */
  readonly snapshotAttempts: number;
}

/** What a `WsTransport` is made from; only `listen` is required. */
export interface WsTransportOptions {
  readonly listen: ListenOnPort | AttachToServer;
  /** For dialling `wss:` peers: certificates, as for `tls.connect`. */
  readonly tls?: TlsClientOptions | undefined;
  /** Serves and dials beyond loopback although nobody proves who he is. Default false. */
  readonly insecure?: boolean | undefined;
  /** Opaque to this transport; the other side's `admit` sees it. At most 256 bytes. Default empty. */
  readonly incarnation?: Uint8Array | undefined;
  /** A last word on a peer whose hello is otherwise in order. Default: everyone listed. A throw is a no. */
  readonly admit?: ((peer: TransportPeer, incarnation: Uint8Array) => boolean) | undefined;
  /** Spreads reconnects. Default `Math.random`. */
  readonly random?: Random | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
  readonly limits?: { readonly [K in keyof WsTransportLimits]?: WsTransportLimits[K] | undefined } | undefined;
}

/** Options with every default filled in. */
export interface CompleteOptions {
  readonly listen: ListenOnPort | AttachToServer;
  readonly tls: TlsClientOptions;
  readonly insecure: boolean;
  readonly incarnation: Uint8Array;
  readonly admit: (peer: TransportPeer, incarnation: Uint8Array) => boolean;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: WsTransportLimits;
}

export const maxIncarnationBytes = 256;

const defaultLimits: WsTransportLimits = {
  maxFrameBytes: 16 << 20,
  highWaterBytes: 16 << 20,
  maxConnections: 1_024,
  maxPendingConnections: 64,
  helloTimeoutMs: 5_000,
  connectTimeoutMs: 2_000,
  backoffBaseMs: 50,
  backoffCapMs: 1_000,
  pingIntervalMs: 1_000,
  missedPings: 3,
  closeGraceMs: 500,
  snapshotChunkBytes: 256 << 10,
  snapshotWindowBytes: 1 << 20,
  snapshotStallMs: 30_000,
  snapshotAttempts: 5,
};

const silent = (): void => undefined;
const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** @throws CoterieError ERR_INVALID_ARGUMENT that names the option */
export function completeOptions(options: WsTransportOptions): CompleteOptions {
  const insecure = options.insecure ?? false;
  const incarnation = options.incarnation ?? new Uint8Array();
  if (incarnation.length > maxIncarnationBytes) {
    invalid('incarnation', `incarnation has ${incarnation.length} bytes, more than ${maxIncarnationBytes}`);
  }
  checkListen(options.listen, insecure);
  return {
    listen: options.listen,
    tls: options.tls ?? {},
    insecure,
    incarnation: new Uint8Array(incarnation),
    admit: options.admit ?? (() => true),
    random: options.random ?? { nextInt: (n) => Math.floor(Math.random() * n) },
    logger: options.logger ?? silentLogger,
    limits: completeLimits(options.limits ?? {}),
  };
}

function completeLimits(given: NonNullable<WsTransportOptions['limits']>): WsTransportLimits {
  const limits = { ...defaultLimits };
  for (const name of Object.keys(defaultLimits) as (keyof WsTransportLimits)[]) {
    const value = given[name] ?? defaultLimits[name];
    if (!Number.isSafeInteger(value) || value < 1 || value > 0x7fff_ffff) {
      invalid(`limits.${name}`, `limits.${name} must be a whole number in [1, 2147483647], got ${String(value)}`);
    }
    limits[name] = value;
  }
  if (limits.snapshotWindowBytes < limits.snapshotChunkBytes) {
    invalid('limits.snapshotWindowBytes', 'limits.snapshotWindowBytes must hold at least one snapshotChunkBytes');
  }
  if (limits.maxFrameBytes < limits.snapshotChunkBytes + 1024) {
    invalid('limits.maxFrameBytes', 'limits.maxFrameBytes must hold a snapshot chunk and 1 KiB more');
  }
  return limits;
}

function checkListen(listen: ListenOnPort | AttachToServer | undefined, insecure: boolean): void {
  if (typeof listen !== 'object' || listen === null) invalid('listen', 'listen must be { port } or { server, path }');
  if ('server' in listen) {
    if (typeof listen.server?.on !== 'function')
      invalid('listen.server', 'listen.server must be an http.Server or https.Server');
    checkPath(listen.path);
    return;
  }
  const { port, host = '127.0.0.1', path = '/' } = listen;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    invalid('listen.port', `listen.port must be a whole number in [0, 65535], got ${String(port)}`);
  }
  if (typeof host !== 'string' || host === '') invalid('listen.host', 'listen.host must be a host name or an address');
  if (!insecure && !isLoopback(host)) {
    invalid(
      'listen.host',
      `listen.host ${host} is beyond loopback and nobody proves who he is: set insecure to allow it`,
    );
  }
  checkPath(path);
}

function checkPath(path: unknown): void {
  if (typeof path !== 'string' || !path.startsWith('/') || /[?#\s]/.test(path)) {
    invalid('listen.path', `listen.path must begin with / and hold no query, got ${String(path)}`);
  }
}

function invalid(argument: string, message: string): never {
  throw new CoterieError('ERR_INVALID_ARGUMENT', { message, argument });
}

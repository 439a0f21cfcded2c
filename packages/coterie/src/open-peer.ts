import { CoterieError } from '@coterie/errors';
import { guardedLogger, newestFeatureLevel } from '@coterie/mvcc';
import { SystemClock, systemRandom, systemTurns, systemWall, type Transport } from '@coterie/raft';
import { WsTransport } from '@coterie/transport-ws';
import { diskStorage } from './data-dir/disk-storage.js';
import { memoryStorage } from './data-dir/memory-storage.js';
import { PeerEngine } from './engine/peer-engine.js';
import { sortLimits } from './engine/peer-limits.js';
import { checkPeerOptions, type Logger, type PeerOptions } from './options.js';
import { PeerHandle } from './peer-handle.js';
import type { Peer } from './peer.js';

/**
 * Opens a peer of a cluster in this process.
 *
 * Resolves when its data is open and it listens; it does not wait for others. Calls made before there is a leader wait
 * for one.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT before anything is touched; ERR_DATA_DIR_MISMATCH, ERR_DATA_DIR_IN_USE and
 *   ERR_LISTEN before anything is written; ERR_CORRUPT and ERR_STORAGE
 */
export async function openPeer(options: PeerOptions): Promise<Peer> {
  const open = await openPeerEngine(options);
  const closeTimeoutMs = options.closeTimeoutMs ?? 5000;
  return new PeerHandle({
    name: options.name,
    engine: open.engine,
    limits: open.limits,
    closeTimeoutMs,
    initial: open.engine.status,
    onHandlerError: (error) => {
      open.logger.error({ error: String(error) }, 'an onClose handler failed');
    },
    keepAlive: (on) => {
      open.keepAlive(on);
    },
  });
}

/** What stands behind a peer, without its handle: for handles in other threads, and for tests of the boundary. */
export interface OpenEngine {
  readonly engine: PeerEngine;
  readonly limits: ReturnType<typeof sortLimits>['kv'];
  /** The application's, or one that says nothing; never throws. */
  readonly logger: Logger;
  keepAlive(on: boolean): void;
}

/** As {@link openPeer}, up to the engine. */
export async function openPeerEngine(options: PeerOptions): Promise<OpenEngine> {
  checkPeerOptions(options);
  const { name, cluster } = options;
  const limits = sortLimits(options.limits, options);
  const peers = cluster.peers ?? { [name]: '' };
  const ownClock = new SystemClock();
  const logger = guardedLogger(options.logger);
  const transport = cluster.solo === true ? undefined : (options.transport ?? wsTransport(options, logger));
  const engine = new PeerEngine({
    name,
    clusterId: cluster.id,
    url: options.advertise ?? peers[name]!,
    peers: { ...peers },
    ports: { clock: options.clock ?? ownClock, turns: systemTurns, wall: systemWall, random: systemRandom },
    storage: options.dataDir === undefined ? memoryStorage() : diskStorage(options.dataDir, limits.checkpointBytes),
    ...(transport === undefined ? {} : { transport }),
    options: limits.node,
    limits: limits.kv,
    history: limits.history,
    integrity: { scrub: limits.scrub },
    featureLevel: newestFeatureLevel,
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 5000,
    logger,
  });
  await engine.start();
  const keepAlive = (on: boolean): void => {
    const held = transport instanceof WsTransport ? [ownClock, transport] : [ownClock];
    for (const each of held) {
      if (on) each.ref();
      else each.unref();
    }
  };
  return { engine, limits: limits.kv, logger, keepAlive };
}

function wsTransport(options: PeerOptions, logger: Logger): Transport {
  const { listen } = options;
  if (listen === undefined) {
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message: 'listen is required', argument: 'listen' });
  }
  return new WsTransport({
    listen:
      listen.server === undefined
        ? { port: listen.port, host: listen.host }
        : { server: listen.server, path: listen.path },
    insecure: options.cluster.insecure === true,
    logger,
    random: systemRandom,
  });
}

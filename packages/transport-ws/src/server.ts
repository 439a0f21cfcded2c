import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CoterieError } from '@coterie/errors';
import { WebSocketServer, type RawData, type ServerOptions, type WebSocket } from 'ws';
import { isLoopback } from './address.js';
import type { OpenSocket } from './connection.js';
import { closeCodes, decodeHello, encodeWelcome, judgeHello, maxHelloBytes, protocolVersion } from './hello.js';
import type { HelloJudge, Verdict } from './hello.js';
import { Lobby } from './lobby.js';
import type { CompleteOptions, ListenOnPort } from './options.js';
import { refuseUpgrade } from './refuse-upgrade.js';
import type { Sockets } from './sockets.js';
import { attachUpgradeGate, upgradePath } from './upgrade-gate.js';

export type Admitted = Extract<Verdict, { ok: true }>;

export interface ServerHost {
  readonly options: CompleteOptions;
  readonly sockets: Sockets;
  readonly judge: HelloJudge;
  /** A peer's connection after its hello and our welcome. */
  accepted(socket: OpenSocket, admitted: Admitted): void;
}

/** WebSocket framing may need this much more than the hello itself, its handshake not counted. */
const helloSlackBytes = 1 << 10;

/**
 * Takes connections on a port of its own or on a path of the application's server, and lets in those whose hello is in
 * order.
 */
export class PeerServer {
  readonly #host: ServerHost;
  readonly #lobby: Lobby;
  readonly #upgrades: WebSocketServer;
  #server: HttpServer | HttpsServer | undefined;
  #detach: (() => void) | undefined;

  constructor(host: ServerHost) {
    this.#host = host;
    const { limits } = host.options;
    this.#lobby = new Lobby(limits.maxPendingConnections, limits.helloTimeoutMs);
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxFrameBytes,
      closeTimeout: limits.closeGraceMs,
    };
    this.#upgrades = new WebSocketServer(options);
    this.#upgrades.on('error', (error) => host.options.logger.warn({ error: error.message }, 'upgrade failed'));
  }

  /** @throws CoterieError ERR_LISTEN */
  async start(): Promise<void> {
    const { listen } = this.#host.options;
    if ('server' in listen) {
      this.#server = listen.server;
      this.#detach = attachUpgradeGate(listen.server, listen.path, (...upgrade) => this.#upgrade(...upgrade));
      return;
    }
    const server = this.#createServer(listen);
    this.#server = server;
    const { port, host = '127.0.0.1' } = listen;
    await new Promise<void>((resolve, reject) => {
      const refused = (cause: Error): void => {
        reject(
          new CoterieError('ERR_LISTEN', { message: `cannot listen on ${host}:${port}: ${cause.message}`, cause }),
        );
      };
      server.once('error', refused);
      server.listen({ port, host }, () => {
        server.off('error', refused);
        resolve();
      });
    });
  }

  /** Where peers can dial, once it listens. */
  get address(): string | undefined {
    const bound = this.#server?.address();
    if (bound === undefined || bound === null || typeof bound === 'string') return undefined;
    const { listen } = this.#host.options;
    const secure = 'server' in listen ? 'setSecureContext' in listen.server : listen.tls !== undefined;
    const path = 'server' in listen ? listen.path : (listen.path ?? '/');
    return `${secure ? 'wss' : 'ws'}://${hostOf(bound)}:${bound.port}${path === '/' ? '' : path}`;
  }

  ref(): void {
    if (this.#detach === undefined) this.#server?.ref();
  }

  unref(): void {
    if (this.#detach === undefined) this.#server?.unref();
  }

  /** Takes nobody in any more. An application's own server stays as it is. */
  async close(): Promise<void> {
    this.#upgrades.close();
    if (this.#detach !== undefined) {
      this.#detach();
      return;
    }
    const server = this.#server;
    if (server === undefined || !server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  #createServer(listen: ListenOnPort): HttpServer | HttpsServer {
    const { helloTimeoutMs, maxConnections } = this.#host.options.limits;
    const bounds = { headersTimeout: helloTimeoutMs, requestTimeout: helloTimeoutMs, maxHeaderSize: 8 << 10 };
    const server =
      listen.tls === undefined
        ? createServer(bounds)
        : createTlsServer({ handshakeTimeout: helloTimeoutMs, ...listen.tls, ...bounds });
    server.on('request', (_request, response) => {
      response
        .writeHead(426, { 'content-type': 'text/plain', connection: 'close' })
        .end('a WebSocket upgrade is expected here');
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (upgradePath(request) === (listen.path ?? '/')) this.#upgrade(request, socket, head);
      else refuseUpgrade(socket, 404, 'nothing to upgrade to here');
    });
    server.maxConnections = maxConnections;
    server.on('connection', (socket: Socket) => this.#host.sockets.track(socket));
    // With TLS, what waits in the lobby is the socket after its handshake; the time before is bounded by
    // handshakeTimeout.
    server.on(listen.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      if (!this.#lobby.enter(socket)) socket.destroy();
    });
    // For the life of the server: an 'error' nobody hears would end the process.
    server.on('error', (error: Error) => this.#host.options.logger.error({ error: error.message }, 'server error'));
    return server;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const tcp = request.socket;
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#host.options.logger.warn({ remote: tcp.remoteAddress, reason: refusal }, 'upgrade refused');
      refuseUpgrade(socket, 403, refusal);
      return;
    }
    if (!this.#lobby.enter(tcp)) {
      refuseUpgrade(socket, 503, 'too many connections wait here');
      return;
    }
    this.#host.sockets.track(tcp);
    this.#upgrades.handleUpgrade(request, socket, head, (ws) => this.#awaitHello(ws, tcp));
  }

  #refusal(request: IncomingMessage): string | undefined {
    // Any page in a browser on this machine can open sockets to loopback; only a browser sends Origin, and none of ours
    // runs in one.
    if (request.headers.origin !== undefined) return 'browsers are not served';
    const remote = request.socket.remoteAddress ?? '';
    // An application's server may be bound to the world although nobody here proves who he is.
    if (!this.#host.options.insecure && !isLoopback(remote)) return 'only loopback is served';
    return undefined;
  }

  #awaitHello(ws: WebSocket, socket: Socket): void {
    let received = 0;
    const count = (chunk: Buffer): void => {
      received += chunk.length;
      // maxPayload is that of raft frames; before the hello nobody is owed so much memory.
      if (received > maxHelloBytes + helloSlackBytes) ws.terminate();
    };
    socket.on('data', count);
    ws.on('error', (error) => this.#host.options.logger.debug({ error: error.message }, 'connection fault'));
    ws.once('message', (data: RawData, isBinary: boolean) => {
      socket.off('data', count);
      const verdict = this.#judge(data, isBinary);
      if (!verdict.ok) {
        // The lobby's timer still runs: whoever does not take the close is cut off.
        this.#host.options.logger.warn({ remote: socket.remoteAddress, reason: verdict.reason }, 'connection refused');
        ws.close(verdict.code, verdict.reason);
        return;
      }
      this.#lobby.leave(socket);
      ws.send(this.#welcome());
      this.#host.accepted({ ws, socket }, verdict);
    });
  }

  #judge(data: RawData, isBinary: boolean): Verdict {
    try {
      if (isBinary && Buffer.isBuffer(data)) return judgeHello(decodeHello(data), this.#host.judge);
    } catch (error) {
      this.#host.options.logger.debug({ error: String(error) }, 'malformed hello');
    }
    return { ok: false, code: closeCodes.malformed, reason: 'not a hello of this protocol' };
  }

  #welcome(): Uint8Array {
    const { judge, options } = this.#host;
    const from = { id: judge.self.id, name: judge.self.name };
    return encodeWelcome({ version: protocolVersion, from, incarnation: options.incarnation, proof: new Uint8Array() });
  }
}

function hostOf({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost';
  return family === 'IPv6' ? `[${address}]` : address;
}

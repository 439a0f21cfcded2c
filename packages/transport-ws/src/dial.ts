import { isIP, connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsClientOptions } from 'node:tls';
import type { TransportPeer, UnreachableReason } from '@coterie/raft';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { decodeWelcome, encodeHello, judgeWelcome, protocolVersion, type HelloJudge, type Lane } from './hello.js';
import type { OpenSocket } from './connection.js';
import type { Sockets } from './sockets.js';

export interface DialHost {
  readonly judge: HelloJudge;
  readonly tls: TlsClientOptions;
  readonly incarnation: Uint8Array;
  readonly sockets: Sockets;
  readonly maxFrameBytes: number;
  readonly connectTimeoutMs: number;
  readonly closeGraceMs: number;
}

/** Why a dial came to nothing. */
export class DialError extends Error {
  override readonly name = 'DialError';
  readonly reason: UnreachableReason;

  constructor(message: string, reason: UnreachableReason) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Masks nothing. RFC 6455 §5.3 masks what clients send so that a page cannot make a browser write chosen bytes through
 * a proxy that mistakes them for HTTP; no page chooses the framing here, and a zero mask saves a copy and a pass over
 * every payload byte.
 */
const noMask = (mask: Buffer): void => void mask.fill(0);

/**
 * Connects, says who calls and waits for the answer, all within `connectTimeoutMs`.
 *
 * The listener must not speak after its welcome until it is spoken to: between the welcome and the caller's first
 * listener nothing is heard. Both lanes keep to that.
 *
 * @throws DialError
 */
export function dial(host: DialHost, peer: TransportPeer, lane: Lane, signal: AbortSignal): Promise<OpenSocket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new DialError('given up', 'unreachable'));
      return;
    }
    const socket = openSocket(host, peer);
    const ws = new WebSocket(peer.address, clientOptions(host, socket));
    let failure: DialError | undefined;
    const fail = (message: string, reason: UnreachableReason = 'unreachable'): void => {
      failure ??= new DialError(message, reason);
      ws.terminate();
    };
    const timer = setTimeout(() => fail(`no answer within ${host.connectTimeoutMs} ms`), host.connectTimeoutMs).unref();
    const give = (): void => fail('given up');
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', give);
      ws.off('message', answer);
      ws.off('close', closed);
    };
    const answer = (data: RawData): void => {
      const refusal = judgeAnswer(data, peer, host.judge);
      if (refusal !== undefined) {
        fail(refusal);
        return;
      }
      settle();
      resolve({ ws, socket });
    };
    const closed = (code: number, reason: Buffer): void => {
      settle();
      const said = reason.length > 0 ? `refused: ${code} ${reason.toString()}` : `closed: ${code}`;
      reject(failure ?? new DialError(said, 'unreachable'));
    };
    signal.addEventListener('abort', give, { once: true });
    ws.on('message', answer);
    ws.on('close', closed);
    // Stays for the life of the socket: an 'error' nobody hears would end the process.
    ws.on('error', (error) => (failure ??= new DialError(error.message || String(error), dialReason(error))));
    ws.once('open', () => ws.send(hello(host, peer, lane)));
  });
}

function judgeAnswer(data: RawData, peer: TransportPeer, judge: HelloJudge): string | undefined {
  try {
    if (!Buffer.isBuffer(data)) return 'an answer in pieces';
    return judgeWelcome(decodeWelcome(data), peer, (known, incarnation) => judge.admit(known, incarnation));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function hello(host: DialHost, peer: TransportPeer, lane: Lane): Uint8Array {
  return encodeHello({
    version: protocolVersion,
    lane,
    clusterId: host.judge.clusterId,
    from: host.judge.self,
    to: { id: peer.id, name: peer.name },
    incarnation: host.incarnation,
    proof: new Uint8Array(),
  });
}

/** Only the kernel's word that the port is closed counts as refused: a driver takes it as the death of the process. */
function dialReason(error: Error): UnreachableReason {
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'unreachable';
}

function openSocket({ tls, sockets }: DialHost, peer: TransportPeer): Socket {
  const url = new URL(peer.address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'wss:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const servername = isIP(host) === 0 ? host : '';
  const socket = secure
    ? connectTls({ servername, ...tls, host, port, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port });
  sockets.track(socket);
  return socket;
}

function clientOptions(host: DialHost, socket: Socket): ClientOptions & { closeTimeout: number } {
  return {
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: host.maxFrameBytes,
    generateMask: noMask,
    closeTimeout: host.closeGraceMs,
    createConnection: () => socket,
  };
}

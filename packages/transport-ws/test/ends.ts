import type {
  Message,
  SnapshotMeta,
  SnapshotSink,
  TransportHandler,
  TransportPeer,
  UnreachableReason,
} from '@coterie/raft';
import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import { encodeHello, protocolVersion, type Hello } from '../src/hello.js';
import type { Logger, WsTransportOptions } from '../src/options.js';
import { WsTransport } from '../src/ws-transport.js';

type Closable = { close(): Promise<unknown> };
const opened: Closable[] = [];

/** Closes everything that the test opened, newest first. */
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

export function closeAfterwards<T extends Closable>(thing: T): T {
  opened.push(thing);
  return thing;
}

/** What a transport logged, as text, to find a cause in. */
export class Journal implements Logger {
  readonly lines: string[] = [];
  debug = (obj: object, msg?: string): void => this.#write('debug', obj, msg);
  info = (obj: object, msg?: string): void => this.#write('info', obj, msg);
  warn = (obj: object, msg?: string): void => this.#write('warn', obj, msg);
  error = (obj: object, msg?: string): void => this.#write('error', obj, msg);

  #write(level: string, obj: object, msg = ''): void {
    this.lines.push(`${level} ${msg} ${JSON.stringify(obj)}`);
  }
}

export class End {
  readonly id: number;
  readonly name: string;
  readonly transport: WsTransport;
  readonly journal = new Journal();
  readonly beats: number[] = [];
  readonly batches: number[] = [];
  readonly bytes: Uint8Array[] = [];
  readonly unreachable: (readonly [number, UnreachableReason | undefined])[] = [];
  onBeat: ((context: number) => void) | undefined;
  takeSnapshot: ((meta: SnapshotMeta, signal: AbortSignal) => Promise<SnapshotSink>) | undefined;

  constructor(id: number, options: Partial<WsTransportOptions> = {}) {
    this.id = id;
    this.name = `n${id}`;
    this.transport = new WsTransport({ listen: { port: 0 }, logger: this.journal, ...options });
  }

  get handler(): TransportHandler {
    return {
      self: { id: this.id, name: this.name, address: '' },
      clusterId: 'c',
      onMessages: (_from, messages) => {
        this.batches.push(messages.length);
        for (const message of messages) {
          if (message.type !== 'heartbeat') continue;
          this.beats.push(message.context);
          this.onBeat?.(message.context);
        }
      },
      onBytes: (_from, bytes) => void this.bytes.push(new Uint8Array(bytes)),
      onSnapshot: (_from, meta, { signal }) => this.takeSnapshot?.(meta, signal) ?? Promise.reject(new Error('none')),
      onUnreachable: (id, reason) => void this.unreachable.push([id, reason]),
    };
  }

  get peer(): TransportPeer {
    return { id: this.id, name: this.name, address: this.transport.address ?? '' };
  }

  get port(): number {
    return Number(new URL(this.transport.address ?? '').port);
  }

  async start(): Promise<this> {
    await this.transport.start(this.handler);
    return this;
  }

  state(of: End): string | undefined {
    return this.transport.status().find(({ id }) => id === of.id)?.state;
  }

  beat(to: End, context: number): void {
    this.transport.send(to.id, [beat(this.id, to.id, context)]);
  }
}

export function beat(from: number, to: number, context: number): Message {
  return { type: 'heartbeat', group: 0, from, to, term: 1, commit: 0, context };
}

/** Quick links, so that tests of faults take milliseconds. */
export const quick = {
  pingIntervalMs: 50,
  missedPings: 3,
  backoffBaseMs: 5,
  backoffCapMs: 50,
  closeGraceMs: 200,
} as const;

export async function open(id: number, options: Partial<WsTransportOptions> = {}): Promise<End> {
  const end = new End(id, options);
  closeAfterwards(end.transport);
  return end.start();
}

/** Two ends, connected both ways. */
export async function openPair(options: Partial<WsTransportOptions> = {}): Promise<readonly [End, End]> {
  const [a, b] = [await open(1, options), await open(2, options)];
  a.transport.setPeers([b.peer]);
  b.transport.setPeers([a.peer]);
  await until('both connect', () => a.state(b) === 'connected' && b.state(a) === 'connected');
  return [a, b];
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > 15_000) throw new Error(`waited in vain: ${what}`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** A socket under the test's control that knocks at a transport's door. */
export class Caller {
  readonly ws: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly messages: Buffer[] = [];

  constructor(address: string, headers: Record<string, string> = {}) {
    this.ws = new WebSocket(address, { headers, perMessageDeflate: false });
    this.ws.on('error', () => undefined);
    this.ws.on('message', (data: Buffer) => this.messages.push(data));
    this.closed = new Promise((resolve) => {
      this.ws.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    closeAfterwards({ close: async () => this.ws.terminate() });
  }

  async open(): Promise<this> {
    await until('the caller is through', () => this.ws.readyState === this.ws.OPEN);
    return this;
  }

  /** Opens, says hello and waits for the welcome. */
  async enter(from: { id: number; name: string }, to: End, lane: Hello['lane'] = 'raft'): Promise<this> {
    await this.open();
    this.ws.send(hello(from, to, { lane }));
    await until('the welcome', () => this.messages.length === 1);
    this.messages.length = 0;
    return this;
  }
}

export function hello(from: { id: number; name: string }, to: End, change: Partial<Hello> = {}): Uint8Array {
  const none = new Uint8Array();
  return encodeHello({
    version: protocolVersion,
    lane: 'raft',
    clusterId: 'c',
    from: { id: from.id, name: from.name },
    to: { id: to.id, name: to.name },
    incarnation: none,
    proof: none,
    ...change,
  });
}

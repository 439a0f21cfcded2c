import http from 'node:http';
import type { ServiceFault, ServiceStatus } from './service-contract.js';

/** How a put ended, as far as the other side of an HTTP connection can know. */
export type PutAnswer =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly code: string; readonly applied: 'no' | 'unknown'; readonly retryable: boolean };

/** An entry as the services write it. */
export interface EntryJson {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
}

/** One line of a watch. */
export interface BatchJson {
  readonly kind: string;
  readonly revision: number;
  readonly events: readonly { readonly type: 'put' | 'delete'; readonly entry: EntryJson }[];
}

/** Longer than the peer's own limit of ten seconds: then its answer, which knows more, comes first. */
const requestMsMax = 15_000;

/** A connection that was refused carried nothing. After any other fault the request may have arrived. */
const neverSent = new Set(['ECONNREFUSED']);

/** Talks to one service over kept-alive connections. */
export class ServiceClient {
  readonly name: string;
  readonly #port: number;
  readonly #puts: http.Agent;
  /** Questions do not queue up behind puts: what they ask for is measured. */
  readonly #questions = new http.Agent({ keepAlive: true });

  constructor(name: string, port: number, connectionsMax: number) {
    this.name = name;
    this.#port = port;
    this.#puts = new http.Agent({ keepAlive: true, maxSockets: connectionsMax });
  }

  /** Where people reach the service. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Never rejects: a fault is an answer, because what to do about it depends on what is known of the write. */
  async put(key: string, value: string): Promise<PutAnswer> {
    try {
      const { status, body } = await this.#request('PUT', keyPath(key), value);
      if (status === 200) return { ok: true, revision: (JSON.parse(body) as { revision: number }).revision };
      const fault = JSON.parse(body) as ServiceFault;
      const applied = fault.outcome === 'not-applied' ? 'no' : 'unknown';
      return { ok: false, code: fault.code, applied, retryable: fault.retryable };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      return { ok: false, code, applied: neverSent.has(code) ? 'no' : 'unknown', retryable: true };
    }
  }

  /** Undefined where nobody answers. */
  async status(): Promise<ServiceStatus | undefined> {
    try {
      const { status, body } = await this.#request('GET', '/status');
      return status === 200 ? (JSON.parse(body) as ServiceStatus) : undefined;
    } catch {
      return undefined;
    }
  }

  /** A linearizable read of all keys below a prefix. */
  async range(prefix: string): Promise<readonly EntryJson[]> {
    const { status, body } = await this.#request('GET', `/range?prefix=${encodeURIComponent(prefix)}`);
    if (status !== 200) throw new Error(`${this.name} answers a range with ${status}: ${body.trim()}`);
    return (JSON.parse(body) as { entries: EntryJson[] }).entries;
  }

  /** Streams batches until the signal fires (then it ends) or the connection breaks (then it throws). */
  async *watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncGenerator<BatchJson> {
    const path = `/watch?prefix=${encodeURIComponent(prefix)}&fromRevision=${fromRevision}`;
    let rest = '';
    try {
      const response = await this.#open(path, signal);
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as BatchJson;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  close(): void {
    this.#puts.destroy();
    this.#questions.destroy();
  }

  /** A connection of its own: a stream without end must not take one of those that puts share. */
  #open(path: string, signal: AbortSignal): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port: this.#port, path, agent: false, signal }, (response) => {
        if (response.statusCode === 200) resolve(response);
        else reject(new Error(`${this.name} answers a watch with ${response.statusCode ?? 0}`));
      });
      request.on('error', reject);
    });
  }

  #request(method: string, path: string, body?: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const agent = body === undefined ? this.#questions : this.#puts;
      const options = { host: '127.0.0.1', port: this.#port, method, path, headers, agent };
      const request = http.request({ ...options, timeout: requestMsMax }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${requestMsMax} ms`)));
      request.on('error', reject);
      request.end(body);
    });
  }
}

/** Slashes of a key stay slashes, so that an address reads as the key does. */
export function keyPath(key: string): string {
  return `/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
}

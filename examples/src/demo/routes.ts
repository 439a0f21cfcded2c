import { CoterieError, type Peer } from 'coterie';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServiceFault, ServiceStatus } from './service-contract.js';

/** A value beyond this is refused while it is still being read. The peer has its own limit as well. */
const bodyBytesMax = 1 << 20;

/** Answers one request; whatever goes wrong is an answer too. */
export async function answer(peer: Peer, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    await route(peer, req, res);
  } catch (error) {
    // A stream that has begun cannot change its status any more: cutting it tells the reader that it is not complete.
    if (res.headersSent) res.destroy();
    else sendFault(res, error);
  }
}

async function route(peer: Peer, req: IncomingMessage, res: ServerResponse): Promise<void> {
  // Not `new URL`: it would fold '/./' and '/../', which may stand in a key.
  const [path = '/', query = ''] = (req.url ?? '/').split('?', 2);
  const params = new URLSearchParams(query);
  if (path.startsWith('/kv/')) await keyRoute(peer, decodeURIComponent(path.slice('/kv/'.length)), req, res);
  else if (path === '/range' && req.method === 'GET') await range(peer, params, res);
  else if (path === '/watch' && req.method === 'GET') await watch(peer, params, res);
  else if (path === '/status' && req.method === 'GET') send(res, 200, await status(peer));
  else if (path === '/transfer' && req.method === 'POST') {
    await peer.transferLeadership({ to: params.get('to') ?? undefined });
    send(res, 200, { leader: peer.status().leader });
  } else send(res, 404, { code: 'NOT_FOUND', message: `${req.method ?? ''} ${path}` });
}

async function keyRoute(peer: Peer, key: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'PUT') {
    const { revision } = await peer.put(key, await readBody(req));
    send(res, 200, { revision });
  } else if (req.method === 'GET') {
    const entry = await peer.get(key);
    if (entry === undefined) send(res, 404, { code: 'NOT_FOUND', message: key });
    else send(res, 200, entry);
  } else if (req.method === 'DELETE') {
    const { revision, deleted } = await peer.delete(key);
    send(res, 200, { revision, deleted });
  } else send(res, 405, { code: 'METHOD_NOT_ALLOWED', message: req.method ?? '' });
}

async function range(peer: Peer, params: URLSearchParams, res: ServerResponse): Promise<void> {
  const prefix = params.get('prefix') ?? '';
  const limit = numberOf(params, 'limit');
  send(res, 200, await peer.range(prefix === '' ? { all: true } : { prefix }, { limit }));
}

/** One line of JSON a revision, for as long as the reader stays. A slow reader holds the watch back, not the memory. */
async function watch(peer: Peer, params: URLSearchParams, res: ServerResponse): Promise<void> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  const prefix = params.get('prefix') ?? '';
  const fromRevision = numberOf(params, 'fromRevision');
  const batches = peer.watch(prefix === '' ? { all: true } : { prefix }, { fromRevision, signal: gone.signal });
  await batches.ready;
  res.writeHead(200, { 'content-type': 'application/x-ndjson' });
  res.flushHeaders();
  for await (const batch of batches) {
    if (res.write(`${JSON.stringify(batch)}\n`) || gone.signal.aborted) continue;
    await once(res, 'drain', { signal: gone.signal }).catch((error: unknown) => {
      if (!gone.signal.aborted) throw error;
    });
  }
  res.end();
}

async function status(peer: Peer): Promise<ServiceStatus> {
  const shown = { ...peer.status(), pid: process.pid };
  // Before the first entry is applied there is no state to hash, and the call would wait for it.
  if (shown.appliedIndex === 0) return shown;
  const { stateHash, walSyncs } = await peer.diagnostics();
  return { ...shown, stateHash, walSyncs };
}

function numberOf(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name);
  return text === null ? undefined : Number(text);
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      const message = `the body has more than ${bodyBytesMax} bytes`;
      throw new CoterieError('ERR_TOO_LARGE', { message, limit: bodyBytesMax, outcome: 'not-applied' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(res: ServerResponse, code: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  res.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}

function sendFault(res: ServerResponse, error: unknown): void {
  if (!(error instanceof CoterieError)) {
    const badUrl = error instanceof URIError;
    send(res, badUrl ? 400 : 500, { code: badUrl ? 'BAD_URL' : 'FAULT', message: String(error), retryable: false });
    return;
  }
  const { code, message, retryable, outcome } = error;
  const fault: ServiceFault = { code, message, retryable, ...(outcome === undefined ? {} : { outcome }) };
  const statusCode =
    code === 'ERR_INVALID_ARGUMENT' ? 400 : code === 'ERR_TOO_LARGE' ? 413 : outcome === 'unknown' ? 504 : 503;
  send(res, retryable || statusCode !== 503 ? statusCode : 500, fault);
}

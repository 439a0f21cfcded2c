import { CoterieError } from '@coterie/errors';
import type { EngineStream, IterateRequest, KvEngine } from '../engine/engine.js';
import type { RawEntry } from '../command/operation.js';
import { throwIfAborted } from './call-control.js';
import type { Entry } from './entry.js';
import type { Endable, KvLifecycle } from './lifecycle.js';
import type { Pacer } from './pacing.js';
import type { ViewCodec } from './view-codec.js';

/** What an iteration needs of its store. */
export interface IterateContext {
  readonly engine: KvEngine;
  readonly lifecycle: KvLifecycle;
  readonly pacer: Pacer;
  readonly codec: ViewCodec;
}

/**
 * Entries page by page, decoded one by one as they are asked for.
 *
 * Unlike a watch it does not end normally when it is stopped from outside: an end means that the last key was reached.
 *
 * @param request made when the iteration was asked for; a fault in it is thrown by the first `next`
 */
export async function* iterateEntries(
  { engine, lifecycle, pacer, codec }: IterateContext,
  request: () => IterateRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<Entry<unknown, unknown>, undefined> {
  const checked = request();
  throwIfAborted(signal);
  lifecycle.assertOpen();
  const stream = engine.iterate(checked);
  const stop = () => stream.close();
  const ending: Endable = { storeClosed: stop };
  lifecycle.enter(ending);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const page = await nextPage(stream, lifecycle, signal);
      if (page === undefined) return undefined;
      for (const raw of page) {
        const pause = pacer.pause();
        if (pause !== undefined) await pause;
        throwIfAborted(signal);
        yield codec.entry(raw);
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    lifecycle.leave(ending);
    stream.close();
  }
}

async function nextPage(
  stream: EngineStream<RawEntry>,
  lifecycle: KvLifecycle,
  signal: AbortSignal | undefined,
): Promise<readonly RawEntry[] | undefined> {
  const page = await stream.next();
  if (page !== undefined) return page;
  throwIfAborted(signal);
  if (lifecycle.closed) throw new CoterieError('ERR_CLOSED', { message: 'the store was closed before the last key' });
  return undefined;
}

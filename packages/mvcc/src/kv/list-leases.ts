import type { CallControl, KvEngine } from '../engine/engine.js';
import { throwIfAborted } from './call-control.js';
import type { LeaseInfo } from './lease.js';
import type { Pacer } from './pacing.js';
import { CoterieError } from '@coterie/errors';

/** All leases of a store; there is a limit to them. A stream has no deadline of its own, so this keeps the call's. */
export async function listLeases(
  engine: KvEngine,
  pacer: Pacer,
  { signal, timeoutMs }: CallControl,
): Promise<readonly LeaseInfo[]> {
  const stream = engine.leases(null);
  const late = new AbortController();
  const end = (): void => stream.close();
  if (timeoutMs !== undefined && timeoutMs > 0) {
    void pacer.sleep(timeoutMs, late.signal).then(() => {
      if (late.signal.aborted) return;
      late.abort();
      end();
    });
  }
  signal?.addEventListener('abort', end, { once: true });
  const leases: LeaseInfo[] = [];
  try {
    for (;;) {
      const page = await stream.next();
      throwIfAborted(signal);
      if (late.signal.aborted) throw new CoterieError('ERR_TIMEOUT', { message: `no answer within ${timeoutMs} ms` });
      if (page === undefined) return leases;
      leases.push(...(await pacer.map(page, ({ id, ttlMs, remainingMs }) => ({ id, ttlMs, remainingMs }))));
    }
  } finally {
    late.abort();
    signal?.removeEventListener('abort', end);
    stream.close();
  }
}

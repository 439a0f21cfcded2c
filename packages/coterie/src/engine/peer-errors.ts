import { CoterieError, type Outcome } from '@coterie/errors';
import type { TransportPeer } from '@coterie/raft';
import { DamagedStore } from './replica.js';

/** Whatever went wrong inside, as what a caller may see. */
export function asCoterieError(error: unknown, what: string): CoterieError {
  if (error instanceof CoterieError) return error;
  if (error instanceof DamagedStore) return error.cause;
  const text = error instanceof Error ? error.message : String(error);
  return new CoterieError('ERR_STORAGE', { message: `${what}: ${text}`, cause: error });
}

/** The reason why a peer stopped, as the error of one call. */
export function againAs(error: CoterieError, outcome: Outcome | undefined): CoterieError {
  const { code, message, retryable, ...fields } = error;
  const again = outcome === 'unknown' ? {} : { retryable };
  const known = outcome === undefined ? {} : { outcome };
  return new CoterieError(code, { ...fields, message, cause: error, ...again, ...known });
}

/** A call that waited for this peer to become a member, and was never begun. */
export function notBegun(error: unknown, outcome: 'not-applied'): unknown {
  if (!(error instanceof CoterieError)) return error;
  const { code, message } = error;
  return new CoterieError(code === 'ERR_TIMEOUT' ? 'ERR_NO_LEADER' : code, { message, outcome, cause: error });
}

export function noLeaderError(others: readonly TransportPeer[], timeoutMs: number, cause: CoterieError): CoterieError {
  const list = others.map((link) => `${link.name} (${link.address})`).join(', ');
  const message = `no leader within ${timeoutMs} ms; the other peers are ${list === '' ? 'none' : list}`;
  return new CoterieError('ERR_NO_LEADER', { message, cause });
}

export function removedError(): CoterieError {
  return new CoterieError('ERR_REMOVED', { message: 'this member has been removed from the cluster' });
}

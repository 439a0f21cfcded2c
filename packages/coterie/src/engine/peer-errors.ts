import { CoterieError } from '@coterie/errors';
import type { TransportPeer } from '@coterie/raft';

/** Whatever went wrong inside, as what a caller may see. */
export function asCoterieError(error: unknown, what: string): CoterieError {
  if (error instanceof CoterieError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new CoterieError('ERR_STORAGE', { message: `${what}: ${text}`, cause: error });
}

export function noLeaderError(others: readonly TransportPeer[], timeoutMs: number, cause: CoterieError): CoterieError {
  const list = others.map((link) => `${link.name} (${link.address})`).join(', ');
  const message = `no leader within ${timeoutMs} ms; the other peers are ${list === '' ? 'none' : list}`;
  return new CoterieError('ERR_NO_LEADER', { message, cause });
}

export function removedError(): CoterieError {
  return new CoterieError('ERR_REMOVED', { message: 'this member has been removed from the cluster' });
}

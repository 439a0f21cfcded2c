import { isIP } from 'node:net';
import { CoterieError } from '@coterie/errors';

/** Whether a host name or address stays on this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3). */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  const mapped = bare.startsWith('::ffff:') ? bare.slice(7) : bare;
  if (isIP(mapped) === 4) return mapped.startsWith('127.');
  return bare === '::1' || bare === '0:0:0:0:0:0:0:1';
}

/**
 * Checks a peer's address: `ws://host:port/path` or `wss://…`, on loopback unless `insecure`.
 *
 * @param argument named by the error
 * @throws CoterieError ERR_INVALID_ARGUMENT
 */
export function parsePeerAddress(address: string, insecure = false, argument = 'address'): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch (cause) {
    throw new CoterieError('ERR_INVALID_ARGUMENT', {
      message: `${argument}: ${address} is not a URL`,
      argument,
      cause,
    });
  }
  const refuse = (why: string): never => {
    throw new CoterieError('ERR_INVALID_ARGUMENT', { message: `${argument}: ${address} ${why}`, argument });
  };
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') refuse('is neither ws: nor wss:');
  if (url.hostname === '') refuse('has no host');
  if (url.username !== '' || url.password !== '' || url.hash !== '') refuse('must hold no user, password or fragment');
  if (!insecure && !isLoopback(url.hostname))
    refuse('is beyond loopback and nobody proves who he is: set insecure to allow it');
  return url;
}

import { CoterieError } from '@coterie/errors';
import { crc32c } from '../files/crc32c.js';

/**
 * What says whose a data directory is. It stands in the file `IDENTITY` as one line of JSON and one line with its
 * CRC-32C, so that a torn or flipped file is told from an empty directory.
 */
export function encodeIdentityFile(identity: object): Uint8Array {
  const json = JSON.stringify(identity);
  return Buffer.from(`${json}\n${checksum(json)}\n`, 'utf8');
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeIdentityFile(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const [json = '', sum = ''] = Buffer.from(bytes).toString('utf8').split('\n');
  if (checksum(json) !== sum) {
    throw new CoterieError('ERR_CORRUPT', { message: 'the identity file of the data directory fails its checksum' });
  }
  const identity = JSON.parse(json) as Readonly<Record<string, unknown>>;
  if (identity['format'] === 1) return identity;
  throw new CoterieError('ERR_CORRUPT', {
    message: `the identity file has the unknown format ${String(identity['format'])}`,
  });
}

function checksum(json: string): string {
  return crc32c(Buffer.from(json, 'utf8')).toString(16).padStart(8, '0');
}

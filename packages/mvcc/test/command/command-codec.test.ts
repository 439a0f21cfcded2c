import { CoterieError } from '@coterie/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nonceLength } from '../../src/command/command.js';
import { decodeCommand, decodeSequencedHead } from '../../src/command/decode.js';
import {
  encodeEndSession,
  encodeExpireLeases,
  encodeOpenSession,
  encodeSkip,
  encodeTouch,
  encodeWrite,
  readdress,
} from '../../src/command/encode.js';
import { aLeaseRequest, aRequest as aPlainRequest, aSetting } from './request-arbitrary.js';

const aRequest = fc.oneof(aPlainRequest, aLeaseRequest);
const aLease = fc.record({ id: fc.maxSafeNat(), generation: fc.maxSafeNat() });

const aNumber = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const aSequence = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const aNonce = fc
  .uint8Array({ minLength: nonceLength, maxLength: nonceLength })
  .map((bytes) => String.fromCharCode(...bytes));

const aCommand = fc.oneof(
  fc.tuple(aNumber, aSequence, aNumber, fc.oneof(aRequest, aSetting)).map((of) => encodeWrite(...of)),
  fc.tuple(aNumber, aSequence, aNumber).map((of) => encodeSkip(...of)),
  fc.tuple(aNumber, aNumber).map((of) => encodeTouch(...of)),
  aNumber.map(encodeEndSession),
  fc.array(aLease, { maxLength: 5 }).map(encodeExpireLeases),
  aNonce.map(encodeOpenSession),
);

/** Decoding either gives a command or says ERR_CORRUPT. */
function decodes(bytes: Uint8Array): boolean {
  try {
    decodeCommand(bytes);
    return true;
  } catch (error) {
    if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') return false;
    throw error;
  }
}

describe('commands as bytes', () => {
  test('a write comes back as it was', () => {
    fc.assert(
      fc.property(
        aNumber,
        aSequence,
        aNumber,
        fc.oneof(aRequest, aSetting),
        (session, sequence, ackedBelow, request) => {
          const decoded = decodeCommand(encodeWrite(session, sequence, ackedBelow, request));
          expect(decoded).toEqual({ kind: 'write', session, sequence, ackedBelow, request });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('so do the others', () => {
    fc.assert(
      fc.property(aNumber, aSequence, aNumber, aNonce, (session, sequence, ackedBelow, nonce) => {
        expect(decodeCommand(encodeSkip(session, sequence, ackedBelow))).toEqual({
          kind: 'skip',
          session,
          sequence,
          ackedBelow,
        });
        expect(decodeCommand(encodeTouch(session, ackedBelow))).toEqual({ kind: 'touch', session, ackedBelow });
        expect(decodeCommand(encodeEndSession(session))).toEqual({ kind: 'endSession', session });
        expect(decodeCommand(encodeOpenSession(nonce))).toEqual({ kind: 'openSession', nonce });
      }),
    );
  });

  test('numbers of every size survive, as do the longest keys and values', () => {
    for (const number of [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 48 - 1, Number.MAX_SAFE_INTEGER]) {
      const request = { kind: 'put', key: 'k', value: new Uint8Array(0), prev: true, ifRevision: number } as const;
      expect(decodeCommand(encodeWrite(1, 1, 1, request))).toMatchObject({ request });
      const addition = { kind: 'add', key: 'k', delta: 0 - number, min: 0 - number, max: number } as const;
      expect(decodeCommand(encodeWrite(1, 1, 1, addition))).toMatchObject({ request: { min: addition.min } });
    }
    const large = {
      kind: 'put',
      key: 'k'.repeat(4096),
      value: new Uint8Array(1_000_000).fill(7),
      prev: false,
    } as const;
    const decoded = decodeCommand(encodeWrite(1, 1, 1, large));
    if (decoded.kind !== 'write' || decoded.request.kind !== 'put') throw new Error('not what was encoded');
    expect(decoded.request.key).toBe(large.key);
    expect(Buffer.compare(decoded.request.value, large.value)).toBe(0);
  });

  test('any bytes are a command or ERR_CORRUPT', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        decodes(bytes);
        decodeSequencedHead(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  test('damaged commands are a command or ERR_CORRUPT, shortened ones always ERR_CORRUPT', () => {
    fc.assert(
      fc.property(aCommand, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, at, flip) => {
        const damaged = new Uint8Array(command);
        damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ flip;
        decodes(damaged);
        expect(decodes(command.subarray(0, at % command.length))).toBe(false);
        expect(decodes(new Uint8Array([...command, 0]))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test('lengths that promise more than there is cost nothing', () => {
    const header = encodeSkip(1, 1, 1);
    const put = [...header.subarray(0, 1), 2, ...header.subarray(2), 1, 0];
    expect(decodes(new Uint8Array([...put, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))).toBe(false);
    // A txn of 128 txns of 128 txns …: each count is believable, the bytes are not there.
    expect(decodes(new Uint8Array([...put.slice(0, -2), ...new Array<number>(200).fill(6)]))).toBe(false);
  });

  test('transactions nested too deeply are refused, not followed', () => {
    const header = [...encodeSkip(1, 1, 1)];
    header[1] = 2;
    const nested = Array.from({ length: 1_000 }, () => [6, 0, 1]).flat();
    expect(decodes(new Uint8Array([...header, ...nested]))).toBe(false);
  });

  test('a command is addressed again in place', () => {
    fc.assert(
      fc.property(aRequest, aNumber, aSequence, aNumber, (request, session, sequence, ackedBelow) => {
        const command = encodeWrite(0, 1, 1, request);
        readdress(command, session, sequence, ackedBelow);
        expect(decodeCommand(command)).toEqual({ kind: 'write', session, sequence, ackedBelow, request });
      }),
    );
  });

  test('of a write that cannot be read, the place in its session can', () => {
    const command = new Uint8Array(encodeWrite(9, 8, 7, { kind: 'compact', revision: 5 }));
    command[20] = 99;
    expect(decodes(command)).toBe(false);
    expect(decodeSequencedHead(command)).toEqual({ session: 9, sequence: 8, ackedBelow: 7 });
    expect(decodeSequencedHead(encodeTouch(1, 1))).toBeUndefined();
  });

  test('the encoding of a put is what it was when it was first written to a log', () => {
    const put = encodeWrite(258, 3, 2, { kind: 'put', key: 'k\xe9', value: Uint8Array.of(1, 2, 3), prev: true });
    expect(Buffer.from(put).toString('hex')).toBe(
      '0102' + '000000000102' + '000000000003' + '000000000002' + '0101026be903010203',
    );
  });
});

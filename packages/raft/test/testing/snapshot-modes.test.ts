import { describe, expect, it } from 'vitest';
import { MemoryNetwork, type Transport } from '../../src/index.js';
import { transportSuite, type TransportSuiteOptions } from '../../src/testing/index.js';
import { changed } from './broken.js';

type SendSnapshot = Transport['sendSnapshot'];
type Mode = TransportSuiteOptions['snapshots'];

/** What the port asks of a transport that carries no snapshots. */
const failsAtOnce: SendSnapshot = () => Promise.resolve('failed');

/** Reads the whole snapshot and sends it to nobody. */
const saysOk: SendSnapshot = async (_to, _meta, source, { signal }) => {
  for (let at = 0; at < source.size && !signal.aborted; at += 65_536) await source.read(at, 65_536);
  return signal.aborted ? 'failed' : 'ok';
};

const ignoresAbort: SendSnapshot = () => Promise.resolve('ok');
const rejects: SendSnapshot = () => Promise.reject(new Error('no snapshots here'));

/** Runs what the suite has on snapshots. @returns the names of the tests by what came of them */
async function outcomes(sendSnapshot: SendSnapshot | undefined, snapshots: Mode) {
  const network = new MemoryNetwork();
  const make = async (): Promise<Transport> => {
    const transport = network.transport();
    return sendSnapshot === undefined ? transport : changed(transport, { sendSnapshot });
  };
  const suite = transportSuite(make, () => undefined, { snapshots });
  const tests = suite.tests.filter(({ name }) => name.includes('snapshot'));
  expect(tests).toHaveLength(5);
  const settled = await Promise.allSettled(tests.map(({ run }) => run()));
  const failed = tests.filter((_, i) => settled[i]?.status === 'rejected').length;
  const skipped = suite.skipped.length;
  expect(suite.skipped.every(({ reason }) => reason === 'this transport carries no snapshots')).toBe(true);
  return { passed: tests.length - failed - skipped, failed, skipped };
}

describe('a suite of transports says what it makes of snapshots', () => {
  it.concurrent.each<[string, SendSnapshot | undefined, Mode, Awaited<ReturnType<typeof outcomes>>]>([
    ['moves them, nothing said', undefined, undefined, { passed: 5, failed: 0, skipped: 0 }],
    ['moves them, required', undefined, 'required', { passed: 5, failed: 0, skipped: 0 }],
    ['moves them, none', undefined, 'none', { passed: 0, failed: 1, skipped: 4 }],
    ['fails at once, nothing said', failsAtOnce, undefined, { passed: 0, failed: 0, skipped: 5 }],
    ['fails at once, required', failsAtOnce, 'required', { passed: 0, failed: 5, skipped: 0 }],
    ['fails at once, none', failsAtOnce, 'none', { passed: 1, failed: 0, skipped: 4 }],
    ['says ok to nobody, nothing said', saysOk, undefined, { passed: 0, failed: 0, skipped: 5 }],
    ['says ok to nobody, required', saysOk, 'required', { passed: 0, failed: 5, skipped: 0 }],
    ['says ok to nobody, none', saysOk, 'none', { passed: 0, failed: 1, skipped: 4 }],
    ['ignores an abort, nothing said', ignoresAbort, undefined, { passed: 0, failed: 1, skipped: 4 }],
    ['rejects, nothing said', rejects, undefined, { passed: 0, failed: 2, skipped: 3 }],
  ])('%s', async (_what, sendSnapshot, mode, expected) => {
    expect(await outcomes(sendSnapshot, mode)).toEqual(expected);
  });
});

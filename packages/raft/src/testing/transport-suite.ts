import type { Transport, TransportPeer } from '../ports/transport.js';
import { suiteOf, type Register, type Suite } from './suite.js';
import { TransportEnds } from './transport-ends.js';
import * as faults from './transport-faults.js';
import * as messages from './transport-messages.js';
import * as snapshots from './transport-snapshots.js';

/** What a {@link transportSuite} asks for beyond the common ground. */
export interface TransportSuiteOptions {
  /**
   * `required`: the transport moves snapshots, and everything that the port says of them is tried. `none`: it carries
   * none, and resolves `failed` at once, as the port says.
   *
   * `optional`, the default: what holds for `required` is tried as soon as the transport has offered the receiver a
   * snapshot. Of one that never does only this is asked: that a transfer ends, and as `failed` when it was aborted. Its
   * `ok` for a snapshot that nobody received is then not found; `required` and `none` both refuse it. A cluster on a
   * transport that carries none cannot bring back a member that lags behind the others' logs.
   */
  readonly snapshots?: snapshots.SnapshotMode | undefined;
}

type Body = (ends: TransportEnds, mode: snapshots.SnapshotMode) => Promise<void>;

const cases: readonly (readonly [string, Body])[] = [
  ['delivers every kind of message, both ways, unchanged', messages.deliversBothWays],
  ['names the sender by its link, not by what the message says', messages.saysWhoSent],
  ['keeps the order of what is sent on a connection', messages.keepsOrder],
  ['carries opaque bytes of every size, beside messages', messages.carriesBytes],
  ['carries large frames', messages.carriesLargeFrames],
  ['bounds what waits for a peer that does not read, and says so', messages.boundsWhatWaits],
  ['neither hears nor serves those who are not listed', messages.ignoresStrangers],
  ['obeys setPeers: removed is silent, added again is heard', messages.obeysSetPeers],
  ['send never throws: before start, to nobody, after close', faults.sendNeverThrows],
  ['reports a peer that cannot be reached', faults.reportsUnreachable],
  ['finds a peer that starts later', faults.findsLateStarters],
  ['survives strange bytes on its port', faults.survivesStrangeBytes],
  ['survives a port in use', faults.survivesTakenPort],
  ['closes for good: idempotent, and the address is free at once', faults.closesForGood],
  ['moves a snapshot to a sink that commits it', snapshots.movesSnapshots],
  ['goes on with a snapshot where the sink stands', snapshots.resumesSnapshots],
  ['reports a snapshot that failed, whoever broke it', snapshots.reportsBrokenSnapshots],
  ['ends a snapshot on abort, and lets messages pass meanwhile', snapshots.abortsSnapshots],
  ['ends a snapshot when it closes', snapshots.endsSnapshotsOnClose],
];

/**
 * The conformance suite for a {@link Transport}: what raft relies on, tried on the author's own.
 *
 * @param make makes a transport that has not started, for an end whose `address` is `ws://127.0.0.1:PORT` with a free
 *   port; a transport with another scheme takes the port only, one without sockets ignores it
 * @param register a runner's `test(name, run)`. Left out, the global `test` or `it` of the runner is used if there is
 *   one; otherwise nothing is registered and the caller runs `suite.tests`
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { MemoryNetwork } from '@coterie/raft';
 * import { transportSuite } from '@coterie/raft/testing';
 *
 * const network = new MemoryNetwork();
 * transportSuite(async () => network.transport(), (name, run) => void test(name, run));
 * ```
 */
export function transportSuite(
  make: (self: TransportPeer) => Promise<Transport>,
  register: Register | undefined = globalRegister(),
  options: TransportSuiteOptions = {},
): Suite {
  const run = async (body: Body): Promise<void> => {
    const ends = new TransportEnds(make);
    try {
      await body(ends, options.snapshots ?? 'optional');
    } finally {
      await ends.close();
    }
  };
  return suiteOf('transport', cases, run, register);
}

function globalRegister(): Register | undefined {
  const { test, it } = globalThis as { readonly test?: unknown; readonly it?: unknown };
  const found = typeof test === 'function' ? test : it;
  return typeof found === 'function' ? (found as Register) : undefined;
}

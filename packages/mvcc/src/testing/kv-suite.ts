import { closing } from './kv-suite/closing-suite.js';
import { encodings } from './kv-suite/encodings-suite.js';
import { badInput } from './kv-suite/input-suite.js';
import { leases } from './kv-suite/lease-suite.js';
import { reads } from './kv-suite/reads-suite.js';
import type { KvUnderTest, SuiteTests, TestContext } from './kv-suite/suite-test.js';
import { txns } from './kv-suite/txn-suite.js';
import { watches } from './kv-suite/watch-suite.js';
import { writes } from './kv-suite/writes-suite.js';

export type { KvUnderTest };

/** Tests to be run in order; each rejects when it fails. */
export interface Suite {
  readonly name: string;
  readonly tests: readonly { readonly name: string; run(): Promise<void> }[];
}

/** Adds a test to a test runner: `it` of vitest, `test` of `node:test`. */
export type Register = (name: string, run: () => Promise<void>) => void;

/**
 * What every `Kv` must do, for any store that says it has one.
 *
 * All but the closing tests share one store, each in a namespace of its own; the last one closes it. They must run in
 * order and, since some look at the store's revision, with nobody else writing to it.
 *
 * @param makeKv opens a fresh store; called for the shared one and for each test that closes its own
 * @param register told of each test, in order
 * @example
 * ```ts
 * import { test } from 'node:test';
 * import { createKv } from '@coterie/mvcc';
 * import { kvSuite, ModelEngine } from '@coterie/mvcc/testing';
 *
 * const open = async () => ({ kv: createKv(new ModelEngine()), close: async () => {} });
 * kvSuite('model', open, (name, run) => void test(name, run));
 * ```
 */
export function kvSuite(name: string, makeKv: () => Promise<KvUnderTest>, register?: Register): Suite {
  let shared: Promise<KvUnderTest> | undefined;
  const tests: { name: string; run(): Promise<void> }[] = [];
  const groups: SuiteTests[] = [writes, reads, txns, watches, leases, encodings, badInput, closing];
  for (const [title, body] of groups.flatMap((group) => Object.entries(group))) {
    const prefix = `suite/${tests.length}/`;
    const run = async (): Promise<void> => {
      const { kv: root } = await (shared ??= makeKv());
      const context: TestContext = { root, prefix, kv: root.namespace(prefix), open: makeKv };
      await body(context);
    };
    tests.push({ name: `${name}: ${title}`, run });
  }
  tests.push({
    name: `${name}: the shared store closes`,
    run: async () => {
      await (await shared)?.close();
    },
  });
  for (const test of tests) register?.(test.name, () => test.run());
  return { name, tests };
}

import { expect, it } from 'vitest';
import type { Suite } from '../../src/testing/index.js';

/** An implementation that breaks one promise, and the test of its suite that must find it. */
export interface Broken {
  readonly breaks: string;
  readonly test: string;
  suite(): Suite;
}

/** The same object, but for what is changed. */
export function changed<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(from, name) {
      if (name in changes) return Reflect.get(changes, name) as unknown;
      const value: unknown = Reflect.get(from, name, from);
      return typeof value === 'function' ? (value.bind(from) as unknown) : value;
    },
  });
}

function run(suite: Suite, name: string): Promise<void> {
  const test = suite.tests.find((each) => each.name === name);
  if (test === undefined) throw new Error(`the suite has no test '${name}'`);
  return test.run();
}

/** Each of them is rejected by its test, and the healthy one is not. */
export function rejects(table: readonly Broken[], healthy: () => Suite): void {
  it.concurrent.each(table)('$breaks: "$test" fails', async ({ test, suite }) => {
    await expect(run(suite(), test)).rejects.toThrow();
  });
  it.concurrent.each([...new Set(table.map(({ test }) => test))])('a healthy one passes "%s"', async (test) => {
    await expect(run(healthy(), test)).resolves.toBeUndefined();
  });
}

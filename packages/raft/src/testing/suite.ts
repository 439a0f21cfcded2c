/**
 * A set of tests that any runner can run, or a plain loop: each makes what it needs and throws when a claim does not
 * hold.
 */
export interface Suite {
  readonly name: string;
  readonly tests: readonly { readonly name: string; run(): Promise<void> }[];
  /**
   * Those of the tests that have run so far and could try nothing, since what they run on has not what they need. A
   * runner that gives its tests a context with `skip` (those of node:test and vitest do) shows them as skipped too.
   */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/** Takes the tests of a suite: a runner's `test(name, run)`. */
export type Register = (name: string, run: () => Promise<void>) => void;

/** Thrown by a test that cannot try its claim: it counts neither as passed nor as failed. */
export class Skipped extends Error {}

/** @throws Skipped unless what the test runs on has what it needs */
export function needs(holds: boolean, reason: string): void {
  if (!holds) throw new Skipped(reason);
}

/**
 * Makes a suite of cases.
 *
 * @param prefix what stands before the names under which the tests are registered
 */
export function suiteOf<Case>(
  name: string,
  cases: readonly (readonly [name: string, body: Case])[],
  run: (body: Case) => Promise<void>,
  register: Register | undefined,
  prefix = `${name}: `,
): Suite {
  const skipped: { readonly name: string; readonly reason: string }[] = [];
  const tests = cases.map(([title, body]) => ({
    name: title,
    // A function without named parameters: some runners take one with a parameter for one that wants a callback.
    run: async (...given: unknown[]): Promise<void> => {
      try {
        await run(body);
      } catch (error) {
        if (!(error instanceof Skipped)) throw error;
        skipped.push({ name: title, reason: error.message });
        tellRunner(given[0], error.message);
      }
    },
  }));
  for (const test of tests) register?.(prefix + test.name, test.run);
  return { name, tests, skipped };
}

/** Runners give a test its context, most of them; its `skip` may throw what only the runner understands. */
function tellRunner(context: unknown, reason: string): void {
  if ((typeof context !== 'object' && typeof context !== 'function') || context === null) return;
  const { skip } = context as { readonly skip?: unknown };
  if (typeof skip === 'function') skip.call(context, reason);
}

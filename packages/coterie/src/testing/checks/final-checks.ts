import { quotaFault } from './quota-checks.js';
import type { SimWorld } from '../sim-world.js';

/**
 * Every member holds what replaying all changes gives, whether it came there by its log or by snapshots: called when
 * logs are equal and next to nothing is written any more.
 *
 * @param settle waits for a condition, and reports when it does not come
 */
export async function checkFinalStates(
  world: SimWorld,
  settle: (what: string, condition: () => boolean) => Promise<boolean>,
): Promise<void> {
  const { recorder, alive } = world;
  const shown = (): boolean => {
    const revision = alive[0]?.engine.replica?.machine.revision ?? 0;
    return (
      recorder.log.next === revision + 1 &&
      alive.every((m) => m.engine.replica?.machine.revision === revision && recorder.shownBy(m) === revision)
    );
  };
  if (!(await settle('a watch everywhere that shows every change', shown))) return;
  for (const member of alive) {
    let found: { readonly revision: number; readonly texts: readonly string[] } | undefined;
    let failed: unknown;
    const range = { start: '' };
    member.engine
      .range({ range, consistency: 'serializable', limit: 0, reverse: false, keysOnly: false, countOnly: false }, {})
      .then(
        ({ revision, entries }) => {
          const texts = entries.map((e) => `${e.key}@${e.modRevision}=${Buffer.from(e.value).toString()}`);
          found = { revision, texts };
          const fault = quotaFault(member, revision, entries);
          if (fault !== undefined) world.report(fault);
        },
        (error: unknown) => (failed = error),
      );
    if (!(await settle(`a read of everything at ${member.name}`, () => found !== undefined || failed !== undefined)))
      return;
    // A write that nobody waits for any more may still come: each answer is held against the state it speaks of.
    const { revision, texts } = found ?? { revision: 0, texts: [] };
    if (!(await settle(`a watch that shows revision ${revision}`, () => recorder.log.next > revision))) return;
    const expected = [...recorder.log.keys]
      .sort()
      .map((key) => recorder.log.state(key, revision))
      .filter((state) => state !== undefined)
      .map((state) => `${state.key}@${state.revision}=${state.value}`);
    if (found !== undefined && texts.join() === expected.join()) continue;
    const wrong = expected.find((text, i) => text !== texts[i]) ?? texts[expected.length];
    const holds = failed === undefined ? `${texts.length} keys` : (failed as Error).message;
    world.report(
      `final state: ${member.name} holds ${holds}, replay gives ${expected.length}; first other: ${wrong?.slice(0, 60)}`,
    );
  }
}

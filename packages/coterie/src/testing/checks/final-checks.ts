import type { SimMember } from '../sim-member.js';
import type { SimWorld } from '../sim-world.js';

/**
 * Every member holds what replaying all changes gives, whether it came there by its log or by snapshots: called when
 * logs are equal and nothing is written any more.
 *
 * @param settle waits for a condition, and reports when it does not come
 */
export async function checkFinalStates(
  world: SimWorld,
  settle: (what: string, condition: () => boolean) => Promise<boolean>,
): Promise<void> {
  const { recorder, alive } = world;
  const last = alive[0]?.engine.replica?.machine.revision ?? 0;
  const behind = (): readonly SimMember[] => alive.filter((member) => recorder.shownBy(member) < last);
  if (last > 1 && !(await settle('a watch everywhere that shows every change', () => behind().length === 0))) return;
  if (recorder.log.next !== last + 1)
    world.report(`changes: ${recorder.log.next - 1} were seen, the state is at ${last}`);
  for (const member of alive) {
    let found: readonly string[] | undefined;
    let failed: unknown;
    const range = { start: '' };
    member.engine
      .range({ range, consistency: 'serializable', limit: 0, reverse: false, keysOnly: false, countOnly: false }, {})
      .then(
        ({ entries }) => (found = entries.map((e) => `${e.key}@${e.modRevision}=${Buffer.from(e.value).toString()}`)),
        (error: unknown) => (failed = error),
      );
    if (!(await settle(`a read of everything at ${member.name}`, () => found !== undefined || failed !== undefined)))
      return;
    const expected = [...recorder.log.keys]
      .sort()
      .map((key) => recorder.log.state(key, last))
      .filter((state) => state !== undefined)
      .map(({ key, revision, value }) => `${key}@${revision}=${value}`);
    if (found?.join() === expected.join()) continue;
    const wrong = expected.find((text, i) => text !== found?.[i]) ?? found?.[expected.length];
    world.report(
      `final state: ${member.name} holds ${found?.length ?? String(failed)} keys, replay gives ${expected.length}; ` +
        `first other: ${wrong?.slice(0, 60)}`,
    );
  }
}

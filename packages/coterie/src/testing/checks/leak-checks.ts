import type { ClientHistory } from '../clients/client-history.js';
import type { SimWorld } from '../sim-world.js';

/**
 * After everything else: no call is left without an answer, every member closes, and leaves neither a timer nor an open
 * file behind.
 *
 * @param settle waits for a condition, and reports when it does not come
 */
export async function checkLeaks(
  world: SimWorld,
  history: ClientHistory,
  settle: (what: string, condition: () => boolean) => Promise<boolean>,
): Promise<void> {
  const { alive } = world;
  const waiting = (): boolean => alive.some((member) => history.open(member) > 0);
  if (!(await settle('an answer to every call', () => !waiting()))) return;
  let closed = 0;
  for (const { name, engine } of alive) {
    engine.close().then(
      () => closed++,
      (error: unknown) => world.report(`leak: ${name} does not close: ${String(error)}`),
    );
  }
  if (!(await settle('every member closed', () => closed === alive.length))) return;
  for (const { name, process, machine } of alive) {
    if (process.timers > 0) world.report(`leak: ${name} is closed and ${process.timers} of its timers run`);
    if (machine.disk.openFiles > 0)
      world.report(`leak: ${name} is closed and has ${machine.disk.openFiles} files open`);
  }
}

import type { SimWorld } from '../sim-world.js';

/**
 * Every member has the same leases, whether it came to them by its log or by snapshots; and as nobody keeps any alive
 * any more, all of them end, with their keys.
 *
 * @param settle waits for a condition, and reports when it does not come
 */
export async function checkFinalLeases(
  world: SimWorld,
  settle: (what: string, condition: () => boolean) => Promise<boolean>,
): Promise<void> {
  if (world.parameters.leaseClients === 0) return;
  const { alive, leases } = world;
  const indices = (): readonly (number | undefined)[] => alive.map(({ engine }) => engine.replica?.node.appliedIndex);
  if (!(await settle('equal logs for their leases', () => new Set(indices()).size === 1))) return;
  const tables = alive.map(({ engine }) =>
    leases.known.flatMap((id) => {
      const lease = engine.replica?.machine.lease(id);
      return lease === undefined ? [] : [`${id}: ${lease.generation} ${lease.ttlMs} ${lease.keys.join()}`];
    }),
  );
  if (new Set(tables.map((table) => table.join('; '))).size !== 1)
    world.report(`lease: members have different ones: ${tables.map((table) => table.join('; ')).join(' / ')}`);
  const over = (): boolean =>
    alive.every(({ engine }) => leases.known.every((id) => engine.replica?.machine.lease(id) === undefined));
  if (!(await settle('an end of every lease', over))) return;
  await settle('an end of every key of a lease', () => leases.leasedKeys === 0);
}

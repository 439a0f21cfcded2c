import { prefixRange, type WriteRequest } from '@coterie/mvcc';
import { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';

/** Prefixes of what clients write; one lies within another. What shows that the cluster serves lies outside of them. */
const prefixes = ['key/', 'key/0', 'pair/', 'twin/'];
const patienceMs = 3000;

/** Sets quotas and takes them away again in some worlds, so low that they bite now and then. */
export function startQuotas(world: SimWorld, seed: number): void {
  const random = new SeededRandom(Math.imul(seed, 0x27d4eb2f) ^ 0x9071);
  world.counts.declare(['quota set', 'quota removed', 'refused by a quota']);
  const everyMs = random.pick([0, 0, 1000, 5000]);
  if (everyMs === 0) return;
  const act = (): void => {
    if (world.time.now >= world.parameters.simulatedMs) return;
    world.time.schedule(1 + random.nextInt(2 * everyMs), act);
    const { alive } = world;
    const prefix = random.pick(prefixes);
    const bytes = random.pick([0, 500, 2000, 5000]);
    const remove = random.chance(0.4);
    if (alive.length === 0) return;
    const request: WriteRequest = remove
      ? { kind: 'removeQuota', prefix }
      : { kind: 'setQuota', prefix, bytes, range: prefixRange(prefix) };
    random
      .pick(alive)
      .engine.write(request, { timeoutMs: patienceMs })
      .then(
        () => world.counts.add(remove ? 'quota removed' : 'quota set'),
        () => undefined,
      );
  };
  world.time.schedule(1 + random.nextInt(2 * everyMs), act);
}

import { SeededRandom } from '@coterie/raft/testing';
import type { SimWorld } from '../sim-world.js';
import type { ClientHistory } from './client-history.js';
import { SimClient } from './sim-clients.js';

/** How long a client waits for one answer before it looks elsewhere; the call goes on. */
const impatienceMs = 500;

/** Lets the clients of a run act until its faults stop, each with chances and a pace of its own. */
export function startClients(world: SimWorld, history: ClientHistory, seed: number): void {
  const { parameters, recorder } = world;
  for (let i = 0; i < parameters.clients; i++) {
    const client = new SimClient(`c${i}`, new SeededRandom(seed * 31 + i), {
      history,
      compactBelow: () => recorder.log.next - 1,
      report: (problem) => world.report(problem),
      refusedForSpace: (error) => {
        if ('limit' in error) world.counts.add('refused by a quota');
      },
    });
    keepActing(world, client, parameters.simulatedMs);
  }
}

function keepActing(world: SimWorld, client: SimClient, untilMs: number): void {
  const pace = Math.ceil(world.parameters.paceMs * (0.5 + world.random.next() / 2));
  const again = (): void => world.time.schedule(1 + world.random.nextInt(2 * pace), act);
  const act = (): void => {
    if (world.time.now >= untilMs) return;
    const { alive } = world;
    if (alive.length === 0) {
      again();
      return;
    }
    const member = world.random.pick(alive);
    let waiting = true;
    const next = (): void => {
      if (!waiting) return;
      waiting = false;
      again();
    };
    // A call at a process that dies is never settled: its client notices and turns to another one. Now and then it
    // does so while an answer is still to come.
    const look = (): void => {
      if (member.dead || world.random.chance(0.2)) next();
      else if (waiting) world.time.schedule(impatienceMs, look);
    };
    world.time.schedule(impatienceMs, look);
    client.act(member).then(next, (error: unknown) => world.report(`client: it saw ${String(error)}`));
  };
  again();
}

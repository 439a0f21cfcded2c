import type { DemoCluster, Member } from './demo-cluster.js';
import type { ServiceStatus } from './service-contract.js';

/** What became of the cluster when its leader was killed. */
export interface Outage {
  readonly killed: string;
  /** Who leads after it. */
  readonly successor: string;
  readonly term: number;
  /** From the SIGKILL until a survivor said that it leads, seen by polling every 20 ms. */
  readonly leaderlessMs: number;
}

/** The member that all three agree on as the leader, once all are ready. */
export async function settledLeader(cluster: DemoCluster, signal: AbortSignal): Promise<Member> {
  return cluster.until(async () => {
    const statuses = await cluster.statuses();
    const leader = statuses[0]?.leader;
    const agreed = statuses.every((status) => status.state === 'ready' && status.leader === leader);
    return statuses.length === cluster.members.length && agreed && leader !== undefined
      ? cluster.get(leader)
      : undefined;
  }, signal);
}

/** Kills the leader and waits for the next one. */
export async function killLeader(cluster: DemoCluster, signal: AbortSignal): Promise<Outage> {
  // It may have moved since the start: whoever leads now is the one to kill.
  const leader = await settledLeader(cluster, signal);
  const term = (await leader.client.status())?.term ?? 0;
  const survivors = cluster.members.filter((member) => member !== leader);
  const killedAt = performance.now();
  await cluster.kill(leader);
  return cluster.until(async () => {
    const statuses = await cluster.statuses(survivors);
    const next = statuses.find((status) => status.role === 'leader' && status.term > term);
    if (next === undefined) return undefined;
    const leaderlessMs = performance.now() - killedAt;
    return { killed: leader.name, successor: next.name, term: next.term, leaderlessMs };
  }, signal);
}

/** Starts a member again and waits until it has applied all that was committed at a moment after its start. */
export async function restart(cluster: DemoCluster, member: Member, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  await cluster.start(member);
  await cluster.until(async () => {
    // In this order: what the leader had committed first, what the member has applied then.
    const leader = (await cluster.statuses()).find((status) => status.role === 'leader');
    const own = await member.client.status();
    const there = leader !== undefined && own?.state === 'ready' && own.appliedIndex >= leader.commitIndex;
    return there ? true : undefined;
  }, signal);
  return performance.now() - startedAt;
}

/** The status of all members at one index. Nobody writes any more, so they meet soon. */
export async function atEqualIndex(cluster: DemoCluster, signal: AbortSignal): Promise<readonly ServiceStatus[]> {
  return cluster.until(async () => {
    const statuses = await cluster.statuses();
    const index = statuses[0]?.stateHash?.index;
    const equal = index !== undefined && statuses.every((status) => status.stateHash?.index === index);
    return equal && statuses.length === cluster.members.length ? statuses : undefined;
  }, signal);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { DemoCluster, Member } from './demo-cluster.js';
import { prefix, readLockFile } from './lock-file-entries.js';
import { atEqualIndex, killLeader, restart, settledLeader, type Outage } from './outage.js';
import { PackageLoad } from './package-load.js';
import { PrefixWatch } from './prefix-watch.js';
import { Progress } from './progress.js';
import { PutLedger } from './put-ledger.js';
import { count, type Run } from './report.js';
import type { EntryJson } from './service-client.js';
import type { ServiceStatus } from './service-contract.js';
import { judge, type Verdict } from './verdict.js';

/** Puts under way at any moment. */
export const inFlight = 64;
/** The load goes on at least until so many puts are acknowledged … */
const putsWanted = 20_000;
/** … and for so long after the restarted member has caught up. */
const loadAfterMs = 5_000;
/** The leader is killed after so many puts, or after so long on a slow machine. */
const putsBeforeKill = 7_000;
const killAfterMs = 10_000;
/** The killed member stays away at least so long. */
const awayMs = 2_000;

/** Who does what: nobody watches through a peer that is written through. */
interface Roles {
  readonly writers: readonly Member[];
  readonly watcher: Member;
}

/** @throws the signal's reason, or what broke */
export async function runDemo(cluster: DemoCluster, signal: AbortSignal): Promise<Run & { readonly verdict: Verdict }> {
  const begunAt = performance.now();
  const packages = readLockFile();
  const ledger = new PutLedger();
  let stage = 'three processes start';
  let watch: PrefixWatch | undefined;
  const progress = new Progress(() => {
    const seconds = ((performance.now() - begunAt) / 1000).toFixed(1).padStart(5);
    const seen = watch === undefined ? 0 : watch.events.size;
    const puts = count(ledger.total).padStart(7);
    return `${seconds} s  ${puts} puts acknowledged, ${count(seen).padStart(7)} events seen: ${stage}`;
  });
  try {
    await Promise.all(cluster.members.map((member) => cluster.start(member)));
    const roles = assign(cluster, await settledLeader(cluster, signal));
    progress.say(introduction(packages.length, roles));
    const firstRevision = lastRevisionOf(await atEqualIndex(cluster, signal));
    watch = new PrefixWatch(firstRevision);
    watch.start(roles.watcher.client, prefix);
    const load = new PackageLoad(
      packages,
      roles.writers.map((member) => member.client),
      ledger,
    );
    const broken = new AbortController();
    load.start(inFlight).catch((error: unknown) => broken.abort(error));
    const either = AbortSignal.any([signal, broken.signal]);
    let outage: OutageFigures;
    try {
      outage = await outageUnderLoad(cluster, ledger, either, (now) => (stage = now));
    } finally {
      await load.stop();
    }
    stage = 'comparing';
    const statuses = await atEqualIndex(cluster, signal);
    const lastRevision = lastRevisionOf(statuses);
    await waitForEvents(watch, lastRevision, signal);
    const reads = await readEverywhere(cluster);
    await watch.stop();
    const evidence = { ledger, packages, firstRevision, lastRevision, events: watch.events, reads, statuses };
    const verdict = judge({ ...evidence, watchFaults: watch.faults }, putsWanted);
    const { events, reconnects } = watch;
    const tookMs = performance.now() - begunAt;
    return { ...outage, ledger, events: events.size, reconnects, statuses, firstRevision, tookMs, verdict };
  } finally {
    progress.stop();
    await watch?.stop();
  }
}

interface OutageFigures {
  readonly outage: Outage;
  readonly catchUpMs: number;
  readonly restartRevision: number;
}

/** The leader dies and comes back while the load goes on. Ends when the load has lasted long enough. */
async function outageUnderLoad(
  cluster: DemoCluster,
  ledger: PutLedger,
  signal: AbortSignal,
  say: (stage: string) => void,
): Promise<OutageFigures> {
  const begunAt = performance.now();
  const enough = (): boolean => ledger.total >= putsBeforeKill || performance.now() - begunAt > killAfterMs;
  say('load');
  await cluster.until(async () => (enough() && ledger.total > 0 ? true : undefined), signal);

  say('the leader is killed');
  ledger.phase = 'during';
  const outage = await killLeader(cluster, signal);
  say(`${outage.killed} is away, ${outage.successor} leads`);
  // Answers to requests from before the kill still come in; more than were in flight must be acknowledged without the
  // dead member.
  const served = ledger.acknowledged.during + inFlight;
  await sleep(awayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  await cluster.until(async () => (ledger.acknowledged.during > served ? true : undefined), signal);

  say(`${outage.killed} is back and catches up`);
  const killed = cluster.get(outage.killed);
  const catchUpMs = await restart(cluster, killed, signal);
  ledger.phase = 'after';
  const caughtUpAt = performance.now();
  const restartRevision = (await killed.client.status())?.stateHash?.revision ?? 0;
  say(`${outage.killed} has caught up`);
  const over = (): boolean => ledger.total >= putsWanted && performance.now() - caughtUpAt >= loadAfterMs;
  await cluster.until(async () => (over() ? true : undefined), signal);
  return { outage, catchUpMs, restartRevision };
}

function assign(cluster: DemoCluster, leader: Member): Roles {
  const [follower, watcher] = cluster.members.filter((member) => member !== leader);
  return { writers: [leader, follower!], watcher: watcher! };
}

function introduction(packages: number, { writers, watcher }: Roles): string {
  const [leader, follower] = writers.map((member) => member.name);
  return (
    `${count(packages)} packages of package-lock.json, ${inFlight} puts in flight through ${leader!} (the leader) ` +
    `and ${follower!} (a follower), a watch on ${watcher.name}`
  );
}

/** From the state hashes: the revision beside them may be a heartbeat old. */
function lastRevisionOf(statuses: readonly ServiceStatus[]): number {
  return Math.max(...statuses.map((status) => status.stateHash?.revision ?? 0));
}

async function waitForEvents(watch: PrefixWatch, revision: number, signal: AbortSignal): Promise<void> {
  const waitMsMax = 10_000;
  const begunAt = performance.now();
  // Events that never come are counted by the verdict; here they only must not be waited for without end.
  while (watch.revision < revision && performance.now() - begunAt < waitMsMax) {
    await sleep(20, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function readEverywhere(cluster: DemoCluster): Promise<ReadonlyMap<string, readonly EntryJson[]>> {
  const reads = cluster.members.map(async (member) => [member.name, await member.client.range(prefix)] as const);
  return new Map(await Promise.all(reads));
}

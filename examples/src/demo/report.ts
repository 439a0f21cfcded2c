import type { DemoCluster } from './demo-cluster.js';
import type { Outage } from './outage.js';
import type { PutLedger } from './put-ledger.js';
import { keyPath } from './service-client.js';
import type { ServiceStatus } from './service-contract.js';
import type { Verdict } from './verdict.js';

/** A finished run. */
export interface Run {
  readonly ledger: PutLedger;
  readonly outage: Outage;
  readonly catchUpMs: number;
  readonly events: number;
  readonly reconnects: number;
  /** At the end, all at one index. */
  readonly statuses: readonly ServiceStatus[];
  /** When the load began: the figures that the syncs are set against. */
  readonly firstRevision: number;
  /** Where the restarted member stood when it was ready again. */
  readonly restartRevision: number;
  readonly tookMs: number;
}

export const count = (n: number): string => n.toLocaleString('en-US');
const ms = (n: number): string => `${count(Math.round(n))} ms`;

/** The figures, a line each. */
export function describe(run: Run, verdict: Verdict): string {
  const { ledger, outage, statuses } = run;
  const { before, during, after } = ledger.acknowledged;
  const answerless = verdict.appliedWithoutAnswer;
  const hashes = new Set(statuses.map((s) => (s.stateHash?.chain ?? 0).toString(16).padStart(8, '0')));
  const index = count(statuses[0]?.stateHash?.index ?? 0);
  const rows: [string, string][] = [
    ['writes acknowledged', `${count(before)} before, ${count(during)} during, ${count(after)} after the outage`],
    ['lost', `${count(verdict.lost)} of ${count(ledger.total)} acknowledged writes`],
    [
      'time without a leader',
      `${ms(outage.leaderlessMs)} at most: ${outage.killed} killed, ${outage.successor} leads in term ${outage.term}`,
    ],
    ['longest pause', `${ms(ledger.longestPauseMs)} between two acknowledgements`],
    ['caught up', `${outage.killed} ${ms(run.catchUpMs)} after its restart, while the load went on`],
    ['watch events', `${count(run.events)} received, ${count(verdict.revisionsWritten)} revisions written`],
    ['', `${count(answerless)} of them by puts whose answer was lost; ${count(run.reconnects)} reconnects`],
    [
      'tried again',
      `${count(ledger.unknown)} puts of unknown outcome, ${count(ledger.refused)} that certainly did nothing`,
    ],
    ['state hash', `${[...hashes].join(' ≠ ')} on ${statuses.map((s) => s.name).join(', ')} at index ${index}`],
    ...statuses.map((s): [string, string] => [`syncs of ${s.name}`, syncs(run, s)]),
    ['took', `${(run.tookMs / 1000).toFixed(1)} s`],
  ];
  return rows.map(([name, text]) => `  ${name.padEnd(22)}${text}`).join('\n');
}

function syncs(run: Run, status: ServiceStatus): string {
  const restarted = status.name === run.outage.killed;
  const puts = (status.stateHash?.revision ?? 0) - (restarted ? run.restartRevision : run.firstRevision);
  const total = status.walSyncs ?? 0;
  const since = restarted ? ' since its restart' : '';
  return `${count(total)}${since}, ${total === 0 ? '-' : (puts / total).toFixed(1)} puts a sync (${status.role})`;
}

/** How to go on with a cluster that was kept. */
export function howToTalk(cluster: DemoCluster, leader: string, folder: string, pids: readonly number[]): string {
  const other = cluster.members.find((member) => member.name !== leader)?.name ?? leader;
  const [one, two, three] = cluster.members.map((member) => member.client.url);
  const key = keyPath('packages/node_modules/ws');
  const addresses = cluster.members.map((member) => `${member.name} ${member.client.url}`).join(', ');
  return `The cluster is up (${addresses}). Talk to any of the three:

  curl -s ${one!}/status
  curl -s ${two!}${key}
  curl -s -X PUT --data 'hello' ${three!}/kv/greeting
  curl -s ${one!}/kv/greeting
  curl -s '${two!}/range?prefix=packages/&limit=3'
  curl -sN '${three!}/watch?prefix=gree&fromRevision=1'
  curl -s -X DELETE ${one!}/kv/greeting
  curl -s -X POST '${cluster.get(leader).client.url}/transfer?to=${other}'

Stop it, and remove its data:

  kill ${pids.join(' ')}
  rm -r ${folder}`;
}

import { describe, expect, test } from 'vitest';
import { RandomCluster, type ClusterOptions } from './random-cluster.js';

/** More seeds for a long run: `RAFT_SEEDS=5000 npx vitest run …`. */
const seeds = Number(process.env['RAFT_SEEDS'] ?? 20);
const steps = 4000;

function torment(options: ClusterOptions): RandomCluster {
  const cluster = new RandomCluster(options);
  for (let step = 0; step < steps; step++) {
    cluster.step();
    if (step % 500 === 0) cluster.checkLogs();
  }
  cluster.checkLogs();
  return cluster;
}

/** Once faults end, a leader is found, and what it proposes reaches everybody. */
function recover(cluster: RandomCluster, seed: number): void {
  cluster.calm(40);
  const leader = cluster.leader();
  expect(leader, `seed ${seed}: a leader is elected`).toBeDefined();
  if (leader === undefined) return;
  const index = cluster.proposeOn(leader);
  expect(index, `seed ${seed}: the leader takes proposals`).toBeDefined();
  const answered = cluster.answeredReads;
  cluster.readOn(leader);
  cluster.calm(10);
  expect(cluster.answeredReads, `seed ${seed}: reads are answered`).toBeGreaterThan(answered);
  const { conf } = leader.core;
  expect(conf.votersOutgoing.length === 0 || !conf.autoLeave, `seed ${seed}: joint configurations are left`).toBe(true);
  for (const id of [...conf.voters, ...conf.learners]) {
    expect(cluster.members.get(id)?.appliedIndex, `seed ${seed}: member ${id} catches up`).toBe(leader.appliedIndex);
  }
}

describe.each<{ name: string } & Omit<ClusterOptions, 'seed'>>([
  { name: 'three members', voters: 3, spares: 0, memberships: false },
  { name: 'five members', voters: 5, spares: 0, memberships: false },
  { name: 'five members without pre-vote', voters: 5, spares: 0, memberships: false, config: { preVote: false } },
  {
    name: 'three members with neither pre-vote nor check of the quorum',
    voters: 3,
    spares: 0,
    memberships: false,
    config: { preVote: false, checkQuorum: false },
  },
  { name: 'changing members', voters: 3, spares: 3, memberships: true },
  { name: 'changing members, leaders too', voters: 3, spares: 2, memberships: true, removeLeaders: true },
  {
    name: 'changing members, removed leaders stay',
    voters: 3,
    spares: 2,
    memberships: true,
    removeLeaders: true,
    config: { stepDownOnRemoval: false },
  },
])('a random cluster: $name', (options) => {
  test(`keeps Raft's promises through ${steps} steps of ${seeds} seeds, and recovers`, { timeout: 600_000 }, () => {
    let committed = 0;
    let reads = 0;
    let terms = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const cluster = torment({ ...options, seed });
      committed += cluster.commitIndex;
      reads += cluster.answeredReads;
      terms += cluster.termsLed;
      if (options.removeLeaders !== true) recover(cluster, seed);
    }
    // A cluster that does nothing keeps every promise.
    expect(committed).toBeGreaterThan(seeds * 20);
    expect(reads).toBeGreaterThan(seeds);
    expect(terms).toBeGreaterThan(seeds * 2);
  });
});

import { practising } from './drill-worlds.mjs';
import { leadership } from './leadership-mutants.mjs';
import { keyLeases } from './lease-mutants.mjs';
import { stores } from './store-mutants.mjs';
import { watches } from './watch-mutants.mjs';

/**
 * A deliberate bug for the simulator to find: one change of one source file of production. `world`: options of the run
 * that make it likely to matter.
 *
 * @typedef {{
 *   readonly name: string;
 *   readonly file: string;
 *   readonly find: string;
 *   readonly replace: string;
 *   readonly why: string;
 *   readonly world?: Readonly<Record<string, unknown>>;
 * }} Mutant
 */

/** @param {string} file @returns {string} */
const core = (file) => `packages/raft/src/core/${file}.ts`;
/** @param {string} file @returns {string} */
const node = (file) => `packages/raft/src/node/${file}.ts`;
/** @param {string} file @returns {string} */
const mvcc = (file) => `packages/mvcc/src/${file}.ts`;

const kib = 1024;
const deposed = practising(['deposed'], { options: { entryCommands: 1 } });
const reading = { paceMs: 10, clients: 6 };
const lagging = practising(['lag'], {
  checkpointBytes: 4 * kib,
  options: { trailingEntries: 0, heldLogBytes: 4 * kib },
});

/** What a member says of its disk, and what it counts of others'. @type {readonly Mutant[]} */
const durability = [
  {
    name: 'promise-before-sync',
    file: core('drain'),
    find: 'const place = sync === undefined ? outbox.send : sync.after;',
    replace: 'const place = outbox.send;',
    why: 'votes and acknowledgements leave while their batch is still on its way to the disk',
  },
  {
    name: 'log-done-before-sync',
    file: mvcc('wal/wal'),
    find: 'this.#submit({ bytes, encode: (into, view) => encodeBatch(batch, this.#group, into, view), done });',
    replace:
      'this.#submit({ bytes, encode: (into, view) => encodeBatch(batch, this.#group, into, view), done: () => undefined }); queueMicrotask(() => done());',
    why: 'the log says that a batch is durable as soon as it has been handed over',
  },
  {
    name: 'vote-without-sync',
    file: core('drain'),
    find: 'snapshot !== undefined || voteChanged(s) || commitsConfChange(s)',
    replace: 'snapshot !== undefined || commitsConfChange(s)',
    why: 'term and vote are written like a commit index, without a sync of their own',
  },
  {
    name: 'own-entry-counts-at-once',
    file: core('replication'),
    find: '  traceOwn(s, entries);\n  return first;',
    replace: '  traceOwn(s, entries);\n  s.members.get(s.id)?.maybeUpdate(s.log.lastIndex);\n  return first;',
    why: 'a leader counts its own disk before it has the entry (openraft a9f696a9)',
    world: practising(['deposed', 'handover']),
  },
  {
    name: 'truncation-keeps-durable-mark',
    file: core('follower'),
    find: 'if (first <= log.lastIndex) s.durability.truncated(first);',
    replace: '',
    why: 'overwritten entries still pass for durable (ra #637)',
    world: practising(['deposed']),
  },
  {
    name: 'aba-of-batches',
    file: core('durability'),
    find: '      if (batch.last >= first) batch.last = first - 1;\n',
    replace: '',
    why: 'a batch on its way vouches for entries that a later one overwrites (the ABA case of asynchronous appends)',
    world: practising(['deposed', 'stall', 'handover']),
  },
  {
    name: 'checkpoint-ahead-of-log',
    file: mvcc('store/checkpoint'),
    find: 'if (!cancelled()) await job.logDurable(state.appliedIndex);',
    replace: '',
    why: 'a checkpoint does not wait until the own log holds what is in it',
    world: practising(['stall', 'backlog', 'handover'], { checkpointBytes: 4 * kib }),
  },
  {
    name: 'log-released-too-early',
    file: mvcc('store/store-body'),
    find: '    const frozen = this.layers.freeze();\n',
    replace:
      '    const frozen = this.layers.freeze();\n    this.#host.checkpointed(state);\n    this.#host.checkpointed(state);\n',
    why: 'the log goes before the checkpoint that takes its place is durable',
  },
  {
    name: 'last-entry-not-loaded',
    file: mvcc('wal/load-log'),
    find: '  const log = loader.finish();\n',
    replace: '  const log = loader.finish();\n  log.entries.pop();\n',
    why: 'redo after a restart stops one entry short',
  },
  {
    name: 'overwritten-end-comes-back',
    file: mvcc('wal/replayed-log'),
    find: '    this.#entries.length = Math.max(0, index - first);\n    this.#entries.push(entry);',
    replace: '    this.#entries[index - first] = entry;',
    why: 'an entry that replaces another leaves the old ones behind it in the loaded log',
    world: { ...deposed, paceMs: 300 },
  },
  {
    name: 'damage-ends-the-log',
    file: mvcc('wal/segment-reader'),
    find: "    if (!this.#crashLeaves(at, end)) throw corrupt(this.#source.path, at, 'a record is damaged, not torn');\n",
    replace: '    this.#bytes.fill(0, at);\n',
    why: 'a bad checksum in the middle of the log is taken for its torn end (Protocol-Aware Recovery, FAST 18)',
    world: practising(['flip'], { simulatedMs: 20_000, paceMs: 300, families: ['damage'], segmentBytes: 16 * kib }),
  },
];

/** @type {readonly Mutant[]} */
const elections = [
  {
    name: 'vote-forgotten',
    file: core('state'),
    find: 'this.vote = init.hardState.vote;',
    replace: 'this.vote = 0;',
    why: 'a restart forgets the vote of its term',
  },
  {
    name: 'two-votes-a-term',
    file: core('election'),
    find: '(s.vote === 0 && s.leader === 0)',
    replace: 's.leader === 0',
    why: 'whoever asks gets the vote as long as no leader is known',
  },
  {
    name: 'vote-for-a-shorter-log',
    file: core('election'),
    find: 'const granted = canVote && free && s.log.isUpToDate(message.lastIndex, message.lastTerm);',
    replace: 'const granted = canVote && free;',
    why: 'the candidate need not hold what may be committed (Raft §5.4.1)',
  },
  {
    name: 'refusal-counts-as-vote',
    file: core('election'),
    find: "if (s.role === 'candidate') recordVote(s, message.from, !message.reject);",
    replace: "if (s.role === 'candidate') recordVote(s, message.from, true);",
    why: 'an answer is a vote, whatever it says (openraft b06cbb37)',
  },
  {
    name: 'own-vote-counts-at-once',
    file: core('election'),
    find: '    // The own vote counts once it is durable: see selfVoteDurable.\n',
    replace: '    recordVote(s, s.id, true);\n',
    why: 'a candidate counts its own vote before its disk has it',
  },
  {
    name: 'half-is-a-majority',
    file: core('quorum'),
    find: 'const quorum = (total >> 1) + 1;',
    replace: 'const quorum = (total + 1) >> 1;',
    why: 'with an even number of voters, half of them elect and confirm (hashicorp/raft 163a55f)',
  },
  {
    name: 'campaign-over-open-change',
    file: core('election'),
    find: ' || hasUnappliedConfChange(s)) return false;',
    replace: ') return false;',
    why: 'a member campaigns with a committed change that it has not applied (dragonboat raft.go)',
    world: practising(['changes', 'backlog'], { checkpointBytes: 4 * kib, core: { maxCommittedBytes: 1 } }),
  },
  {
    name: 'learner-does-not-vote',
    file: core('election'),
    find: 'const granted = canVote && ',
    replace: 'const granted = canVote && s.members.isVoter(s.id) && ',
    why: 'a promoted member that has not heard of it refuses its vote (etcd PR #10998)',
    world: practising(['changes'], { members: 5 }),
  },
];

/** @type {readonly Mutant[]} */
const replication = [
  {
    name: 'old-term-committed-by-counting',
    file: core('replication'),
    find: ' || index < s.termStart || ',
    replace: ' || ',
    why: 'an entry of an earlier term is committed by counting copies (Raft §5.4.2, figure 8)',
    world: practising(['deposed'], { core: { maxAppendBytes: 1 } }),
  },
  {
    name: 'one-short-of-a-quorum',
    file: core('quorum'),
    find: 'return matches[count - (count >> 1) - 1] as number;',
    replace: 'return matches[count - (count >> 1)] as number;',
    why: 'one copy too few commits an entry (openraft #1802)',
  },
  {
    name: 'outgoing-half-not-asked',
    file: core('members'),
    find: 'return this.outgoing.length === 0 ? incoming : Math.min(incoming, this.majorityMatch(this.outgoing));',
    replace: 'return incoming;',
    why: 'a joint configuration commits with the new half alone (thesis §4.3)',
    world: practising(['changes'], { members: 5 }),
  },
  {
    name: 'append-without-comparing',
    file: core('follower'),
    find: 'if (!log.matches(prevIndex, prevTerm)) {',
    replace: 'if (prevIndex > log.lastIndex) {',
    why: 'a follower appends behind an entry of another term (log matching, Raft §5.3)',
    world: deposed,
  },
  {
    name: 'refused-append-counts',
    file: core('replication'),
    find: '  if (!message.reject) return onAppended(s, progress, message.index);\n  onRejected(s, progress, message);\n  return false;',
    replace: '  return onAppended(s, progress, message.index);',
    why: 'an answer to an append is an acknowledgement, whatever it says',
    world: deposed,
  },
  {
    name: 'heartbeat-tells-too-much',
    file: core('leader'),
    find: 'const commit = Math.min(progress.match, s.log.commit);',
    replace: 'const { commit } = s.log;',
    why: 'a heartbeat commits entries that the member is not known to hold in this form',
    world: deposed,
  },
  {
    name: 'unknown-term-is-zero',
    file: core('log'),
    find: 'return this.entryAt(index)?.term;',
    replace: 'return this.entryAt(index)?.term ?? 0;',
    why: 'the term of a compacted entry reads as 0 (etcd 76f1249)',
  },
  {
    name: 'late-append-cuts',
    file: core('follower'),
    find: 'while (from < entries.length && log.matches(prevIndex + 1 + from, entries[from]?.term ?? 0)) from++;',
    replace: '',
    why: 'a late, shorter append cuts off what came after it (Raft §5.3)',
  },
  {
    name: 'disk-stall-unnoticed',
    file: node('log-writer'),
    find: 'return oldest !== undefined && this.#clock.now() - oldest.atMs > this.#stalledMs;',
    replace: 'return oldest !== undefined && this.#stalledMs < 0;',
    why: 'a leader whose disk hangs holds the cluster with its heartbeats (etcd #13527)',
    world: practising(['stall']),
  },
  {
    name: 'store-stall-unnoticed',
    file: node('machine-watch'),
    find: 'if (this.#stoodFor > this.#stallTicks && this.#core.isLeader) this.#giveUp();',
    replace: '',
    why: 'a leader whose log works and whose store hangs commits what it cannot apply, and nobody else may lead',
    world: practising(['storeStall']),
  },
  {
    name: 'failed-snapshot-unreported',
    file: core('leader'),
    find: "if (progress?.state !== 'snapshot') return;",
    replace: "if (progress?.state !== 'snapshot' || !ok) return;",
    why: 'a member whose snapshot got lost is never sent anything again',
    world: lagging,
  },
];

/** @type {readonly Mutant[]} */
const reads = [
  {
    name: 'read-without-quorum',
    file: core('read-index'),
    find: 'if (reads.inRound.length === 0 || !s.members.readConfirmed(reads.roundPosition)) return;',
    replace: 'if (reads.inRound.length === 0) return;',
    why: 'a leader answers reads without asking whether it still leads',
    world: practising(['deposed', 'parting'], reading),
  },
  {
    name: 'read-position-reused',
    file: core('read-index'),
    find: '  reads.position++;\n',
    replace: '  reads.position = 1;\n',
    why: 'an answer to an earlier round confirms a later one (etcd #20418)',
    world: practising(['deposed', 'parting'], reading),
  },
  {
    name: 'read-joins-round-in-flight',
    file: core('read-index'),
    find: 's.reads.waiting.push({ to: from, token: context });',
    replace: '(s.reads.inRound.length > 0 ? s.reads.inRound : s.reads.waiting).push({ to: from, token: context });',
    why: 'a read is answered with the commit index of a round that began before it',
    world: practising(['handover'], { ...reading, families: ['network'] }),
  },
  {
    name: 'read-on-a-fresh-leader',
    file: core('read-index'),
    find: " && s.role === 'leader' && s.log.commit >= s.termStart;",
    replace: " && s.role === 'leader';",
    why: 'a new leader answers reads before it knows what is committed (etcd #7331)',
    world: practising(['handover'], reading),
  },
  {
    name: 'read-before-apply',
    file: node('reads'),
    find: '(entry.index <= index ? due : still).push(entry);',
    replace: '(entry.index <= index + 64 ? due : still).push(entry);',
    why: 'a read is served before its index is applied here',
  },
];

/** With lease reads on. @type {readonly Mutant[]} */
const leases = [
  {
    name: 'lease-never-ends',
    file: node('leader-lease'),
    find: 'return this.#clock.now() < this.#times[i]! + this.#lengthMs;',
    replace: 'return true;',
    why: 'a leader that was stopped goes on with a lease that has ended for everybody else (etcd issue 20418)',
    world: practising(['standstill'], { ...reading, options: { leaseReads: true } }),
  },
  {
    name: 'lease-too-long',
    file: node('leader-lease'),
    find: 'this.#lengthMs = (promisedMs * (100 - options.leaseDriftPercent)) / 100;',
    replace: 'this.#lengthMs = 2 * promisedMs;',
    why: 'a leader counts on promises for longer than they last (thesis §6.4.1)',
    world: practising(['standstill'], { ...reading, options: { leaseReads: true } }),
  },
  {
    name: 'lease-from-the-answer',
    file: node('leader-lease'),
    find: '    if (confirmed === 0) return false;\n',
    replace:
      '    if (confirmed === 0) return false;\n    const at = this.#positions.lastIndexOf(confirmed);\n    if (at >= 0) {\n      this.#times[at] = this.#clock.now();\n      this.#positions[at] = confirmed - 0.5;\n    }\n',
    why: 'a lease counts from when its answers are seen, not from when they were asked for (thesis §6.4.1)',
    world: practising(['standstill'], { ...reading, options: { leaseReads: true } }),
  },
  {
    name: 'lease-during-transfer',
    file: core('lease'),
    find: '  if (s.transferee !== 0 || s.toldToCampaign) return 0;\n',
    replace: '',
    why: 'a leader answers by its lease while it has told another to take over (thesis §6.4.1)',
    world: practising(['parting'], { ...reading, options: { leaseReads: true } }),
  },
];

/** @type {readonly Mutant[]} */
const membership = [
  {
    name: 'two-changes-at-once',
    file: core('proposals'),
    find: 'if (s.pendingConfIndex > s.log.applied) {',
    replace: 'if (s.pendingConfIndex < 0) {',
    why: 'a change is proposed while another one is on its way (dragonboat raft.go)',
    world: practising(['changes'], { members: 5 }),
  },
  {
    name: 'snapshot-without-configuration',
    file: core('snapshots'),
    find: '  s.members.switchTo(meta.conf, s.log.lastIndex);\n',
    replace: '',
    why: 'a snapshot leaves the configuration as it was (openraft #1808)',
  },
  {
    name: 'snapshot-acknowledged-at-once',
    file: core('snapshots'),
    find: '  acknowledge(s, from, meta.index);\n  return true;',
    replace:
      "  s.send({ type: 'appendResponse', group: s.config.group, from: s.id, to: from, term: s.term, index: meta.index, reject: false });\n  return true;",
    why: 'a member says that it has a snapshot before the mark of it is durable (async-raft, tikv #1287)',
    world: lagging,
  },
];

/** @type {readonly Mutant[]} */
const sessions = [
  {
    name: 'duplicate-applied',
    file: mvcc('session/session-table'),
    find: "if (sequence <= session.last) return 'duplicate';",
    replace: "if (sequence <= session.last) return 'next';",
    why: 'a command that is sent again is applied again',
  },
  {
    name: 'results-not-kept',
    file: mvcc('session/session-table'),
    find: "return session.outcomes.at(session.last - sequence) ?? 'gone';",
    replace: "return 'gone';",
    why: 'a retry finds no result of the first attempt',
    world: lagging,
  },
  {
    name: 'gap-passed-over',
    file: mvcc('session/session-table'),
    find: "return sequence === session.last + 1 ? 'next' : 'gap';",
    replace: "if (sequence > session.last + 1) session.last = sequence - 1;\n    return 'next';",
    why: 'a later write of a process is applied where an earlier one was lost',
  },
  {
    name: 'watch-not-rebound',
    file: mvcc('machine'),
    find: '    this.#hub.rebind(this.#state.revision, this.#state.compactRevision);\n',
    replace: '',
    why: 'a watch goes on over an installed snapshot as if nothing had been skipped',
    world: lagging,
  },
  {
    name: 'watch-loses-one',
    file: mvcc('watch/watch-hub'),
    find: 'const from = this.#offered + 1;',
    replace: 'const from = this.#offered + 2;',
    why: 'what a snapshot skipped is offered from one revision too late on',
    world: lagging,
  },
];

/** All of them: names are unique. */
export const mutants = [
  ...durability,
  ...elections,
  ...leadership,
  ...replication,
  ...reads,
  ...leases,
  ...membership,
  ...sessions,
  ...watches,
  ...keyLeases,
  ...stores,
];

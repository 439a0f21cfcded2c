import { practising } from './drill-worlds.mjs';

/** @typedef {import('./simulator-mutants.mjs').Mutant} Mutant */

/** @param {string} file @returns {string} */
const core = (file) => `packages/raft/src/core/${file}.ts`;

/** Who may lead, and what is left of an earlier leadership or an earlier disk. @type {readonly Mutant[]} */
export const leadership = [
  {
    name: 'stale-pre-vote-unanswered',
    file: core('step'),
    find: "    s.sendAfterDurable({ ...head, type: 'preVoteResponse', reject: true });\n",
    replace: '',
    why: 'who asks in an old term is not told the new one: the only one that could lead is never elected (etcd #8501)',
    world: practising(['oldTerm'], { simulatedMs: 20_000 }),
  },
  {
    name: 'removed-leader-leads-on',
    file: core('apply'),
    find: '    if (s.config.stepDownOnRemoval) becomeFollower(s, s.term, 0);\n',
    replace: '',
    why: 'a leader that applies its own demotion goes on (thesis §4.2.2)',
    world: practising(['usurper']),
  },
  {
    name: 'transfer-outlives-its-term',
    file: core('roles'),
    find: '  s.transferee = 0;\n',
    replace: '',
    why: 'a leader that was elected again is still handing over (hashicorp/raft #696)',
    world: practising(['handover', 'parting']),
  },
  {
    name: 'lost-disk-under-its-old-id',
    file: 'packages/coterie/src/membership/admission.ts',
    find: 'm.name === message.name && m.incarnation === message.incarnation',
    replace: 'm.name === message.name',
    why: 'an empty disk takes the place of the one before: its votes and acknowledgements are forgotten (Raft §5.1)',
    world: practising(['lostDisk']),
  },
];

import { defaultCoreConfig, RaftCore, type Message } from '@coterie/raft';
import { randomBytes } from 'node:crypto';
import type { Suite } from '../suite.js';
import { runMicros, type Micro } from './cycle.js';

const members = [1, 2, 3, 4, 5];
const self = 1;
const batch = 64;
const answersEach = 64;
const dataBytes = 300;

/**
 * A core of five members that leads, with its driver's part done by hand: the disk answers at once, the other members'
 * messages are made up.
 */
class Leader {
  readonly core: RaftCore;

  constructor() {
    const conf = { voters: members, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const hardState = { term: 0, vote: 0, commit: 0 };
    const start = { index: 0, term: 0 };
    const random = { nextInt: () => 0 };
    this.core = new RaftCore({
      id: self,
      config: defaultCoreConfig,
      random,
      hardState,
      conf,
      start,
      entries: [],
      applied: 0,
    });
    this.core.campaign();
    this.turn((message) => this.#vote(message));
    if (!this.core.isLeader) throw new Error('five members elected nobody');
    this.catchUp();
  }

  /** What the driver does in a turn; `onSend` is the rest of the world. */
  turn(onSend: (message: Message) => void = () => undefined): void {
    while (this.core.hasReady()) {
      const { append, committed, send } = this.core.ready();
      if (append !== undefined) this.core.appendDurable(append.seq);
      const last = committed.at(-1);
      if (last !== undefined) this.core.applied(last.index);
      for (const message of send) onSend(message);
    }
  }

  /**
   * All followers acknowledge all; the log is cut, so that a long run measures a core with a short log, as a driver
   * keeps it.
   */
  catchUp(): void {
    for (const from of members.slice(1)) this.acknowledge(from, this.core.lastIndex);
    this.turn();
    this.core.compact(this.core.commit);
  }

  acknowledge(from: number, index: number): void {
    this.core.step({
      group: defaultCoreConfig.group,
      from,
      to: self,
      term: this.core.term,
      type: 'appendResponse',
      index,
      reject: false,
    });
  }

  #vote(message: Message): void {
    if (message.type !== 'preVote' && message.type !== 'vote') return;
    const { group, to, term } = message;
    this.core.step({ group, from: to, to: self, term, type: `${message.type}Response`, reject: false });
  }
}

function micros(): Micro[] {
  const data = Array.from({ length: batch }, () => randomBytes(dataBytes));
  const proposing = new Leader();
  const answering = new Leader();
  const answered = Array.from({ length: answersEach }, () => data[0]!);
  const stepping = new Leader();
  return [
    {
      name: 'step of one append response',
      operations: answersEach * (members.length - 1),
      // One proposal, and one answer of each follower to each of its entries: the proposal weighs little.
      run: () => {
        const result = answering.core.propose(answered);
        if (!result.ok) throw new Error('refused');
        answering.turn();
        for (let i = 0; i < answersEach; i++) {
          for (let at = 1; at < members.length; at++) answering.acknowledge(members[at]!, result.index + i);
        }
        answering.turn();
        answering.core.compact(answering.core.commit);
      },
    },
    {
      name: `a batch of ${batch}: propose it, send it, step the four answers, commit it`,
      run: () => {
        if (!proposing.core.propose(data).ok) throw new Error('refused');
        proposing.turn();
        proposing.catchUp();
      },
    },
    {
      name: 'propose one, step the four answers one by one',
      run: () => {
        if (!stepping.core.propose([data[0]!]).ok) throw new Error('refused');
        stepping.turn();
        const { lastIndex } = stepping.core;
        for (const from of members.slice(1)) {
          stepping.acknowledge(from, lastIndex);
          stepping.turn();
        }
        stepping.core.compact(stepping.core.commit);
      },
    },
  ];
}

/** The consensus core alone: what it adds to each put, without disk, network or state machine. */
export const raftSuite: Suite = {
  summary: 'the raft core alone, five members (benchmark.js)',
  cases: [],
  systems: [],
  run: (options) => runMicros(micros(), options),
};

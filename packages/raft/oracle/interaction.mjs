// The interaction commands: a cluster whose every message, write and application happens when the test says so.
import { TextEncoder } from 'node:util';
import { defaultCoreConfig } from '../dist/core/config.js';
import { encodeConfChange } from '../dist/core/conf-change.js';
import { emptyConf } from '../dist/core/membership.js';
import { valuesOf } from './data-driven.mjs';
import { describeEntry, describePicture, describeProgress, oldFormat, parseSteps } from './describe.mjs';
import { TestNode } from './node.mjs';

/**
 * @typedef {import('./data-driven.mjs').Stanza} Stanza
 * @typedef {import('./node.mjs').Parcel} Parcel
 */

const encoder = new TextEncoder();
const dropped = 'raft proposal dropped';
const roleNames = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

const first = (/** @type {Stanza} */ stanza, /** @type {string} */ key) => valuesOf(stanza, key)?.[0];
const isTrue = (/** @type {Stanza} */ stanza, /** @type {string} */ key) => first(stanza, key) === 'true';
/** Bare numbers of a command line. @param {Stanza} stanza */
const numbers = (stanza) =>
  stanza.args.filter(({ key, values }) => /^\d+$/.test(key) && values.length === 0).map(({ key }) => Number(key));

class Interaction {
  /** @type {TestNode[]} */
  nodes = [];
  /** @type {Parcel[]} */
  network = [];
  /** @type {string[]} */
  output = [];
  quiet = false;
  indent = '';

  /** @param {Stanza} stanza @returns {string} */
  run(stanza) {
    const command = commands[stanza.command];
    if (command === undefined) throw new Error(`no such command: ${stanza.command}`);
    this.output = [];
    const level = first(stanza, 'log-level');
    const quiet = this.quiet;
    if (level !== undefined) this.quiet = level === 'none';
    const error = command(this, stanza);
    if (level !== undefined) this.quiet = quiet;
    if (error !== undefined) this.output.push(error);
    return this.output.length === 0 ? 'ok' : this.output.join('\n');
  }

  /** @param {string} text */
  print(text) {
    if (!this.quiet) for (const line of text.split('\n')) this.output.push(this.indent + line);
  }

  /** @param {string} title @param {() => void} action */
  section(title, action) {
    this.print(`> ${title}`);
    const { indent } = this;
    this.indent += '  ';
    action();
    this.indent = indent;
  }

  /** @param {number} id @returns {TestNode} */
  node(id) {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`no such node: ${id}`);
    return node;
  }

  /** The nodes that a command names. @param {Stanza} stanza */
  named(stanza) {
    return numbers(stanza).map((id) => this.node(id));
  }

  /** @param {Stanza} stanza @returns {TestNode} */
  one(stanza) {
    return this.node(numbers(stanza)[0] ?? 0);
  }

  /**
   * Does the same with several nodes, each under a title if there is more than one.
   * @param {Stanza} stanza
   * @param {string} title
   * @param {(node: TestNode) => void} action
   */
  each(stanza, title, action) {
    const nodes = this.named(stanza);
    for (const node of nodes) {
      if (nodes.length > 1) this.section(`${node.id} ${title}`, () => action(node));
      else action(node);
    }
  }

  /** @param {TestNode} node */
  processReady(node) {
    const { text, parcels } = node.processReady();
    this.print(text);
    this.network.push(...parcels);
  }

  /** @param {TestNode} node */
  processAppend(node) {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.print('no append work to perform');
      return;
    }
    this.printWork(work);
    work.process();
    this.network.push(...work.responses);
  }

  /** @param {TestNode} node */
  processApply(node) {
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.print('no apply work to perform');
      return;
    }
    this.printWork(work);
    node.apply(work.entries);
    this.network.push(...work.responses);
  }

  /** @param {{ picture: import('./describe.mjs').Picture, responses: Parcel[] }} work */
  printWork({ picture, responses }) {
    this.print('Processing:');
    this.print(describePicture(picture));
    this.print('Responses:');
    for (const each of responses) this.print(describePicture(each.picture));
  }

  /** @param {number} to @param {string | undefined} type @param {boolean} drop */
  take(to, type, drop) {
    const wanted = (/** @type {Parcel} */ each) =>
      each.to === to && (type === undefined || each.picture.type === type) && !(drop && each.local !== undefined);
    const taken = this.network.filter(wanted);
    this.network = this.network.filter((each) => !wanted(each));
    return taken;
  }

  /**
   * @param {number} to
   * @param {string | undefined} type
   * @param {boolean} drop
   * @returns {number} how many messages there were
   */
  deliver(to, type, drop) {
    const taken = this.take(to, type, drop);
    for (const each of taken) {
      this.print(`${drop ? 'dropped: ' : ''}${describePicture(each.picture)}`);
      const refusal = drop ? undefined : this.node(to).receive(each);
      if (refusal !== undefined) this.print(refusal);
    }
    return taken.length;
  }

  /** @param {readonly TestNode[]} nodes */
  stabilize(nodes) {
    for (let busy = true; busy;) {
      busy = false;
      for (const node of nodes) {
        if (!node.hasReady()) continue;
        busy = true;
        this.section(`${node.id} handling Ready`, () => this.processReady(node));
      }
      for (const node of nodes) {
        if (!this.network.some(({ to }) => to === node.id)) continue;
        busy = true;
        this.section(`${node.id} receiving messages`, () => this.deliver(node.id, undefined, false));
      }
      for (const node of nodes) {
        if (node.appendWork.length === 0) continue;
        busy = true;
        this.section(`${node.id} processing append thread`, () => {
          while (node.appendWork.length > 0) this.processAppend(node);
        });
      }
      for (const node of nodes) {
        if (node.applyWork.length === 0) continue;
        busy = true;
        this.section(`${node.id} processing apply thread`, () => {
          while (node.applyWork.length > 0) this.processApply(node);
        });
      }
    }
  }

  /** @param {Stanza} stanza */
  addNodes(stanza) {
    const ids = (/** @type {string} */ key) => (valuesOf(stanza, key) ?? []).map(Number);
    const index = Number(first(stanza, 'index') ?? 0);
    const start = { index, term: index > 0 ? 1 : 0 };
    const conf = { ...emptyConf, voters: ids('voters'), learners: ids('learners') };
    const config = {
      ...defaultCoreConfig,
      electionTicks: 3,
      heartbeatTicks: 1,
      preVote: isTrue(stanza, 'prevote'),
      checkQuorum: isTrue(stanza, 'checkquorum'),
      stepDownOnRemoval: isTrue(stanza, 'step-down-on-removal'),
      trustConfChanges: isTrue(stanza, 'disable-conf-change-validation'),
      maxInflightMessages: Number(first(stanza, 'inflight') ?? 2 ** 31 - 1),
      maxCommittedBytes: Number(first(stanza, 'max-committed-size-per-ready') ?? Number.MAX_SAFE_INTEGER),
      maxAppendBytes: Number.MAX_SAFE_INTEGER,
      maxInflightBytes: Number.MAX_SAFE_INTEGER,
    };
    const options = {
      asyncStorage: isTrue(stanza, 'async-storage-writes'),
      leaseReads: first(stanza, 'read-only') === 'lease-based',
    };
    for (let count = numbers(stanza)[0] ?? 0; count > 0; count--) {
      const id = this.nodes.length + 1;
      const random = { nextInt: (/** @type {number} */ n) => id % n };
      const hardState = { term: 0, vote: 0, commit: index };
      const init = { id, config, random, hardState, conf, start, entries: [], applied: index };
      this.nodes.push(new TestNode(init, options));
    }
  }

  /** @param {TestNode} node @param {import('../dist/core/messages.js').Entry['kind']} kind @param {Uint8Array} data */
  forward(node, kind, data) {
    const { core } = node;
    if (core.leader === 0 || core.isLeader) return dropped;
    const entries = [{ term: 0, index: 0, kind, data }];
    /** @type {import('../dist/core/messages.js').Message} */
    const message = { type: 'propose', group: 0, from: node.id, to: core.leader, term: 0, entries };
    node.outbox.push({
      to: core.leader,
      message,
      picture: { type: 'MsgProp', from: node.id, to: core.leader, entries },
    });
    return undefined;
  }

  /** @param {Stanza} stanza */
  propose(stanza) {
    const node = this.one(stanza);
    const data = encoder.encode(stanza.args[1]?.key ?? '');
    const result = node.act(() => node.core.propose([data]));
    if (result.ok) return undefined;
    return result.reason === 'notLeader' ? this.forward(node, 'normal', data) : dropped;
  }

  /** @param {Stanza} stanza */
  proposeConfChange(stanza) {
    const node = this.one(stanza);
    const transition = /** @type {'auto' | 'implicit' | 'explicit'} */ (first(stanza, 'transition') ?? 'auto');
    const change = { transition, steps: parseSteps(stanza.body.join(' ')) };
    const data = encodeConfChange(change, isTrue(stanza, 'v1') ? oldFormat : new Uint8Array(0));
    const result = node.act(() => node.core.proposeConfChange(data));
    if (result.ok) return undefined;
    if (result.reason === 'notLeader') return this.forward(node, 'conf', data);
    if (['noLeader', 'transferring', 'removed', 'quota'].includes(result.reason)) return dropped;
    // Our core says why it refuses a change; etcd's puts an empty entry in its place.
    node.act(() => node.core.propose([new Uint8Array(0)]));
    return undefined;
  }
}

/** @type {Record<string, (it: Interaction, stanza: Stanza) => string | undefined | void>} */
const commands = {
  'add-nodes': (it, stanza) => it.addNodes(stanza),
  campaign: (it, stanza) => {
    const node = it.one(stanza);
    node.act(() => node.core.campaign());
  },
  compact: (it, stanza) => {
    it.one(stanza).compact(numbers(stanza)[1] ?? 0);
    printLog(it, it.one(stanza));
  },
  'deliver-msgs': (it, stanza) => {
    const type = first(stanza, 'type');
    const drops = (valuesOf(stanza, 'drop') ?? []).map(Number);
    let count = 0;
    for (const id of numbers(stanza)) count += it.deliver(id, type, false);
    for (const id of drops) count += it.deliver(id, type, true);
    if (count === 0) it.print('no messages');
  },
  'forget-leader': (it, stanza) => {
    const node = it.one(stanza);
    // etcd refuses under lease reads, which our core does not have.
    if (!node.options.leaseReads) node.act(() => node.core.forgetLeader());
  },
  'log-level': (it, stanza) => {
    it.quiet = stanza.args[0]?.key === 'none';
  },
  'process-append-thread': (it, stanza) =>
    it.each(stanza, 'processing append thread', (node) => it.processAppend(node)),
  'process-apply-thread': (it, stanza) => it.each(stanza, 'processing apply thread', (node) => it.processApply(node)),
  'process-ready': (it, stanza) => it.each(stanza, 'handling Ready', (node) => it.processReady(node)),
  propose: (it, stanza) => it.propose(stanza),
  'propose-conf-change': (it, stanza) => it.proposeConfChange(stanza),
  'raft-log': (it, stanza) => printLog(it, it.one(stanza)),
  'raft-state': (it) => {
    for (const { core, inner } of it.nodes) {
      const voter = inner.members.isVoter(core.id) ? 'Voter' : 'Non-Voter';
      it.print(`${core.id}: ${roleNames[core.role]} (${voter}) Term:${core.term} Lead:${core.leader}`);
    }
  },
  'report-unreachable': (it, stanza) => {
    const [on, of] = it.named(stanza);
    on?.act(() => on.core.reportUnreachable(of?.id ?? 0));
  },
  'send-snapshot': (it, stanza) => {
    const [from, to] = it.named(stanza);
    if (from === undefined || to === undefined) return;
    const parcel = from.snapshotParcel(to.id);
    it.network.push(parcel);
    it.print(describePicture(parcel.picture));
  },
  'set-randomized-election-timeout': (it, stanza) => {
    it.one(stanza).inner.electionTimeout = Number(first(stanza, 'timeout'));
  },
  stabilize: (it, stanza) => {
    const named = it.named(stanza);
    it.stabilize(named.length > 0 ? named : it.nodes);
  },
  status: (it, stanza) => {
    for (const each of it.one(stanza).core.status().progress) it.print(describeProgress(each));
  },
  'tick-election': (it, stanza) => tick(it.one(stanza), 'electionTicks'),
  'tick-heartbeat': (it, stanza) => tick(it.one(stanza), 'heartbeatTicks'),
  'transfer-leadership': (it, stanza) => {
    const from = it.node(Number(first(stanza, 'from')));
    from.act(() => from.core.transferLeadership(Number(first(stanza, 'to'))));
  },
};

/** @param {TestNode} node @param {'electionTicks' | 'heartbeatTicks'} length */
function tick(node, length) {
  for (let left = node.inner.config[length]; left > 0; left--) node.act(() => node.core.tick());
}

/** @param {Interaction} it @param {TestNode} node */
function printLog(it, { stored, start }) {
  if (stored.length === 0) it.print(`log is empty: first index=${start.index + 1}, last index=${start.index}`);
  for (const entry of stored) it.print(describeEntry(entry));
}

export const interactionCommands = Object.keys(commands);

/** @returns {(stanza: Stanza) => string} */
export function interactionRunner() {
  const interaction = new Interaction();
  return (stanza) => interaction.run(stanza);
}

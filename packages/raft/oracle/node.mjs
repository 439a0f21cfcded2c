// One member of an interaction test: a core, and around it what etcd's test keeps of storage, state machine and work in
// progress.
import { decodeConfChange } from '../dist/core/conf-change.js';
import { RaftCore } from '../dist/core/core.js';
import { describeEntry, describeHardState, describePicture, describeSnapshot, pictureOf } from './describe.mjs';

/**
 * @typedef {import('../dist/core/messages.js').Message} Message
 * @typedef {import('../dist/core/messages.js').Entry} Entry
 * @typedef {import('../dist/core/messages.js').ConfState} ConfState
 * @typedef {import('./describe.mjs').Picture} Picture
 * @typedef {{ index: number, term: number, conf: ConfState }} Snapshot
 *
 * Something on its way: a message between cores, or what etcd sends to itself by messages and our core by a call.
 * @typedef {{ to: number, picture: Picture, message?: Message, local?: () => void, snapshot?: Snapshot }} Parcel
 *
 * @typedef {object} AppendWork
 * @property {Picture} picture
 * @property {Parcel[]} responses
 * @property {() => void} process
 *
 * @typedef {object} NodeOptions
 * @property {boolean} asyncStorage
 * @property {boolean} leaseReads
 */

/** Answers that etcd sends only after its storage has finished a write, though there be nothing to wait for. */
const afterAppend = new Set(['appendResponse', 'voteResponse', 'preVoteResponse']);

const roles = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

export class TestNode {
  /** @type {Parcel[]} */
  outbox = [];
  /** @type {AppendWork[]} */
  appendWork = [];
  /** @type {{ picture: Picture, entries: readonly Entry[], responses: Parcel[] }[]} */
  applyWork = [];
  /** Entries that storage holds, behind `start`. @type {Entry[]} */
  stored = [];
  /** What the node says to itself: etcd counts its own vote and acknowledgement by such messages. @type {Parcel[]} */
  ownAnswers = [];
  /** Handed out by the core, and not yet by us. @type {Entry[]} */
  committed = [];
  toldLeader = 0;
  /** @type {import('../dist/core/ready.js').Role} */
  toldRole = 'follower';

  /**
   * @param {import('../dist/core/ready.js').CoreInit} init
   * @param {NodeOptions} options
   */
  constructor(init, options) {
    this.options = options;
    this.core = new RaftCore(init);
    this.start = { index: init.start.index, term: init.start.term };
    this.hardState = { ...init.hardState };
    /** States of the state machine; the last is the snapshot that a leader would send. @type {Snapshot[]} */
    this.history = [{ ...init.start, conf: init.conf }];
    /** First entry that etcd would hold as unstable: its write has not been reported. */
    this.unstable = init.start.index + 1;
  }

  get id() {
    return this.core.id;
  }

  /** The parts of the core that have no public face. */
  get inner() {
    return this.core['state'];
  }

  hasReady() {
    if (this.core.hasReady() || this.outbox.length > 0 || this.ownAnswers.length > 0) return true;
    const [next] = this.committed;
    return next !== undefined && next.index < this.unstable;
  }

  /**
   * Does something to the core, and notes what etcd's core would have said to itself. @template T
   * @param {() => T} action
   */
  act(action) {
    const before = { last: this.core.lastIndex, term: this.core.term, role: this.core.role };
    const result = action();
    const { core, id } = this;
    this.unstable = Math.min(this.unstable, this.inner.log.staged);
    const say = (/** @type {Picture} */ picture) => this.ownAnswers.push({ to: id, picture });
    const head = { from: id, to: id };
    if (core.role === 'preCandidate' && before.role !== 'preCandidate') {
      say({ ...head, type: 'MsgPreVoteResp', term: core.term + 1 });
    }
    if (core.role === 'candidate' && (before.role !== 'candidate' || before.term !== core.term)) {
      say({ ...head, type: 'MsgVoteResp', term: core.term });
    }
    if (core.isLeader && core.lastIndex > before.last) {
      say({ ...head, type: 'MsgAppResp', term: core.term, index: core.lastIndex });
    }
    return result;
  }

  /** @returns {{ text: string, parcels: Parcel[] }} */
  processReady() {
    const ready = this.act(() => this.core.ready());
    const answers = this.takeAnswers(ready);
    const messages = ready.send.filter((message) => !afterAppend.has(message.type)).map(parcel);
    messages.unshift(...this.outbox.splice(0));
    for (const to of ready.snapshotsTo) messages.push(this.snapshotParcel(to));
    const text = [];
    const { core } = this;
    if (ready.soft !== undefined && (this.toldLeader !== core.leader || this.toldRole !== core.role)) {
      text.push(`Lead:${core.leader} State:${roles[core.role]}`);
      this.toldLeader = core.leader;
      this.toldRole = core.role;
    }
    const { append } = ready;
    const committed = this.takeCommitted(ready.committed);
    const mustSync = this.mustSync(append);
    if (append?.hardState !== undefined) text.push(`HardState ${describeHardState(append.hardState)}`);
    if (ready.reads.length > 0) text.push(`ReadStates ${JSON.stringify(ready.reads)}`);
    if ((append?.entries.length ?? 0) > 0) text.push('Entries:', ...(append?.entries ?? []).map(describeEntry));
    if (append?.snapshot !== undefined) text.push(`Snapshot ${describeSnapshot(append.snapshot)}`);
    if (committed.length > 0) text.push('CommittedEntries:', ...committed.map(describeEntry));
    if (this.options.asyncStorage) {
      this.queueAppend(append, answers, messages);
      this.queueApply(committed, messages);
    } else {
      messages.push(...answers);
    }
    if (messages.length > 0) text.push('Messages:', ...messages.map(({ picture }) => describePicture(picture)));
    if (!this.options.asyncStorage) this.completeAtOnce(append, committed);
    return {
      text: text.length === 0 ? '<empty Ready>' : [`Ready MustSync=${mustSync}:`, ...text].join('\n'),
      parcels: messages.filter(({ to }) => to > 0),
    };
  }

  /**
   * The state machine appends each entry to what it holds, so its state is known by its index.
   * @param {readonly Entry[]} entries
   */
  apply(entries) {
    for (const entry of entries) {
      let { conf } = this.history.at(-1) ?? { conf: this.core.conf };
      if (entry.kind === 'conf') {
        const { change } = decodeConfChange(entry.data);
        conf = this.act(() => this.core.applyConfChange(change, entry.index));
      }
      this.history.push({ index: entry.index, term: entry.term, conf });
    }
  }

  /** @param {number} to @returns {Parcel} */
  snapshotParcel(to) {
    const snapshot = this.history.at(-1) ?? { index: 0, term: 0, conf: this.core.conf };
    return { to, snapshot, picture: { type: 'MsgSnap', from: this.id, to, term: this.core.term, snapshot } };
  }

  /** @param {Parcel} parcel @returns {string | undefined} what etcd says when it refuses it */
  receive({ message, local, snapshot, picture }) {
    const { core } = this;
    if (message !== undefined) {
      const response = message.type.endsWith('Response') && message.type !== 'readIndexResponse';
      if (response && this.inner.members.get(message.from) === undefined) return 'raft: cannot step as peer not found';
      this.act(() => core.step(message));
    } else if (snapshot !== undefined && (picture.term ?? 0) >= core.term) {
      const from = Number(picture.from);
      this.act(() => core.restoreSnapshot({ ...snapshot, size: 0 }, from));
    } else {
      local?.();
    }
    return undefined;
  }

  /** Drops what storage and core hold up to `through`. @param {number} through */
  compact(through) {
    const term = this.core.termAt(through) ?? this.start.term;
    this.stored.splice(0, through - this.start.index);
    this.start = { index: through, term };
    this.core.compact(through);
  }

  /**
   * Answers of this Ready that etcd holds back until storage is done. Our core keeps them until `appendDurable`, or
   * sends them at once where nothing is outstanding; here they are taken away from it, and delivered as etcd's test
   * would.
   *
   * @param {import('../dist/core/ready.js').Ready} ready
   * @returns {Parcel[]}
   */
  takeAnswers(ready) {
    const held = this.inner.durability['outstanding'].flatMap(
      /** @param {any} batch */ (batch) => batch.after.splice(0),
    );
    return [...held, ...ready.send.filter((message) => afterAppend.has(message.type))].map(parcel);
  }

  /**
   * With asynchronous storage etcd applies only what its own storage has reported. Our core hands out whatever is
   * committed, so the rest is held back here.
   *
   * @param {readonly Entry[]} handedOut
   */
  takeCommitted(handedOut) {
    this.committed.push(...handedOut);
    const held = this.options.asyncStorage ? this.committed.findIndex(({ index }) => index >= this.unstable) : -1;
    return this.committed.splice(0, held === -1 ? this.committed.length : held);
  }

  /** As etcd has it: snapshots do not count, and neither does the commit of a membership change. @param {any} append */
  mustSync(append) {
    if (append === undefined) return false;
    const { term, vote } = this.hardState;
    const next = append.hardState ?? this.hardState;
    this.hardState = { ...next };
    return append.entries.length > 0 || next.term !== term || next.vote !== vote;
  }

  /** @param {import('../dist/core/ready.js').AppendBatch | undefined} append */
  store(append) {
    if (append?.snapshot !== undefined) {
      const { index, term, conf } = append.snapshot;
      this.stored = [];
      this.start = { index, term };
      this.history.push({ index, term, conf });
    }
    const first = append?.entries[0];
    if (append === undefined || first === undefined) return;
    this.stored.length = first.index - this.start.index - 1;
    this.stored.push(...append.entries);
  }

  /**
   * @param {import('../dist/core/ready.js').AppendBatch | undefined} append
   * @param {readonly Entry[]} committed
   */
  completeAtOnce(append, committed) {
    this.ownAnswers = [];
    this.store(append);
    this.apply(committed);
    if (append !== undefined) this.act(() => this.core.appendDurable(append.seq));
    this.unstable = this.inner.log.staged;
    const last = committed.at(-1);
    if (last !== undefined) this.act(() => this.core.applied(last.index));
  }

  /**
   * @param {import('../dist/core/ready.js').AppendBatch | undefined} append
   * @param {Parcel[]} answers
   * @param {Parcel[]} messages
   */
  queueAppend(append, answers, messages) {
    const { core, id } = this;
    const durable = () => {
      if (append !== undefined) this.act(() => core.appendDurable(append.seq));
    };
    const own = this.ownAnswers.splice(0).map((each) => ({ ...each, local: durable }));
    const responses = [...own, ...answers];
    if (append === undefined && responses.length === 0) return;
    if (append?.snapshot !== undefined) this.unstable = append.snapshot.index + 1;
    if (core.lastIndex >= this.unstable || append?.snapshot !== undefined) {
      const last = { term: core.term, index: core.lastIndex, logTerm: core.termAt(core.lastIndex) ?? 0 };
      const confirm = () => {
        durable();
        const known = last.index >= this.unstable && core.termAt(last.index) === last.logTerm;
        if (last.term === core.term && known) this.unstable = last.index + 1;
      };
      const picture = { type: 'MsgStorageAppendResp', from: 'AppendThread', to: id, ...last };
      responses.push({ to: id, picture, local: confirm });
    }
    /** @type {Picture} */
    const picture = { type: 'MsgStorageAppend', from: id, to: 'AppendThread', ...(append?.hardState ?? {}) };
    if (append !== undefined) picture.entries = append.entries;
    if (append?.snapshot !== undefined) picture.snapshot = append.snapshot;
    messages.push({ to: 0, picture: { ...picture, responses: responses.map((each) => each.picture) } });
    const process = () => {
      this.store(append);
      if (!responses.some((each) => each.local !== undefined)) durable();
    };
    this.appendWork.push({ picture, responses, process });
  }

  /** @param {readonly Entry[]} entries @param {Parcel[]} messages */
  queueApply(entries, messages) {
    const last = entries.at(-1);
    if (last === undefined) return;
    const picture = { type: 'MsgStorageApply', from: this.id, to: 'ApplyThread', entries };
    const local = () => this.act(() => this.core.applied(last.index));
    const answer = { type: 'MsgStorageApplyResp', from: 'ApplyThread', to: this.id, entries };
    const responses = [{ to: this.id, picture: answer, local }];
    messages.push({ to: 0, picture: { ...picture, responses: [answer] } });
    this.applyWork.push({ picture, entries, responses });
  }
}

/** @param {Message} message @returns {Parcel} */
function parcel(message) {
  return { to: message.to, picture: pictureOf(message), message };
}

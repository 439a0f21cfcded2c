import { decodeConfChange } from './conf-change.js';
import type { ConfState, Entry, Message, NodeId } from './messages.js';
import type { ConfChange } from './ready.js';
import type { CoreState } from './state.js';

/** What happened, in the words of the published TLA+ specification of Raft's core (etcd-io/raft). */
export type TraceName =
  | 'InitState'
  | 'BecomeCandidate'
  | 'BecomeFollower'
  | 'BecomeLeader'
  | 'Commit'
  | 'Replicate'
  | 'ChangeConf'
  | 'ApplyConfChange'
  | 'Ready'
  | 'SendAppendEntriesRequest'
  | 'SendAppendEntriesResponse'
  | 'SendRequestVoteRequest'
  | 'SendRequestVoteResponse'
  | 'ReceiveAppendEntriesRequest'
  | 'ReceiveAppendEntriesResponse'
  | 'ReceiveRequestVoteRequest'
  | 'ReceiveRequestVoteResponse'
  | 'SendSnapshot'
  | 'ReceiveSnapshot';

/** A message as the specification sees it; `entries` is a count. */
export interface TraceMessage {
  readonly type: string;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  readonly entries: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: number;
}

/** A membership change: proposed (`changes`), or in force (`newconf`). */
export interface TraceConfChange {
  readonly changes: readonly {
    readonly nid: string;
    readonly action: 'AddNewServer' | 'RemoveServer' | 'AddLearner';
  }[];
  readonly newconf?: readonly string[];
}

/** One event of one member, with what it holds once the event has happened. Ids are strings; vote "0" is none. */
export interface TraceEvent {
  readonly name: TraceName;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: 'StateFollower' | 'StateCandidate' | 'StateLeader';
  /** The last index of the log. */
  readonly log: number;
  /** Both halves of the configuration in force. */
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: TraceMessage;
  readonly cc?: TraceConfChange;
  readonly prop?: Readonly<Record<string, number>>;
}

/** Takes the events of one core, in order. It must not call back into the core, and changes nothing. */
export type Trace = (event: TraceEvent) => void;

type More = Pick<TraceEvent, 'msg' | 'cc' | 'prop'>;
type Side = 'Send' | 'Receive';

// The specification knows neither pre-votes nor reads; such messages leave no trace.
const requests = {
  append: ['AppendEntriesRequest', 'MsgApp'],
  heartbeat: ['AppendEntriesRequest', 'MsgHeartbeat'],
  appendResponse: ['AppendEntriesResponse', 'MsgAppResp'],
  heartbeatResponse: ['AppendEntriesResponse', 'MsgHeartbeatResp'],
  vote: ['RequestVoteRequest', 'MsgVote'],
  voteResponse: ['RequestVoteResponse', 'MsgVoteResp'],
} as const;

// A pre-candidate has neither a new term nor a vote: to the specification it is a follower.
const roles = {
  follower: 'StateFollower',
  preCandidate: 'StateFollower',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
} as const;

const actions = { addVoter: 'AddNewServer', addLearner: 'AddLearner', remove: 'RemoveServer' } as const;

/** Tells the trace, if there is one. Whatever has to be made for `more` is made by the functions below. */
export function trace(s: CoreState, name: TraceName, more?: More): void {
  s.trace?.({
    name,
    nid: String(s.id),
    state: { term: s.term, vote: String(s.vote), commit: s.log.commit },
    role: roles[s.role],
    log: s.log.lastIndex,
    conf: [ids(s.members.conf.voters), ids(s.members.conf.votersOutgoing)],
    ...more,
  });
}

/** A message has been given out, or has come in. */
export function traceMessage(s: CoreState, side: Side, message: Message): void {
  if (s.trace === undefined || !(message.type in requests)) return;
  const [name, type] = requests[message.type as keyof typeof requests];
  const progress = side === 'Send' && message.type === 'append' ? s.members.get(message.to) : undefined;
  const prop = progress === undefined ? {} : { prop: { match: progress.match, next: progress.next } };
  trace(s, `${side}${name}`, { msg: describe(message, type), ...prop });
}

/** The leader has put entries into its log. */
export function traceOwn(s: CoreState, entries: readonly Entry[]): void {
  if (s.trace === undefined) return;
  for (const { kind, index, data } of entries) {
    if (kind !== 'conf') trace(s, 'Replicate');
    else trace(s, 'ChangeConf', { cc: { changes: changes(decodeConfChange(data).change, index) } });
  }
}

/** A configuration is in force. */
export function traceConf(s: CoreState, change: ConfChange, conf: ConfState): void {
  if (s.trace === undefined) return;
  trace(s, 'ApplyConfChange', { cc: { changes: changes(change, 0), newconf: ids(conf.voters) } });
}

/** A member needs a snapshot, or one has been received. */
export function traceSnapshot(s: CoreState, side: Side, peer: NodeId, index: number): void {
  if (s.trace === undefined) return;
  trace(s, `${side}Snapshot`, { prop: { peer, index } });
}

function describe(message: Message, type: string): TraceMessage {
  const { term, from, to } = message;
  const head = { type, term, from: String(from), to: String(to), entries: 0, logTerm: 0, index: 0, commit: 0 };
  const base = { ...head, vote: '0', reject: false, rejectHint: 0 };
  switch (message.type) {
    case 'append': {
      const { prevIndex, prevTerm, entries, commit } = message;
      return { ...base, entries: entries.length, logTerm: prevTerm, index: prevIndex, commit };
    }
    case 'appendResponse': {
      const { index, reject, rejectHint = 0, logTerm = 0 } = message;
      return { ...base, index, reject, rejectHint, logTerm };
    }
    case 'heartbeat':
      return { ...base, commit: message.commit };
    case 'vote':
      return { ...base, index: message.lastIndex, logTerm: message.lastTerm };
    case 'voteResponse':
      return { ...base, reject: message.reject };
    default:
      return base;
  }
}

function changes(change: ConfChange, index: number): TraceConfChange['changes'] {
  return change.steps.map(({ op, id }) => ({ nid: String(id === 0 ? index : id), action: actions[op] }));
}

function ids(list: readonly NodeId[]): readonly string[] {
  return list.map(String);
}

/** A member's id: a positive safe integer, the log index of the entry that added it. 0 means "none". */
export type NodeId = number;
/** An election term. */
export type Term = number;
/** A position in the log; the first entry has index 1. */
export type Index = number;

/**
 * One slot of the log. `empty` entries open a term, `conf` entries change the membership, `normal` ones carry the
 * application's bytes.
 */
export interface Entry {
  readonly term: Term;
  readonly index: Index;
  readonly kind: 'normal' | 'conf' | 'empty';
  readonly data: Uint8Array;
}

/** A configuration. While `votersOutgoing` is not empty it is a joint one and both halves must agree (thesis §4.3). */
export interface ConfState {
  /** Of a joint configuration: the half that is being entered. */
  readonly voters: readonly NodeId[];
  /** The half that is being left; empty in a simple configuration. */
  readonly votersOutgoing: readonly NodeId[];
  /** Members that are sent everything and do not vote. */
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** The leader leaves the joint configuration by itself once it is applied. */
  readonly autoLeave: boolean;
}

/** What identifies a snapshot: the last entry in it and the configuration at that entry. `size` is in bytes. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly conf: ConfState;
  readonly size: number;
}

interface Head {
  readonly group: number;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
}

/** What may cross a network. Acknowledgements of the own disk and ticks are not messages. Opaque to a transport. */
export type Message = Head &
  (
    | {
        readonly type: 'append';
        /** The entry before the first of `entries`: where the two logs must agree. */
        readonly prevIndex: Index;
        readonly prevTerm: Term;
        readonly commit: Index;
        readonly entries: readonly Entry[];
      }
    | {
        readonly type: 'appendResponse';
        /** Up to here the sender holds the log durably; with `reject`, the `prevIndex` that did not match. */
        readonly index: Index;
        readonly reject: boolean;
        /** With `reject`: the highest index at which the two logs may still agree, and the sender's term of it. */
        readonly rejectHint?: Index;
        readonly logTerm?: Term;
      }
    /** `context`: a position of reads or leases that only grows, 0 for none; the answer gives it back. */
    | { readonly type: 'heartbeat'; readonly commit: Index; readonly context: number }
    | {
        readonly type: 'heartbeatResponse';
        readonly context: number;
        /**
         * For so many ms from the heartbeat on, by its own clock, the sender helps nobody else to become leader, unless
         * the leader itself wishes it. Only of members with lease reads on.
         */
        readonly promiseMs?: number;
        /** How much the sender is preferred as leader; left out: 0. */
        readonly priority?: number;
      }
    | {
        readonly type: 'vote' | 'preVote';
        readonly lastIndex: Index;
        readonly lastTerm: Term;
        /** The election is the leader's own wish, which overrides stickiness and promises. */
        readonly transfer?: boolean;
      }
    | { readonly type: 'voteResponse' | 'preVoteResponse'; readonly reject: boolean }
    /** Entries for the leader to append; their terms and indexes are its to give. */
    | { readonly type: 'propose'; readonly entries: readonly Entry[] }
    /** A read passed on to the leader, and its answer: no `index` means refused, ask again. */
    | { readonly type: 'readIndex' | 'readIndexResponse'; readonly context: number; readonly index?: Index }
    /** Campaign at once: the leader hands over. */
    | { readonly type: 'timeoutNow' }
    /** Asks the leader to hand over to `target`; 0: to whom it likes. */
    | { readonly type: 'transferLeader'; readonly target: NodeId }
  );

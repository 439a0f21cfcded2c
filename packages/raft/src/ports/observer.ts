import type { ConfState, Index, NodeId, Term } from '../core/messages.js';
import type { RefusalReason, Role } from '../core/ready.js';

/**
 * What a driver tells about itself, as it happens. Handlers must not throw and must not call back into the driver.
 *
 * Indexes, terms and ids of 0 mean "none".
 */
export type RaftEvent =
  /** Role, term or known leader changed. */
  | { readonly type: 'role'; readonly role: Role; readonly term: Term; readonly leader: NodeId }
  /** Term, vote and commit index that the own disk now holds. */
  | { readonly type: 'hardState'; readonly term: Term; readonly vote: NodeId; readonly commit: Index }
  /** A batch was given to the log, or is durable: entries `first` to `last`, the last one of `term`. */
  | {
      readonly type: 'append';
      readonly action: 'started' | 'durable';
      readonly seq: number;
      readonly first: Index;
      readonly last: Index;
      readonly term: Term;
      readonly mustSync: boolean;
    }
  /** The own disk holds the log up to here, in its present form. Goes back when a new leader overwrites entries. */
  | { readonly type: 'durable'; readonly index: Index }
  /** The commit index moved; `term` is of that entry. */
  | { readonly type: 'commit'; readonly index: Index; readonly term: Term }
  /** A configuration is in force. */
  | { readonly type: 'conf'; readonly index: Index; readonly conf: ConfState }
  | { readonly type: 'applied'; readonly index: Index }
  /** A leader sends to a member in another way than before. */
  | {
      readonly type: 'progress';
      readonly peer: NodeId;
      readonly state: 'probe' | 'replicate' | 'snapshot';
      readonly match: Index;
    }
  /** A snapshot to a member (`begun`, then `sent` or `failed`), or from one (`received`, then perhaps `installed`). */
  | {
      readonly type: 'snapshot';
      readonly action: 'begun' | 'sent' | 'failed' | 'received' | 'installed';
      readonly peer: NodeId;
      readonly index: Index;
    }
  /** This leader hands over to a member, or no longer does: another one leads, or it gave up. */
  | { readonly type: 'transfer'; readonly action: 'begun' | 'ended'; readonly to: NodeId }
  /** The leader has confirmed an index for `reads` reads of this member. */
  | { readonly type: 'readRound'; readonly index: Index; readonly reads: number }
  /**
   * The core takes no commands at present, so many wait. They are proposed when it does, or dropped with a change of
   * the leader; `removed`: dropped.
   */
  | { readonly type: 'refused'; readonly reason: RefusalReason; readonly commands: number }
  /** The member has stopped itself. */
  | { readonly type: 'failed'; readonly error: Error };

/** Takes the events of one driver, in order, as they happen. */
export type Observer = (event: RaftEvent) => void;

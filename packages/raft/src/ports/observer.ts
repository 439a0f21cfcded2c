import type { ConfState, Index, NodeId, Term } from '../core/messages.js';
import type { Role } from '../core/ready.js';

/** What a driver tells about itself, as it happens. Handlers must not throw and must not call back into the driver. */
export type RaftEvent =
  | { readonly type: 'role'; readonly role: Role; readonly term: Term; readonly leader: NodeId }
  | { readonly type: 'conf'; readonly index: Index; readonly conf: ConfState }
  | { readonly type: 'applied'; readonly index: Index }
  | {
      readonly type: 'snapshot';
      readonly action: 'sent' | 'failed' | 'installed';
      readonly peer: NodeId;
      readonly index: Index;
    }
  | { readonly type: 'failed'; readonly error: Error };

/** Takes the events of one driver, in order, as they happen. */
export type Observer = (event: RaftEvent) => void;

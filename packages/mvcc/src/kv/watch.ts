import type { Closable, EndlessOptions } from './call-options.js';
import type { Entry } from './entry.js';

/** Why a key went. */
export type DeleteReason = 'deleted' | 'expired' | 'revoked';

/** One change of one key. A delete's entry has the key and, as modRevision, the revision of the delete. */
export type WatchEvent<K = string, V = string> =
  | { readonly type: 'put'; readonly entry: Entry<K, V>; readonly prev?: Entry<K, V> }
  | {
      readonly type: 'delete';
      readonly entry: { readonly key: K; readonly modRevision: number };
      readonly prev?: Entry<K, V>;
      readonly reason: DeleteReason;
    };

/** All matching changes of one revision, never split. Without `initial` and `progress` every batch is a 'change'. */
export type WatchBatch<K = string, V = string> =
  | { readonly kind: 'change' | 'initial'; readonly revision: number; readonly events: readonly WatchEvent<K, V>[] }
  | { readonly kind: 'synced' | 'progress'; readonly revision: number; readonly events: readonly [] };

/** How to watch. */
export interface WatchOptions extends EndlessOptions {
  /**
   * From this revision on, past ones too; `ERR_COMPACTED` when they are gone. Left out: from now on. 0 is as 1. Not
   * with `initial`.
   */
  fromRevision?: number | undefined;
  /** Events carry the entry that was there before. Default false. */
  prev?: boolean | undefined;
  /** Only events of this type. */
  only?: 'put' | 'delete' | undefined;
  /**
   * First the state of one revision in batches of kind `'initial'`, then an empty `'synced'`, then every change after
   * it.
   */
  initial?: boolean | undefined;
  /** Now and then an empty `'progress'` batch, so that `revision` moves on in quiet times. */
  progress?: boolean | undefined;
  /** For a slow reader only: go on from the store (`'resume'`, the default) or end with `ERR_WATCH_OVERFLOW`. */
  overflow?: 'resume' | 'error' | undefined;
}

/**
 * A running watch, for one consumer. Registered when called, not at the first `next()`.
 *
 * It ends normally when its signal fires, on `close()` and when its store closes here, and throws when it broke:
 * `ERR_COMPACTED`, `ERR_WATCH_OVERFLOW`, `ERR_DECODING`, and `ERR_OVERLOADED` when its `initial` state took so long to
 * read that the memory which keeps it was needed. Breaking out of `for await` closes it.
 */
export interface Watch<K = string, V = string> extends AsyncIterableIterator<WatchBatch<K, V>>, Closable {
  /** Resolves when the watch stands: every change after this revision will be delivered. Need not be awaited. */
  readonly ready: Promise<{ readonly revision: number }>;
  /**
   * Revision up to which everything has been handed out; `fromRevision: revision + 1` goes on from here. 0 until an
   * `initial` state is complete. After `ERR_DECODING` it is the revision that could not be decoded, so that a new watch
   * goes on behind it.
   */
  readonly revision: number;
}

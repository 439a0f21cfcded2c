import { CoterieError, toPlainError } from '@coterie/errors';
import type { SnapshotMeta, SnapshotSink, NodeId } from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import type { RebuildStatus } from '../engine/engine.js';
import type { PeerEngineParts } from '../engine/peer-engine-parts.js';
import type { Replica } from '../engine/replica.js';
import type { LinkDirectory } from '../membership/link-directory.js';
import { Rebuild } from './rebuild.js';

/** What the rebuilds of a peer need of it. */
export interface RebuildsHost {
  readonly parts: PeerEngineParts;
  readonly directory: LinkDirectory;
  send(link: NodeId, bytes: Uint8Array): void;
  changed(): void;
  removed(): void;
}

/**
 * A state that is damaged again and again has a cause that no rebuild mends: so many in so long, then the peer fails.
 */
const rebuildsMax = 8;
const withinMs = 3_600_000;

/** The rebuilds of one peer: at most one at a time, and not without end. */
export class Rebuilds {
  readonly #host: RebuildsHost;
  #begunMs: number[] = [];
  #running: { readonly error: CoterieError; rebuild: Rebuild | undefined; attempts: number } | undefined;
  #closed: Error | undefined;

  constructor(host: RebuildsHost) {
    this.#host = host;
  }

  /** Why nothing is served just now. */
  get error(): CoterieError | undefined {
    return this.#running?.error;
  }

  get status(): RebuildStatus | undefined {
    const running = this.#running;
    return running === undefined ? undefined : { reason: toPlainError(running.error), attempts: running.attempts };
  }

  /**
   * Condemns the store, durably, and builds it anew. Nothing is served from the moment of the call.
   *
   * @param replica what has run on it until now
   * @throws CoterieError ERR_CORRUPT, ERR_STORAGE, ERR_CLOSED; a later start goes on where it ended
   */
  async run(identity: Identity, reason: CoterieError, replica: Replica | undefined): Promise<void> {
    const { parts, directory } = this.#host;
    const message = `the stored state is not to be used, and is being built anew: ${reason.message}`;
    const error = new CoterieError('ERR_CORRUPT', { message, retryable: true, cause: reason });
    const running = (this.#running = { error, rebuild: undefined as Rebuild | undefined, attempts: 0 });
    replica?.halt(error);
    this.#count(reason);
    if (directory.others.length === 0) throw alone(reason);
    parts.logger.error({ error: reason.message }, 'the state of this peer is rebuilt from another member');
    const condemned = parts.storage.condemned();
    const checkpoint = replica?.checkpointIndex ?? condemned?.checkpoint ?? 0;
    if (condemned === undefined) {
      const differs = replica !== undefined && replica.machine.damage === undefined;
      parts.storage.condemnStore({ reason: reason.message, checkpoint, differs });
    }
    await replica?.close(error);
    if (this.#closed !== undefined) throw this.#closed;
    running.rebuild = new Rebuild({
      ...{ storage: parts.storage, identity, url: parts.url, directory, clock: parts.ports.clock },
      electionTimeoutMs: parts.options.electionTimeoutMs,
      send: (link, bytes) => this.#host.send(link, bytes),
      asked: (attempts) => {
        running.attempts = attempts;
        this.#host.changed();
      },
      removed: () => this.#host.removed(),
    });
    await running.rebuild.run();
    parts.logger.warn({ attempts: running.attempts }, 'the state of this peer is rebuilt');
    this.#running = undefined;
  }

  receive(meta: SnapshotMeta): Promise<SnapshotSink> | undefined {
    return this.#running?.rebuild?.receive(meta);
  }

  onControl(link: NodeId, bytes: Uint8Array): void {
    this.#running?.rebuild?.onControl(link, bytes);
  }

  close(error: Error): void {
    this.#closed ??= error;
    this.#running?.rebuild?.close(error);
  }

  #count(reason: CoterieError): void {
    const now = this.#host.parts.ports.clock.now();
    this.#begunMs = [...this.#begunMs.filter((begun) => now - begun < withinMs), now];
    if (this.#begunMs.length <= rebuildsMax) return;
    const message = `the stored state was damaged ${this.#begunMs.length} times within an hour: ${reason.message}`;
    throw new CoterieError('ERR_CORRUPT', { message, cause: reason });
  }
}

function alone(reason: CoterieError): CoterieError {
  const message = `${reason.message}; there is no other member to rebuild the state from: restore a backup`;
  return new CoterieError('ERR_CORRUPT', { message, cause: reason });
}

import type { RaftCore } from '../core/core.js';
import type { Index, NodeId } from '../core/messages.js';
import type { ProgressStatus } from '../core/ready.js';
import type { Observer } from '../ports/observer.js';

/**
 * Tells what has changed inside the core since it last looked: commit index, transfer, flow to each member. It compares
 * a few numbers and makes an event only for a difference.
 */
export class CoreWatch {
  readonly #core: RaftCore;
  readonly #observer: Observer;
  readonly #flows = new Map<NodeId, ProgressStatus['state']>();
  #commit: Index;
  #transferee: NodeId = 0;

  constructor(core: RaftCore, observer: Observer) {
    this.#core = core;
    this.#observer = observer;
    this.#commit = core.commit;
  }

  look(): void {
    const { commit, transferee, isLeader } = this.#core;
    if (commit !== this.#commit) {
      this.#commit = commit;
      this.#observer({ type: 'commit', index: commit, term: this.#core.termAt(commit) ?? 0 });
    }
    if (transferee !== this.#transferee) this.#transferChanged(transferee);
    if (isLeader) this.#core.visitProgress(this.#lookAt);
    else if (this.#flows.size > 0) this.#flows.clear();
  }

  #transferChanged(transferee: NodeId): void {
    if (this.#transferee !== 0) this.#observer({ type: 'transfer', action: 'ended', to: this.#transferee });
    if (transferee !== 0) this.#observer({ type: 'transfer', action: 'begun', to: transferee });
    this.#transferee = transferee;
  }

  readonly #lookAt = (peer: NodeId, state: ProgressStatus['state'], match: Index): void => {
    if (this.#flows.get(peer) === state) return;
    this.#flows.set(peer, state);
    this.#observer({ type: 'progress', peer, state, match });
  };
}

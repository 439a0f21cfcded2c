import { CoterieError, invariant } from '@coterie/errors';
import { verifyStore, type Store } from '@coterie/mvcc';
import {
  SnapshotReception,
  type Clock,
  type LoadedLog,
  type NodeId,
  type SnapshotMeta,
  type SnapshotSink,
} from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import type { MemberLog, PeerStorage } from '../data-dir/storage.js';
import { decodeControl, encodeControl, type ControlMessage } from '../membership/control-message.js';
import type { LinkDirectory } from '../membership/link-directory.js';

/** What a rebuild stands on. */
export interface RebuildHost {
  readonly storage: PeerStorage;
  readonly identity: Identity;
  readonly url: string;
  readonly directory: LinkDirectory;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  send(link: NodeId, bytes: Uint8Array): void;
  /** The members were asked once more. */
  asked(attempts: number): void;
  /** The others have a configuration without this member. */
  removed(): void;
}

/** How often it is looked whether to ask again, and the longest rest between two questions. */
const pollMs = 100;
const restMsMax = 30_000;
/** Questions without a snapshot that came through, a quarter of an hour of them: then a person is needed. */
export const rebuildAttemptsMax = 40;
/** A snapshot of which nothing comes for so long is given up. */
const idleMsMax = 10_000;

/**
 * Builds the state of a member anew from a snapshot of another one, after its own was found damaged or different.
 *
 * Only the applied state is thrown away. Term, vote and log stay as they are, because others count on them: a member
 * that forgot its vote could give it twice, and one that forgot an entry that it acknowledged could let a leader be
 * elected that lacks it (Raft §5.2, §5.4). So the snapshot must reach to where the log begins. Where it reaches beyond
 * the log's end, or stands for another term than the log has there, it replaces the log, as a snapshot that a leader
 * sends does: everything in it is committed, so nothing that was acknowledged is lost with what it covers.
 *
 * Meanwhile this member takes no part: no vote, no acknowledgement, no answer. It is as if it were down, which is what
 * makes every step of this safe to repeat. The order is that of a snapshot from a leader: data durable, then the mark
 * in the log, then current; the note that condemned the old state goes last, and a start that finds it begins again.
 */
export class Rebuild {
  readonly #host: RebuildHost;
  #log: MemberLog | undefined;
  #loaded: LoadedLog | undefined;
  #store: Store | undefined;
  readonly #reception: SnapshotReception;
  #attempts = 0;
  #nextAskMs = 0;
  #settle: { readonly resolve: (meta: SnapshotMeta) => void; readonly reject: (error: Error) => void } | undefined;
  #ended: Error | undefined;

  constructor(host: RebuildHost) {
    this.#host = host;
    this.#reception = new SnapshotReception(host.clock, idleMsMax);
  }

  /** @throws CoterieError ERR_CORRUPT when the log is damaged or nobody sends a snapshot, ERR_STORAGE, ERR_CLOSED */
  async run(): Promise<void> {
    const { storage, identity, clock } = this.#host;
    const log = (this.#log = storage.openLog(identity));
    try {
      const loaded = (this.#loaded = log.load());
      checkLog(loaded, storage.condemned()?.checkpoint ?? 0);
      if (await this.#isSound(loaded)) {
        storage.storeRebuilt();
        return;
      }
      await storage.discardStore();
      this.#store = await storage.openStore(0);
      const meta = await this.#received(clock);
      if (termAt(loaded, meta.index) !== meta.term) await mark(log, loaded, meta);
      this.#store.installSnapshot(meta);
    } finally {
      this.#ended ??= new CoterieError('ERR_CLOSED', { message: 'the rebuild is over' });
      await this.#store?.close();
      await log.close();
    }
    storage.storeRebuilt();
  }

  /**
   * Whether it was the read that was wrong and not what is stored (memory, a cable): then nothing is thrown away.
   * Several members that such a read has struck at once would otherwise all be without a state, with nobody to get it
   * from.
   */
  async #isSound(loaded: LoadedLog): Promise<boolean> {
    const { storage } = this.#host;
    if (storage.condemned()?.differs !== false) return false;
    let store: Store | undefined;
    try {
      store = await storage.openStore(loaded.start.index);
      await verifyStore(store);
      return true;
    } catch (error) {
      if (error instanceof CoterieError && error.code === 'ERR_CORRUPT') return false;
      throw error;
    } finally {
      await store?.close();
    }
  }

  /** Gives up; `run` rejects with this. Idempotent. */
  close(error: Error): void {
    this.#ended ??= error;
    this.#settle?.reject(this.#ended);
    // A disk that does not answer must not hold the close of the peer.
    this.#log?.abandon();
  }

  /** A member sends a snapshot: one that was asked for, or one that its raft thinks we need. */
  async receive(meta: SnapshotMeta): Promise<SnapshotSink> {
    const store = this.#store;
    if (store === undefined || this.#settle === undefined || this.#ended !== undefined)
      throw new Error('no snapshot is wanted now');
    if (meta.index < this.#minIndex) throw new Error(`a snapshot of entry ${this.#minIndex} or later is wanted`);
    return this.#reception.receive(
      () => store.receiveSnapshot(meta),
      async (sink) => {
        await sink.commit();
        this.#settle?.resolve(meta);
        // One is enough: what comes now must not touch the store that is about to become current.
        this.#settle = undefined;
      },
    );
  }

  onControl(link: NodeId, bytes: Uint8Array): void {
    const message = decodeControl(bytes);
    if (message === undefined || this.#host.directory.nameOfLink(link) !== message.name) return;
    if (message.type === 'who') this.#send(link, this.#iam());
    else if (message.type === 'iam') this.#compare(message);
  }

  get #minIndex(): number {
    return this.#loaded?.start.index ?? Infinity;
  }

  #received(clock: Clock): Promise<SnapshotMeta> {
    const timer = clock.setInterval(() => this.#tick(), pollMs);
    return new Promise<SnapshotMeta>((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#ended !== undefined) reject(this.#ended);
      else this.#tick();
    }).finally(() => clock.clearInterval(timer));
  }

  #tick(): void {
    const { clock, electionTimeoutMs, directory } = this.#host;
    const now = clock.now();
    this.#reception.sweep();
    if (this.#reception.busy) return;
    if (now < this.#nextAskMs) return;
    if (this.#attempts >= rebuildAttemptsMax) {
      this.#settle?.reject(nobodyHelps(this.#attempts, this.#minIndex));
      return;
    }
    this.#nextAskMs = now + Math.min(electionTimeoutMs * 2 ** Math.min(this.#attempts, 20), restMsMax);
    this.#attempts++;
    this.#host.asked(this.#attempts);
    const { memberId } = this.#host.identity;
    for (const link of directory.others) {
      this.#send(link.id, { ...this.#me(), type: 'rebuild', memberId: memberId!, minIndex: this.#minIndex });
      // Whoever was removed meanwhile waits for nothing.
      this.#send(link.id, { ...this.#me(), type: 'who' });
    }
  }

  #me(): Pick<ControlMessage, 'name' | 'incarnation' | 'names'> & { state: 'member'; uid: number } {
    const { name, incarnation, uid } = this.#host.identity;
    return { name, incarnation, state: 'member', uid: uid!, names: this.#host.directory.names };
  }

  /** Its disk is there, so nobody may take it for a lost one; of the cluster it knows nothing just now. */
  #iam(): ControlMessage {
    const { identity, url } = this.#host;
    const known = { memberId: identity.memberId!, founders: identity.founders ?? [], appliedIndex: 0 };
    return { ...this.#me(), type: 'iam', url, ...known };
  }

  /** As `Admission` has it: only who has applied all that we knew to be committed can say that we are gone. */
  #compare({ uid, members, appliedIndex = 0 }: ControlMessage & { type: 'iam' }): void {
    const { identity } = this.#host;
    if (uid !== identity.uid || members === undefined || members.length === 0) return;
    if (appliedIndex < Math.max(identity.memberId!, this.#loaded?.hardState.commit ?? Infinity)) return;
    if (!members.some(({ id }) => id === identity.memberId)) this.#host.removed();
  }

  #send(link: NodeId, message: ControlMessage): void {
    this.#host.send(link, encodeControl(message));
  }
}

/**
 * The condemned state stood on entries of this log. When the log ends before them it has lost what it acknowledged, and
 * then it is the log that is damaged: a new disk, and a new member, are needed.
 *
 * @throws CoterieError ERR_CORRUPT
 */
function checkLog({ start, entries }: LoadedLog, checkpoint: number): void {
  const last = entries.at(-1)?.index ?? start.index;
  if (last >= checkpoint) return;
  const message = `the log ends at entry ${last}, and a checkpoint stood at ${checkpoint}: the log is damaged too`;
  throw new CoterieError('ERR_CORRUPT', { message });
}

function termAt({ start, entries }: LoadedLog, index: number): number | undefined {
  return index === start.index ? start.term : entries[index - start.index - 1]?.term;
}

/** The term only moves forward, and a vote goes only with its term: both are promises. */
function mark(log: MemberLog, { hardState, start }: LoadedLog, meta: SnapshotMeta): Promise<void> {
  invariant(meta.index > start.index, 'a snapshot replaces a log only where it covers its start', { start, meta });
  const { term, vote } = hardState.term >= meta.term ? hardState : { term: meta.term, vote: 0 };
  const next = { term, vote, commit: Math.max(hardState.commit, meta.index) };
  return new Promise((resolve, reject) => {
    log.append({ seq: 0, snapshot: meta, hardState: next, entries: [], mustSync: true }, (error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

function nobodyHelps(attempts: number, minIndex: number): CoterieError {
  const message =
    `no member sent a snapshot of entry ${minIndex} or later in ${attempts} attempts: the damaged state of this member ` +
    `cannot be rebuilt without a leader. Bring back a majority, then open this peer again: it goes on with the rebuild`;
  return new CoterieError('ERR_CORRUPT', { message });
}

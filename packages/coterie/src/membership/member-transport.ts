import type {
  Message,
  NodeId,
  SnapshotMeta,
  SnapshotSink,
  SnapshotSource,
  Transport,
  TransportHandler,
  TransportPeer,
  UnreachableReason,
} from '@coterie/raft';
import type { LinkDirectory } from './link-directory.js';

/** What arrives for a member or for its enrolment. */
export interface MemberHandler {
  onMessages(messages: readonly Message[]): void;
  onForwarded(bytes: Uint8Array): void;
  onControl(link: NodeId, bytes: Uint8Array): void;
  onSnapshot(from: NodeId, meta: SnapshotMeta): Promise<SnapshotSink>;
  onUnreachable(member: NodeId, reason?: UnreachableReason): void;
}

const forwardedKind = 1;
const controlKind = 2;
/** u8 kind, f64 cluster uid. */
const forwardedHeadBytes = 9;

/**
 * A transport of members over a transport of links.
 *
 * Two things are checked of every message that raft is given: it came over the link of its sender's name, and it is of
 * our cluster. The cluster's random number travels as the group of a message, so that a leftover of another cluster of
 * the same name, at the same address, is heard by nobody.
 */
export class MemberTransport implements Transport {
  readonly #links: Transport;
  readonly #directory: LinkDirectory;
  readonly #clusterId: string;
  #handler: MemberHandler | undefined;
  #uid: number | undefined;
  #memberId: NodeId | undefined;

  constructor(links: Transport, directory: LinkDirectory, clusterId: string) {
    this.#links = links;
    this.#directory = directory;
    this.#clusterId = clusterId;
  }

  /** Only what is of this cluster and for this member is let through from now on. */
  enter(uid: number, memberId: NodeId): void {
    this.#uid = uid;
    this.#memberId = memberId;
  }

  listen(handler: MemberHandler): Promise<void> {
    this.#handler = handler;
    const linkHandler: TransportHandler = {
      self: this.#directory.self,
      clusterId: this.#clusterId,
      onMessages: (link, messages) => this.#onMessages(link, messages),
      onBytes: (link, bytes) => this.#onBytes(link, bytes),
      onSnapshot: (link, meta) => this.#onSnapshot(link, meta),
      onUnreachable: (link, reason) => this.#onUnreachable(link, reason),
    };
    this.#links.setPeers(this.#directory.others);
    return this.#links.start(linkHandler);
  }

  /** The node's own call: this transport listens before there is a node. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  setPeers(_peers: readonly TransportPeer[]): void {
    this.#links.setPeers(this.#directory.others);
  }

  send(to: NodeId, messages: readonly Message[]): void {
    const link = this.#directory.linkOfMember(to);
    if (link !== undefined) this.#links.send(link, messages);
  }

  sendBytes(to: NodeId, bytes: Uint8Array): void {
    const link = this.#directory.linkOfMember(to);
    if (link === undefined || this.#uid === undefined) return;
    const framed = new Uint8Array(forwardedHeadBytes + bytes.length);
    framed[0] = forwardedKind;
    new DataView(framed.buffer).setFloat64(1, this.#uid, true);
    framed.set(bytes, forwardedHeadBytes);
    this.#links.sendBytes(link, framed);
  }

  sendControl(link: NodeId, bytes: Uint8Array): void {
    const framed = new Uint8Array(1 + bytes.length);
    framed[0] = controlKind;
    framed.set(bytes, 1);
    this.#links.sendBytes(link, framed);
  }

  sendSnapshot(
    to: NodeId,
    meta: SnapshotMeta,
    source: SnapshotSource,
    opts: { signal: AbortSignal },
  ): Promise<'ok' | 'failed'> {
    const link = this.#directory.linkOfMember(to);
    return link === undefined ? Promise.resolve('failed') : this.#links.sendSnapshot(link, meta, source, opts);
  }

  close(): Promise<void> {
    this.#handler = undefined;
    return this.#links.close();
  }

  #onMessages(link: NodeId, messages: readonly Message[]): void {
    if (this.#handler === undefined || this.#memberId === undefined) return;
    const mine = (message: Message): boolean =>
      message.group === this.#uid && message.to === this.#memberId && this.#directory.admits(link, message.from);
    // Nearly always all of a frame is ours: then it is handed on as it is.
    this.#handler.onMessages(messages.every(mine) ? messages : messages.filter(mine));
  }

  #onBytes(link: NodeId, bytes: Uint8Array): void {
    if (this.#handler === undefined || bytes.length === 0) return;
    if (bytes[0] === controlKind) {
      this.#handler.onControl(link, bytes.subarray(1));
      return;
    }
    if (bytes[0] !== forwardedKind || bytes.length < forwardedHeadBytes) return;
    const uid = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(1, true);
    if (uid === this.#uid) this.#handler.onForwarded(bytes.subarray(forwardedHeadBytes));
  }

  #onSnapshot(link: NodeId, meta: SnapshotMeta): Promise<SnapshotSink> {
    const name = this.#directory.nameOfLink(link);
    const from =
      name === undefined ? undefined : (this.#directory.memberOfName(name) ?? this.#directory.heardFrom(name));
    if (this.#handler === undefined || from === undefined)
      return Promise.reject(new Error('no member to receive a snapshot'));
    return this.#handler.onSnapshot(from, meta);
  }

  #onUnreachable(link: NodeId, reason?: UnreachableReason): void {
    const name = this.#directory.nameOfLink(link);
    const member = name === undefined ? undefined : this.#directory.memberOfName(name);
    if (member !== undefined) this.#handler?.onUnreachable(member, reason);
  }
}

import type { NodeId, TransportPeer } from '@coterie/raft';

/**
 * Names, links and members.
 *
 * A transport knows links: one for each name of the static list, numbered in sorted order, the same on every peer, and
 * known before anybody has a member id. Raft knows members, whose ids are never reused; the link of a member is that of
 * its name. So a wiped disk speaks over the link of its name under a new id, and what was meant for the old id finds
 * nobody.
 */
export class LinkDirectory {
  readonly links: readonly TransportPeer[];
  readonly self: TransportPeer;
  readonly #byName: ReadonlyMap<string, TransportPeer>;
  readonly #byLink: ReadonlyMap<NodeId, TransportPeer>;
  #members = new Map<NodeId, string>();
  /** Senders that no applied configuration has named yet: how a new member answers the leader that fills its log. */
  readonly #heard = new Map<NodeId, string>();

  constructor(name: string, peers: Readonly<Record<string, string>>) {
    const names = Object.keys(peers).sort();
    this.links = names.map((each, i) => ({ id: i + 1, name: each, address: peers[each]! }));
    this.#byName = new Map(this.links.map((link) => [link.name, link]));
    this.#byLink = new Map(this.links.map((link) => [link.id, link]));
    this.self = this.#byName.get(name)!;
  }

  get others(): readonly TransportPeer[] {
    return this.links.filter((link) => link !== this.self);
  }

  get names(): readonly string[] {
    return this.links.map((link) => link.name);
  }

  linkNamed(name: string): TransportPeer | undefined {
    return this.#byName.get(name);
  }

  nameOfLink(link: NodeId): string | undefined {
    return this.#byLink.get(link)?.name;
  }

  setMembers(members: readonly { readonly id: NodeId; readonly name: string }[]): void {
    this.#members = new Map(members.map((member) => [member.id, member.name]));
    this.#heard.clear();
  }

  nameOfMember(id: NodeId): string | undefined {
    return this.#members.get(id) ?? this.#heard.get(id);
  }

  linkOfMember(id: NodeId): NodeId | undefined {
    const name = this.nameOfMember(id);
    return name === undefined ? undefined : this.#byName.get(name)?.id;
  }

  memberOfName(name: string): NodeId | undefined {
    let newest: NodeId | undefined;
    for (const [id, each] of this.#members) if (each === name && (newest === undefined || id > newest)) newest = id;
    return newest;
  }

  /** The member that was heard over the link of this name before any configuration named it. */
  heardFrom(name: string): NodeId | undefined {
    for (const [id, each] of this.#heard) if (each === name) return id;
    return undefined;
  }

  /**
   * Whether a message that claims to be from a member may come over this link; a member not yet known is remembered by
   * its link.
   */
  admits(link: NodeId, member: NodeId): boolean {
    const name = this.nameOfLink(link);
    if (name === undefined) return false;
    const known = this.nameOfMember(member);
    if (known !== undefined) return known === name;
    // Bounded: a peer with a configuration knows its members, and one without hears only from the few that fill its
    // log.
    if (this.#heard.size >= 64) return false;
    this.#heard.set(member, name);
    return true;
  }
}

import { CoterieError } from '@coterie/errors';
import type { NodeId, Random } from '@coterie/raft';
import type { Founder, Identity } from '../data-dir/identity.js';
import { decodeControl, encodeControl, type ControlMessage } from './control-message.js';
import type { LinkDirectory } from './link-directory.js';

/** What an enrolment needs. `persist` is durable when it returns. */
export interface EnrolmentHost {
  readonly directory: LinkDirectory;
  readonly random: Random;
  now(): number;
  persist(identity: Identity): void;
  send(link: NodeId, bytes: Uint8Array): void;
  /**
   * This directory is a member from here on: the log may be made (with the founding entries, if it founded) and raft
   * may start.
   */
  enrolled(identity: Identity): void;
  /** Something only a person can mend. Said once per text. */
  problem(error: CoterieError): void;
  /** The highest feature level that this build takes part in. */
  readonly supportedLevel: number;
}

type Answer = ControlMessage & { readonly type: 'iam' };

/** A word of a peer is believed for so long. */
const freshMs = 3000;

/**
 * How an empty data directory becomes a member of a static list (the first name founds, others are bound by promises).
 *
 * Why there is never a second cluster: only the first name of the sorted list may found, and only once *every* listed
 * peer has durably promised this very cluster; a peer holds one promise at a time and, once a member, gives none. So if
 * a founder has founded, some of its peers either still hold its promise (and tell who the founders are) or are members
 * (and say so), and whoever is empty joins them. If a founder lost its disk before any other peer became a member,
 * nothing was ever committed (it is a minority alone), and a new promise to its new incarnation takes the old one's
 * place everywhere, or nowhere: one member that refuses stops it.
 */
export class Enrolment {
  readonly #host: EnrolmentHost;
  #identity: Identity;
  readonly #url: string;
  readonly #heard = new Map<string, { readonly message: Answer; readonly atMs: number }>();
  readonly #problems = new Set<string>();
  #done = false;

  constructor(host: EnrolmentHost, identity: Identity, url: string) {
    this.#host = host;
    this.#identity = identity;
    this.#url = url;
  }

  get identity(): Identity {
    return this.#identity;
  }

  /** Asks round and takes the next step that the answers allow. Called every few hundred ms until enrolled. */
  tick(): void {
    if (this.#done) return;
    const { directory } = this.#host;
    for (const link of directory.others) this.#say(link.id, { ...this.#me(), type: 'who' });
    const member = this.#freshMember();
    if (member !== undefined) this.#approach(member);
    else if (directory.self.id === 1) this.#found();
  }

  /** @returns whether the message was for an enrolment */
  onControl(link: NodeId, bytes: Uint8Array): void {
    const message = decodeControl(bytes);
    if (message === undefined || this.#done) return;
    if (this.#host.directory.nameOfLink(link) !== message.name) return;
    if (!this.#sameList(message)) return;
    // Only answers count: a question of a member says less than its answer does, and must not take the answer's place.
    if (message.type === 'iam') this.#heard.set(message.name, { message, atMs: this.#host.now() });
    if (message.type === 'who') this.#say(link, { ...this.#me(), type: 'iam', url: this.#url });
    else if ('to' in message && message.to !== this.#identity.incarnation) return;
    else if (message.type === 'promise') this.#promise(link, message.promiseUid);
    else if (message.type === 'joined') this.#joined(message);
    else if (message.type === 'refused') this.#problem('ERR_NO_LEADER', message.reason);
  }

  #me(): Pick<ControlMessage, 'name' | 'incarnation' | 'state' | 'names' | 'supports'> & { uid?: number } {
    const { name, incarnation, uid } = this.#identity;
    const state = uid === undefined ? 'empty' : 'promised';
    const supports = this.#host.supportedLevel;
    return {
      name,
      incarnation,
      state,
      names: this.#host.directory.names,
      supports,
      ...(uid === undefined ? {} : { uid }),
    };
  }

  #say(link: NodeId, message: ControlMessage): void {
    this.#host.send(link, encodeControl(message));
  }

  #sameList(message: ControlMessage): boolean {
    const mine = this.#host.directory.names;
    if (message.names.length === mine.length && message.names.every((name, i) => name === mine[i])) return true;
    this.#problem(
      'ERR_INVALID_ARGUMENT',
      `cluster.peers differs: here it lists ${mine.join(', ')}; on '${message.name}' it lists ${message.names.join(', ')}`,
    );
    return false;
  }

  #fresh(name: string): Answer | undefined {
    const heard = this.#heard.get(name);
    return heard !== undefined && this.#host.now() - heard.atMs <= freshMs ? heard.message : undefined;
  }

  /** The member that has applied most: one that is behind may name members that are long replaced. */
  #freshMember(): Answer | undefined {
    let furthest: Answer | undefined;
    for (const { name } of this.#host.directory.others) {
      const message = this.#fresh(name);
      if (message?.state !== 'member' || message.uid === undefined) continue;
      if (furthest === undefined || (message.appliedIndex ?? 0) > (furthest.appliedIndex ?? 0)) furthest = message;
    }
    return furthest;
  }

  // ---------------------------------------------------------------------------------------------------------- founding

  /** The first name only. */
  #found(): void {
    const { directory, random } = this.#host;
    const answers = directory.others.map((link) => this.#fresh(link.name));
    if (answers.some((answer) => answer === undefined)) return;
    if (this.#identity.uid === undefined) {
      // Drawn once and durable before it is spoken: a second founding attempt of this directory is of the same cluster.
      this.#become({ ...this.#identity, uid: 1 + random.nextInt(2 ** 47) });
    }
    const uid = this.#identity.uid!;
    directory.others.forEach((link, i) => {
      if (answers[i]!.uid !== uid)
        this.#say(link.id, { ...this.#me(), type: 'promise', to: answers[i]!.incarnation, promiseUid: uid });
    });
    if (answers.some((answer) => answer!.uid !== uid || answer!.state !== 'promised')) return;
    const founders = directory.links.map((link): Founder => {
      if (link === directory.self) return { name: link.name, url: this.#url, incarnation: this.#identity.incarnation };
      const answer = this.#fresh(link.name)!;
      return { name: link.name, url: link.address, incarnation: answer.incarnation };
    });
    this.#enrol({ ...this.#identity, memberId: directory.self.id, founders });
  }

  /** Bound from here on: the answer goes out only when the promise is on disk. */
  #promise(link: NodeId, uid: number): void {
    if (link !== 1 || this.#host.directory.self.id === 1) return;
    if (this.#identity.uid !== uid) this.#become({ ...this.#identity, uid });
    this.#say(link, { ...this.#me(), type: 'iam', url: this.#url });
  }

  // ----------------------------------------------------------------------------------------------------------- joining

  #approach(member: Answer): void {
    const { supportedLevel } = this.#host;
    if ((member.featureLevel ?? 1) > supportedLevel) {
      this.#tell(
        new CoterieError('ERR_FEATURE_LEVEL', {
          message: `the cluster is at feature level ${member.featureLevel}, this build knows ${supportedLevel}: install a newer one`,
          level: member.featureLevel,
          supported: supportedLevel,
        }),
      );
      return;
    }
    const founders = member.founders ?? [];
    const { name, incarnation, uid } = this.#identity;
    const place = founders.findIndex((f) => f.name === name && f.incarnation === incarnation);
    // Only into the cluster of the present promise: a late word of a founder whose disk is gone must not undo a newer
    // promise.
    if (place >= 0 && uid === member.uid) {
      this.#enrol({ ...this.#identity, memberId: place + 1, founders });
      return;
    }
    this.#checkQuorum(member);
    for (const link of this.#host.directory.others) {
      this.#say(link.id, { ...this.#me(), type: 'join', url: this.#url });
    }
  }

  #joined(message: ControlMessage & { type: 'joined' }): void {
    if (message.state !== 'member' || message.uid === undefined) return;
    this.#enrol({ ...this.#identity, uid: message.uid, memberId: message.memberId, founders: message.founders });
  }

  /**
   * When every listed peer has answered and the members that still have their disks are no majority, no leader can come
   * by itself. Nothing is bootstrapped then: what the lost majority had acknowledged may be in the disks that remain.
   */
  #checkQuorum(member: Answer): void {
    const voters = (member.members ?? []).filter((m) => m.voter);
    const answers = this.#host.directory.others.map((link) => this.#fresh(link.name));
    if (voters.length === 0 || answers.some((answer) => answer === undefined)) return;
    // Whoever leads has a quorum, whatever the one that was asked knows of it.
    if (answers.some((answer) => answer?.leader !== undefined)) return;
    const intact = (name: string, incarnation: string): boolean =>
      answers.some((a) => a?.name === name && a.incarnation === incarnation && a.state === 'member');
    const lost = voters.filter((v) => !intact(v.name, v.incarnation)).map((v) => v.name);
    if (voters.length - lost.length > voters.length / 2) return;
    this.#problem(
      'ERR_NO_LEADER',
      `the cluster '${this.#identity.clusterId}' has lost its quorum: the disks of ${lost.join(', ')} are gone, ` +
        `${voters.length - lost.length} of ${voters.length} voters remain. Nothing was bootstrapped. Bring back the data directories ` +
        `of a majority; if they are gone for good, run 'coterie recover' on the best survivor (docs/recovery.md)`,
    );
  }

  // ------------------------------------------------------------------------------------------------------------ shared

  #become(identity: Identity): void {
    this.#host.persist(identity);
    this.#identity = identity;
  }

  #enrol(identity: Identity): void {
    this.#done = true;
    this.#identity = identity;
    this.#host.enrolled(identity);
  }

  #problem(code: 'ERR_INVALID_ARGUMENT' | 'ERR_NO_LEADER', message: string): void {
    const fields = code === 'ERR_INVALID_ARGUMENT' ? { argument: 'cluster.peers' } : { retryable: true };
    this.#tell(new CoterieError(code, { message, ...fields }));
  }

  #tell(error: CoterieError): void {
    if (this.#problems.has(error.message)) return;
    if (this.#problems.size < 100) this.#problems.add(error.message);
    this.#host.problem(error);
  }
}

import { CoterieError } from '@coterie/errors';
import type { CoreStatus, NodeId, ChangeResult, ConfChange } from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import { decodeControl, encodeControl, type ControlMessage } from './control-message.js';
import type { LinkDirectory } from './link-directory.js';
import { encodeMember, type Member } from './member-record.js';
import { SupportedLevels } from './supported-levels.js';

/** What the admission needs of its member. */
export interface AdmissionHost {
  readonly directory: LinkDirectory;
  readonly identity: Identity;
  readonly url: string;
  status(): CoreStatus;
  members(): readonly Member[];
  change(change: ConfChange, records: readonly (Uint8Array | undefined)[]): ChangeResult;
  send(link: NodeId, bytes: Uint8Array): void;
  /** This member's id is no longer in the cluster that others know. */
  removed(): void;
  /** Something only a person can mend. */
  problem(error: CoterieError): void;
  now(): number;
  /** The highest feature level that this build takes part in. */
  readonly supportedLevel: number;
  /** The level in force here. */
  featureLevel(): number;
  /** Every member knows this level: propose it. */
  raiseLevel(level: number, members: readonly NodeId[]): void;
}

/**
 * A learner this close to the commit index is promoted (etcd asks for 90 % of the leader's log; a bound in entries says
 * more).
 */
const caughtUpEntries = 1000;

/** Earlier ids of a name that one change removes: far more than there are, and fewer than a change may have steps. */
const removalsMax = 100;

/** A member without a leader asks the others so seldom, in heartbeats. */
const askEveryTicks = 10;

/**
 * A member's side of enrolment: it tells the newcomers who it is, and the leader lets them in.
 *
 * A wiped disk joins as a new learner and, once it has caught up, one joint change makes it a voter and removes the id
 * that its name had before: the quorum never counts a member that has forgotten what it voted.
 */
export class Admission {
  readonly #host: AdmissionHost;
  #ticks = 0;
  /** Peers of another cluster that were told of: once each is enough. */
  readonly #strangers = new Set<string>();
  readonly #levels = new SupportedLevels();

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  onControl(link: NodeId, bytes: Uint8Array): void {
    const message = decodeControl(bytes);
    if (message === undefined || this.#host.directory.nameOfLink(link) !== message.name) return;
    if (message.type === 'who') this.#host.send(link, encodeControl(this.#iam()));
    else if (message.type === 'join') this.#join(link, message);
    else if (message.type === 'iam') this.#compare(message);
  }

  /**
   * On every heartbeat. A leader swaps learners that have caught up for the member their name had before.
   *
   * One that has applied its own removal goes on nevertheless: the others may not know yet that it is committed, and
   * may need its vote and its log to get there (etcd #10563). It ends when one of them says that it has applied it too.
   */
  tick(): void {
    const status = this.#host.status();
    if (status.role === 'leader') {
      this.#promote(status);
      if (this.#host.featureLevel() < this.#host.supportedLevel && this.#ticks++ % askEveryTicks === 0)
        this.#raise(status);
    } else if (status.leader === 0 && this.#ticks++ % askEveryTicks === 0) this.#askAll();
  }

  #me(): Pick<ControlMessage, 'name' | 'incarnation' | 'names' | 'supports'> & { state: 'member'; uid: number } {
    const { name, incarnation, uid } = this.#host.identity;
    return {
      name,
      incarnation,
      state: 'member',
      uid: uid!,
      names: this.#host.directory.names,
      supports: this.#host.supportedLevel,
    };
  }

  #iam(): ControlMessage {
    const status = this.#host.status();
    const voters = new Set([...status.conf.voters, ...status.conf.votersOutgoing]);
    const members = this.#host.members();
    const leader = members.find((member) => member.id === status.leader)?.name;
    return {
      ...this.#me(),
      type: 'iam',
      url: this.#host.url,
      memberId: status.id,
      founders: this.#host.identity.founders ?? [],
      members: members.map(({ id, name, incarnation }) => ({ id, name, incarnation, voter: voters.has(id) })),
      appliedIndex: status.applied,
      featureLevel: this.#host.featureLevel(),
      ...(leader === undefined ? {} : { leader }),
    };
  }

  #join(link: NodeId, message: ControlMessage & { type: 'join' }): void {
    const { directory, identity } = this.#host;
    const status = this.#host.status();
    if (status.role !== 'leader') return;
    const refuse = (reason: string): void =>
      this.#host.send(
        link,
        encodeControl({
          ...this.#me(),
          type: 'refused',
          to: message.incarnation,
          reason: `${identity.name}: ${reason}`,
        }),
      );
    if (message.names.join('\n') !== directory.names.join('\n')) {
      refuse(`the static list here is ${directory.names.join(', ')}`);
      return;
    }
    if ((message.supports ?? 1) < this.#host.featureLevel()) {
      refuse(`the cluster is at feature level ${this.#host.featureLevel()}, your build knows ${message.supports ?? 1}`);
      return;
    }
    const present = this.#host.members().find((m) => m.name === message.name && m.incarnation === message.incarnation);
    if (present !== undefined) {
      const joined = {
        ...this.#me(),
        type: 'joined',
        to: message.incarnation,
        memberId: present.id,
        founders: identity.founders ?? [],
      } as const;
      this.#host.send(link, encodeControl(joined));
      return;
    }
    if (this.#someoneAlive(message.name, status)) return;
    const record = encodeMember({ name: message.name, url: message.url, incarnation: message.incarnation });
    // Whoever loses its disk again and again before it has caught up leaves one learner behind, not one each time.
    const stale = this.#host.members().filter((m) => m.name === message.name && status.conf.learners.includes(m.id));
    const steps = [
      { op: 'addLearner', id: 0 } as const,
      ...stale.slice(0, removalsMax).map((m) => ({ op: 'remove', id: m.id }) as const),
    ];
    // A refusal (another change is under way) needs no answer: the newcomer asks again.
    this.#host.change({ transition: 'auto', steps }, [record]);
  }

  /**
   * While the earlier owner of a name still answers, a newcomer of that name is a mistake of configuration; it may also
   * just have died.
   */
  #someoneAlive(name: string, status: CoreStatus): boolean {
    const ids = new Set(
      this.#host
        .members()
        .filter((m) => m.name === name)
        .map((m) => m.id),
    );
    return ids.has(status.id) || status.progress.some((p) => ids.has(p.id) && p.recentActive);
  }

  #promote(status: CoreStatus): void {
    const members = this.#host.members();
    for (const progress of status.progress) {
      if (
        !progress.learner ||
        !progress.recentActive ||
        progress.match + caughtUpEntries < status.commit ||
        progress.match === 0
      )
        continue;
      const learner = members.find((m) => m.id === progress.id);
      if (learner === undefined) continue;
      const earlier = members.filter((m) => m.name === learner.name && m.id < learner.id);
      // A still newer incarnation of the name waits as well: that one is to be promoted, not this one.
      if (members.some((m) => m.name === learner.name && m.id > learner.id)) continue;
      // An owner of the name that has come back is not replaced behind its back.
      if (earlier.some((m) => status.progress.some((p) => p.id === m.id && p.recentActive))) continue;
      const steps = [
        { op: 'addVoter', id: learner.id } as const,
        ...earlier.slice(0, removalsMax).map((m) => ({ op: 'remove', id: m.id }) as const),
      ];
      this.#host.change({ transition: 'auto', steps }, []);
      return;
    }
  }

  /** Asks everybody what they know, and raises the level that all of them do. */
  #raise(status: CoreStatus): void {
    this.#levels.heard(status.id, this.#host.supportedLevel, this.#host.now());
    const common = this.#levels.common(status.conf, this.#host.now());
    if (common !== undefined && common.level > this.#host.featureLevel())
      this.#host.raiseLevel(common.level, common.members);
    else this.#askAll();
  }

  // ----------------------------------------------------------------------------------------------------------- removed

  #askAll(): void {
    for (const link of this.#host.directory.others)
      this.#host.send(link.id, encodeControl({ ...this.#me(), type: 'who' }));
  }

  /** Two clusters of one id and one list: one was recovered by force, or founded while the other was away. */
  #meetStranger(message: ControlMessage): void {
    if (this.#strangers.has(message.name)) return;
    this.#strangers.add(message.name);
    const { clusterId, name, uid } = this.#host.identity;
    this.#host.problem(
      new CoterieError('ERR_NO_LEADER', {
        message:
          `'${message.name}' is of another cluster '${clusterId}' (uid ${message.uid}) than '${name}' (uid ${uid}): one of the two was ` +
          `recovered by force or founded anew. Empty the data directory of the peer that is to join the other`,
        retryable: false,
      }),
    );
  }

  /** A member of our cluster that has applied all that we have, and in whose configuration our id does not stand. */
  #compare(message: ControlMessage & { type: 'iam' }): void {
    const status = this.#host.status();
    if (message.state !== 'member' || message.uid === undefined || message.members === undefined) return;
    if (message.uid !== this.#host.identity.uid) {
      this.#meetStranger(message);
      return;
    }
    if (message.memberId !== undefined) this.#levels.heard(message.memberId, message.supports, this.#host.now());
    // Our id is the index of the entry that added us: whoever has not applied that far cannot know us yet.
    if ((message.appliedIndex ?? 0) < Math.max(status.id, status.applied) || message.members.length === 0) return;
    if (!message.members.some((m) => m.id === status.id)) this.#host.removed();
  }
}

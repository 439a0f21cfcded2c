import { CoterieError, toPlainError } from '@coterie/errors';
import { Upkeep, whyNoSpace, type CallControl, type EngineStream } from '@coterie/mvcc';
import type { NodeId, RaftEvent } from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import { checkIdentity, settledIdentity } from '../data-dir/identity-check.js';
import { LatestValue } from '../latest-value.js';
import { Integrity } from '../integrity/integrity.js';
import { Rebuilds } from '../integrity/rebuilds.js';
import { defaultScrubOptions } from '../integrity/scrub-pace.js';
import { Admission } from '../membership/admission.js';
import { Enrolment } from '../membership/enrolment.js';
import { LinkDirectory } from '../membership/link-directory.js';
import { decodeMember, type Member } from '../membership/member-record.js';
import { MemberTransport } from '../membership/member-transport.js';
import { noTransport } from '../membership/no-transport.js';
import { Deadlines } from './deadlines.js';
import type { Engine, MemberInfo, PeerDiagnostics, PeerState, PeerStatus, StopReason } from './engine.js';
import type { PeerEngineParts } from './peer-engine-parts.js';
import { asCoterieError, noLeaderError, removedError } from './peer-errors.js';
import { PeerCalls } from './peer-calls.js';
import { DamagedStore, Replica } from './replica.js';
import { levelsOf } from './settings.js';
import { diagnosticsOf, statusOf, withIntegrity } from './status.js';
import { handOver, memberNamed, tryHandOver } from './hand-over.js';

/** How often the integrity of the state is looked after. */
const integrityMs = 1000;
/** How often enrolment asks round, and a leader looks after sessions and history. */
const enrolMs = 200;

/**
 * The engine of one peer: first its enrolment, then its replica; and the calls of the boundary on top of it.
 */
export class PeerEngine extends PeerCalls implements Engine {
  readonly #parts: PeerEngineParts;
  readonly #directory: LinkDirectory;
  readonly #transport: MemberTransport;
  readonly #deadlines: Deadlines;
  readonly #status: LatestValue<PeerStatus>;
  readonly #stopped: Promise<StopReason>;
  #settleStopped!: (stopped: StopReason) => void;
  #enrolment: Enrolment | undefined;
  #admission: Admission | undefined;
  #integrity: Integrity | undefined;
  readonly #rebuilds: Rebuilds;
  #replica: Replica | undefined;
  #problem: CoterieError | undefined;
  #timers: unknown[] = [];
  #state: PeerState = 'starting';
  #error: CoterieError | undefined;
  #members: readonly Member[] = [];
  #closing: Promise<null> | undefined;
  /** From the decision to become a member until the replica runs. */
  #enrolling: Promise<void> = Promise.resolve();
  #hadLeader = false;
  /** Counts the replicas that ran here: what an earlier one still says is not heard. */
  #lives = 0;

  constructor(parts: PeerEngineParts) {
    const deadlines = new Deadlines(parts.ports.clock);
    super(deadlines, parts.requestTimeoutMs, parts.ports.turns);
    this.#parts = parts;
    this.#deadlines = deadlines;
    this.#directory = new LinkDirectory(parts.name, parts.peers);
    this.#transport = new MemberTransport(parts.transport ?? noTransport, this.#directory, parts.clusterId);
    this.#rebuilds = new Rebuilds({
      ...{ parts, directory: this.#directory },
      send: (link, bytes) => this.#transport.sendControl(link, bytes),
      changed: () => this.#publish(),
      removed: () => this.#stop('removed', removedError()),
    });
    this.#status = new LatestValue(this.#makeStatus());
    this.#stopped = new Promise((resolve) => (this.#settleStopped = resolve));
  }

  /**
   * Opens the data and listens; does not wait for others. Nothing is written before the directory's owner and the
   * address were looked at.
   *
   * @throws CoterieError ERR_DATA_DIR_IN_USE, ERR_DATA_DIR_MISMATCH, ERR_CORRUPT, ERR_STORAGE, ERR_LISTEN
   */
  async start(): Promise<void> {
    const { storage, clusterId, name, ports } = this.#parts;
    const found = storage.inspect();
    if (found !== undefined) checkIdentity(found, clusterId, name, this.#directory.names);
    await this.#transport.listen({
      onMessages: (messages) => this.#replica?.node.receive(messages),
      onForwarded: (bytes) => this.#replica?.node.receiveForwarded(bytes),
      onControl: (link, bytes) => this.#guard(() => this.#onControl(link, bytes)),
      onSnapshot: (from, meta) =>
        this.#replica?.node.receiveSnapshot(from, meta) ??
        this.#rebuilds.receive(meta) ??
        Promise.reject(new Error('not a member yet')),
      onUnreachable: (member, reason) => this.#replica?.node.unreachable(member, reason),
    });
    try {
      await storage.open();
      const identity = settledIdentity(found, clusterId, this.#directory, ports.random);
      if (identity !== found) storage.saveIdentity(identity);
      if (identity.memberId !== undefined) {
        if (!storage.hasLog(identity)) {
          throw new CoterieError('ERR_CORRUPT', {
            message: 'the data directory is of a member, and its log is missing',
          });
        }
        await this.#open(identity);
      } else if (this.#directory.others.length === 0) await this.#foundAlone(identity);
      else this.#enrol(identity);
    } catch (error) {
      await this.#transport.close();
      await storage.release();
      throw asCoterieError(error, 'the data directory cannot be opened');
    }
  }

  #onControl(link: NodeId, bytes: Uint8Array): void {
    (this.#admission ?? this.#enrolment)?.onControl(link, bytes);
    this.#integrity?.onControl(link, bytes);
    this.#rebuilds.onControl(link, bytes);
  }

  get status(): PeerStatus {
    return this.#status.value;
  }

  override get replica(): Replica | undefined {
    return this.#replica;
  }

  // --------------------------------------------------------------------------------------------------------- enrolment

  #enrol(identity: Identity): void {
    const { ports, storage } = this.#parts;
    this.#enrolment = new Enrolment(
      {
        directory: this.#directory,
        random: ports.random,
        now: () => ports.clock.now(),
        persist: (next) => storage.saveIdentity(next),
        send: (link, bytes) => this.#transport.sendControl(link, bytes),
        enrolled: (next) => {
          this.#enrolling = this.#enrolled(next);
        },
        problem: (error) => {
          this.#meet(error);
          this.callers.fail(error);
        },
        supportedLevel: this.#parts.featureLevel,
      },
      identity,
      this.#parts.url,
    );
    const tick = (): void => this.#guard(() => this.#enrolment?.tick());
    this.#timers.push(ports.clock.setInterval(tick, enrolMs));
    ports.turns.defer(tick);
  }

  /** Kept for whoever asks whether this peer is ready. */
  #meet(problem: CoterieError): void {
    this.#parts.logger.warn({ error: problem.message }, 'membership');
    this.#problem = problem;
  }

  async #foundAlone(identity: Identity): Promise<void> {
    const { ports, url } = this.#parts;
    const founders = [{ name: identity.name, url, incarnation: identity.incarnation }];
    await this.#enrolled({ ...identity, uid: 1 + ports.random.nextInt(2 ** 47), memberId: 1, founders });
    if (this.#error !== undefined) throw this.#error;
  }

  async #enrolled(identity: Identity): Promise<void> {
    const { storage } = this.#parts;
    try {
      const founder = identity.founders!.some((f) => f.incarnation === identity.incarnation);
      if (founder) await Replica.found(storage, identity);
      else await Replica.begin(storage, identity);
      // Only now, when the log is there: a crash before this line begins the enrolment again, one after it finds a
      // whole member.
      storage.saveIdentity(identity);
      this.#stopTimers();
      this.#enrolment = undefined;
      if (this.#error === undefined) await this.#open(identity);
    } catch (error) {
      this.#fail(error);
    }
  }

  // ------------------------------------------------------------------------------------------------------------ member

  /** Runs as the member of this directory, or builds its state anew where that is damaged. */
  async #open(identity: Identity): Promise<void> {
    const condemned = this.#parts.storage.condemned();
    // Before the applied configuration is known, the founders' ids are: their place in the list.
    this.#directory.setMembers((identity.founders ?? []).map((founder, i) => ({ id: i + 1, name: founder.name })));
    this.#transport.enter(identity.uid!, identity.memberId!);
    if (condemned !== undefined) {
      this.#rebuild(identity, new CoterieError('ERR_CORRUPT', { message: condemned.reason }), undefined);
      return;
    }
    try {
      await this.#run(identity);
    } catch (error) {
      if (!(error instanceof DamagedStore) || this.#directory.others.length === 0) throw error;
      this.#rebuild(identity, error.cause, undefined);
    }
  }

  /** Nothing is served from here on, until the state has been built anew. */
  #rebuild(identity: Identity, reason: CoterieError, replica: Replica | undefined): void {
    this.#lives++;
    this.#stopTimers();
    // What a state that differs has shown is no measure of anything.
    if (replica?.machine.damage !== undefined) this.gate.shown(replica.machine.revision);
    this.#replica = this.#admission = undefined;
    this.#enrolling = this.#rebuilds
      .run(identity, reason, replica)
      .then(() => (this.#error === undefined ? this.#open(identity) : undefined))
      .catch((error: unknown) => this.#fail(error));
    if (this.#rebuilds.error !== undefined) this.callers.fail(this.#rebuilds.error);
    this.#publish();
  }

  async #run(identity: Identity): Promise<void> {
    const { ports, options, integrity } = this.#parts;
    const life = ++this.#lives;
    const replica = await Replica.open({
      ...this.#parts,
      transport: this.#transport,
      identity,
      hashEvery: integrity?.hashEvery,
      paused: () => this.#integrity?.doubt !== undefined,
      observer: (event) => {
        if (life === this.#lives) this.#onEvent(identity, event);
      },
    });
    if (this.#error !== undefined) {
      // Closed, or failed, while the store was being opened.
      await replica.close(this.#error);
      return;
    }
    this.#replica = replica;
    this.#problem = undefined;
    if (replica.machine.cluster() !== undefined) this.#onConf();
    const upkeep = new Upkeep(replica, this.#parts.history, this.#parts.logger);
    this.#admission = new Admission({
      directory: this.#directory,
      identity,
      url: this.#parts.url,
      status: () => replica.node.status(),
      members: () => this.#members,
      change: (change, records) => replica.node.changeMembership(change, records),
      send: (link, bytes) => this.#transport.sendControl(link, bytes),
      removed: () => this.#stop('removed', removedError()),
      problem: (error) => this.#meet(error),
      ...levelsOf(replica, upkeep, this.#parts),
    });
    this.#integrity = new Integrity(
      {
        ...{ replica, identity, directory: this.#directory, transport: this.#transport, clock: ports.clock },
        ...{ transferMs: options.snapshotTransferMs, logger: this.#parts.logger },
        members: () => this.#members,
        send: (link, bytes) => this.#transport.sendControl(link, bytes),
        differs: (error) => this.#rebuild(identity, error, replica),
        changed: () => this.#publish(),
      },
      integrity ?? { scrub: defaultScrubOptions },
    );
    this.#timers.push(
      ports.clock.setInterval(() => this.#guard(() => this.#onHeartbeat()), options.heartbeatMs),
      ...upkeep.duties.map(({ everyMs, run }) => ports.clock.setInterval(() => this.#guard(run), everyMs)),
      ports.clock.setInterval(() => this.#guard(() => this.#integrity?.tick()), integrityMs),
    );
    this.callers.admit(replica);
    this.#publish();
  }

  #onEvent(identity: Identity, event: RaftEvent): void {
    const replica = this.#replica;
    const damage = replica?.machine.damage;
    // Known to be rebuilding before anybody hears of it.
    if (event.type === 'failed' && damage !== undefined && this.#error === undefined)
      this.#rebuild(identity, damage, replica);
    else if (event.type === 'failed') this.#fail(event.error);
    this.#parts.observer?.(event);
    if (event.type === 'conf') this.#onConf();
    else if (event.type === 'role') {
      this.#hadLeader ||= event.leader !== 0;
      this.#replica?.proposer.leaderChanged();
      this.#publish();
    }
  }

  #onConf(): void {
    const cluster = this.#replica?.node.cluster;
    if (cluster === undefined) return;
    this.#members = cluster.members.map(decodeMember);
    this.#directory.setMembers(this.#members);
    this.#publish();
  }

  #onHeartbeat(): void {
    this.#admission?.tick();
    const { node } = this.#replica!;
    const shown = this.#status.value;
    const moved = shown.commitIndex !== node.commitIndex || shown.appliedIndex !== node.appliedIndex;
    if (moved || shown.noSpace?.message !== whyNoSpace(this.#replica!)?.message) this.#publish();
  }

  // ------------------------------------------------------------------------------------------------------------- calls

  async ready(_: null, control: CallControl): Promise<PeerStatus> {
    const begun = this.#parts.ports.clock.now();
    const timeoutMs = control.timeoutMs ?? 0;
    try {
      if (this.#problem !== undefined && this.#replica === undefined) throw this.#problem;
      const replica = await this.running('ready', { ...control, timeoutMs });
      const left = timeoutMs === 0 ? 0 : Math.max(1, timeoutMs - (this.#parts.ports.clock.now() - begun));
      await this.gate.confirm('ready', replica, { ...control, timeoutMs: left });
    } catch (error) {
      if (!(error instanceof CoterieError) || error.code !== 'ERR_TIMEOUT') throw error;
      if (this.#status.value.leader !== undefined) throw error;
      throw this.#problem ?? noLeaderError(this.#directory.others, timeoutMs, error);
    }
    this.#publish();
    return this.#status.value;
  }

  members(_: null, control: CallControl): Promise<readonly MemberInfo[]> {
    return this.running('members', control).then(() => {
      this.#publish();
      return this.#status.value.members;
    });
  }

  async transferLeadership(request: { readonly to?: string }, control: CallControl): Promise<null> {
    const replica = await this.running('transferLeadership', control);
    const to = request.to === undefined ? 0 : memberNamed(this.#members, request.to);
    await this.#deadlines.run<undefined>(
      'transferLeadership',
      control,
      this.#parts.requestTimeoutMs,
      (resolve, reject) => handOver(replica.node, this.#parts, to, resolve, reject),
    );
    return null;
  }

  diagnostics(_: null, control: CallControl): Promise<PeerDiagnostics> {
    return this.running('diagnostics', control).then((replica) =>
      diagnosticsOf(replica, this.#integrity?.scrubRounds ?? 0),
    );
  }

  statuses(_: null): EngineStream<PeerStatus> {
    return this.#status.stream();
  }

  stopped(_: null, _control: CallControl): Promise<StopReason> {
    return this.#stopped;
  }

  /** Why no call is served, if none is. */
  protected override get refusing(): CoterieError | undefined {
    return this.#error ?? this.#rebuilds.error;
  }

  protected override get doubt(): CoterieError | undefined {
    return this.#integrity?.doubt;
  }

  // ------------------------------------------------------------------------------------------------------------ status

  #makeStatus(): PeerStatus {
    const shown = statusOf(this.#parts.name, this.#state, this.#hadLeader, this.#replica, this.#members);
    return this.#error === undefined ? withIntegrity(shown, this.#rebuilds.status, this.doubt) : shown;
  }

  #publish(): void {
    this.#status.set(this.#makeStatus());
  }

  // --------------------------------------------------------------------------------------------------------------- end

  /** Nothing of ours may throw out of a timer or a received message into the application: it stops this peer. */
  #guard(work: () => void): void {
    if (this.#error !== undefined) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const shown = asCoterieError(error, 'the peer stopped itself');
    this.#parts.logger.error({ error: shown.message, code: shown.code }, 'the peer stops serving');
    this.#stop('failed', shown);
  }

  /** Leaves the quorum for good; the data directory stays this process's until `close`. */
  #stop(reason: 'removed' | 'failed', error: CoterieError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#state = reason;
    this.#stopTimers();
    this.#rebuilds.close(error);
    this.#replica?.halt(error);
    this.callers.fail(error);
    this.#publish();
    this.#settleStopped({ reason, error: toPlainError(error) });
    void this.#transport.close().catch(() => undefined);
    void this.#replica?.machine.close().catch(() => undefined);
  }

  #stopTimers(): void {
    for (const timer of this.#timers) this.#parts.ports.clock.clearInterval(timer);
    this.#timers = [];
    this.#integrity?.close();
    this.#integrity = undefined;
  }

  close(_: null = null): Promise<null> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<null> {
    const closed = new CoterieError('ERR_CLOSED', { message: 'the peer is closed' });
    const limitMs = this.#parts.closeTimeoutMs;
    if (this.#error === undefined && this.#replica?.node.isLeader === true)
      await tryHandOver(this.#replica.node, this.#parts, this.#deadlines, limitMs / 4);
    const reason = this.#error === undefined ? 'closed' : undefined;
    this.#error ??= closed;
    this.#stopTimers();
    this.callers.fail(this.#error);
    this.#rebuilds.close(closed);
    const transport = this.#transport.close();
    await this.#deadlines.within(this.#enrolling, limitMs / 4);
    const closing = Promise.allSettled([this.#replica?.close(closed), transport]);
    await this.#deadlines.within(closing, limitMs / 2);
    // Nothing more where everything ended; a disk that does not answer is given up.
    this.#replica?.log.abandon();
    await this.#deadlines.within(this.#parts.storage.release(), limitMs / 8);
    this.#state = 'closed';
    this.#publish();
    this.#status.close();
    this.#deadlines.close(closed);
    if (reason !== undefined) this.#settleStopped({ reason });
    return null;
  }
}

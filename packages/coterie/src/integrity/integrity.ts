import { CoterieError } from '@coterie/errors';
import type { Clock, NodeId, Transport } from '@coterie/raft';
import type { Identity } from '../data-dir/identity.js';
import type { Replica } from '../engine/replica.js';
import { decodeControl, encodeControl, hashFormat, type ControlMessage } from '../membership/control-message.js';
import type { LinkDirectory } from '../membership/link-directory.js';
import type { Member } from '../membership/member-record.js';
import type { Logger } from '../options.js';
import { HashComparison } from './hash-comparison.js';
import { ScrubPace, type ScrubOptions } from './scrub-pace.js';
import { SnapshotGiver } from './snapshot-giver.js';

/** What watches over the state of one member. */
export interface IntegrityOptions {
  readonly scrub: ScrubOptions;
  /** At multiples of which index state hashes are kept and compared; default 1,024. */
  readonly hashEvery?: number;
}

/** What the watch stands on. */
export interface IntegrityHost {
  readonly replica: Replica;
  readonly identity: Identity;
  readonly directory: LinkDirectory;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly transferMs: number;
  readonly logger: Logger;
  members(): readonly Member[];
  send(link: NodeId, bytes: Uint8Array): void;
  /** A majority holds another state: this member must serve no longer. */
  differs(error: CoterieError): void;
  /** `doubt` has changed. */
  changed(): void;
}

/**
 * Hashes are told again so often although nothing is new, in ticks: a message may be lost, or somebody has come back.
 */
const tellEveryTicks = 10;
/**
 * Ticks for which a difference without a majority must stand before writes stop: the third report may be on its way.
 */
const splitTicks = 3;

/**
 * What a running member does for the integrity of its state and of the others': it compares hashes with them, reads its
 * disk through, and gives a snapshot to who must rebuild.
 */
export class Integrity {
  readonly #host: IntegrityHost;
  readonly #hashes: HashComparison;
  readonly #giver: SnapshotGiver;
  readonly #scrub: ScrubPace;
  #ticks = 0;
  #toldIndex = 0;
  #splitSince = 0;
  #doubt: CoterieError | undefined;

  constructor(host: IntegrityHost, options: IntegrityOptions) {
    const { replica, clock, transport, transferMs } = host;
    const { node, machine, log } = replica;
    this.#host = host;
    this.#hashes = new HashComparison(host.identity.memberId!);
    this.#giver = new SnapshotGiver({
      machine,
      transport,
      clock,
      transferMs,
      mayGive: () => (node.isLeader || node.leader === 0) && this.#doubt === undefined,
      members: () => host.members(),
    });
    const busy = (): boolean => machine.overloaded || node.overloaded || log.outOfSpace;
    this.#scrub = new ScrubPace({ clock, scrub: () => machine.scrub(), busy }, options.scrub);
  }

  /** Members differ and nobody knows who is right: this is why nothing is written. */
  get doubt(): CoterieError | undefined {
    return this.#doubt;
  }

  get scrubRounds(): number {
    return this.#scrub.rounds;
  }

  onControl(link: NodeId, bytes: Uint8Array): void {
    const message = decodeControl(bytes);
    const { directory, identity } = this.#host;
    if (message === undefined || message.uid !== identity.uid || directory.nameOfLink(link) !== message.name) return;
    if (message.type === 'rebuild') this.#giver.onRebuild(message);
    else if (message.type === 'hashes') this.#onHashes(message);
  }

  /** Called about once a second. */
  tick(): void {
    this.#giver.sweep();
    this.#scrub.tick();
    this.#tell();
    this.#judge();
  }

  close(): void {
    this.#giver.close();
    this.#scrub.close();
  }

  #onHashes({ memberId, incarnation, format, hashes }: ControlMessage & { type: 'hashes' }): void {
    // What another build hashes in another way says nothing about ours.
    if (format !== hashFormat) return;
    const known = this.#host.members().find(({ id }) => id === memberId);
    if (known?.incarnation === incarnation) this.#hashes.report(memberId, hashes);
  }

  #tell(): void {
    const { replica, identity, directory } = this.#host;
    const own = replica.machine.stateHashes();
    const newest = own.at(-1)?.index ?? 0;
    if (newest === this.#toldIndex && this.#ticks++ % tellEveryTicks !== 0) return;
    this.#toldIndex = newest;
    const { name, incarnation, uid, memberId } = identity;
    const message: ControlMessage = {
      ...{ type: 'hashes', state: 'member', name, incarnation, uid: uid!, names: directory.names },
      ...{ memberId: memberId!, format: hashFormat },
      hashes: own.map(({ index, chain, content }) => [index, chain, content]),
    };
    const bytes = encodeControl(message);
    for (const link of directory.others) this.#host.send(link.id, Uint8Array.from(bytes));
  }

  #judge(): void {
    const { replica, logger } = this.#host;
    const verdict = this.#hashes.verdict(replica.machine.stateHashes(), replica.node.status().conf);
    if (verdict.kind === 'minority') {
      const message = `the state at entry ${verdict.index} differs from that of a majority of the members`;
      this.#host.differs(new CoterieError('ERR_CORRUPT', { message }));
      return;
    }
    this.#splitSince = verdict.kind === 'split' ? this.#splitSince + 1 : 0;
    if (verdict.kind === 'split' && this.#splitSince === splitTicks) {
      const message =
        `the members' states differ at entry ${verdict.index}, and no majority of them agrees: nothing is written ` +
        `until one does (docs/integrity.md)`;
      this.#doubt = new CoterieError('ERR_CORRUPT', { message });
      logger.error({ index: verdict.index }, message);
      this.#host.changed();
    } else if (verdict.kind === 'agree' && this.#doubt !== undefined) {
      this.#doubt = undefined;
      logger.warn({}, 'a majority of the members agrees again: writes go on');
      this.#host.changed();
    }
  }
}

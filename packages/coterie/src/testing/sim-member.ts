import { LinkDirectory } from '../membership/link-directory.js';
import { PeerEngine } from '../engine/peer-engine.js';
import { newestFeatureLevel } from '@coterie/mvcc';
import type { Logger } from '../options.js';
import type { MemoryNetwork, Message, RaftEvent } from '@coterie/raft';
import type { ProcessTime, SeededRandom, VirtualTime } from '@coterie/raft/testing';
import type { SafetyChecks } from './checks/safety-checks.js';
import { failingTransport } from './sim-failpoints.js';
import { simStorage, type SimMachine } from './sim-storage.js';
import type { SimParameters } from './sim-swarm.js';
import { SimTransport } from './sim-transport.js';

/** What the wall clocks of the simulated world show when it begins, in ms since 1970. */
const epochMs = 1_800_000_000_000;

/** One run of one member's process, on the machine that outlives it. */
export class SimMember {
  readonly name: string;
  readonly machine: SimMachine;
  readonly engine: PeerEngine;
  readonly process: ProcessTime;
  readonly transport: SimTransport;
  readonly #abandonDisks: () => void;
  #dead = false;

  constructor(
    name: string,
    machine: SimMachine,
    world: {
      readonly time: VirtualTime;
      readonly random: SeededRandom;
      readonly network: MemoryNetwork;
      readonly peers: Readonly<Record<string, string>>;
      readonly parameters: SimParameters;
      readonly checks: SafetyChecks;
      /** A message has come over the network. */
      onDelivered(message: Message): void;
      onEvent(member: SimMember, event: RaftEvent): void;
      onCondemned(member: SimMember, reason: string): void;
      onRebuilt(member: SimMember): void;
    },
  ) {
    this.name = name;
    this.machine = machine;
    machine.booted();
    const dead = (): boolean => this.#dead;
    const process = (this.process = world.time.process(dead));
    const { clock, turns } = process;
    const { checks } = world;
    const { checkpointBytes, checkpointBatchBytes, segmentBytes, watchBytes, watchSteps, options, core } =
      world.parameters;
    const { leaderPriorities, integrity } = world.parameters;
    const disks = simStorage(machine, {
      process,
      dead,
      limits: { checkpointBytes, checkpointBatchBytes, segmentBytes },
      watchLog: (log, identity) => checks.watchLog(this, log, identity),
      logErased: () => checks.logErased(this),
      condemned: (reason) => world.onCondemned(this, reason),
      rebuilt: () => world.onRebuilt(this),
      checkpointed: (index) => checks.checkpointed(this, index),
    });
    this.#abandonDisks = () => {
      disks.abandon();
    };
    const links = checks.watchTransport(this, world.network.transport());
    this.transport = new SimTransport(failingTransport(links, machine.pass), process, (message) =>
      world.onDelivered(message),
    );
    this.engine = new PeerEngine({
      name,
      clusterId: 'sim',
      url: world.peers[name]!,
      peers: world.peers,
      ports: {
        clock,
        turns,
        random: world.random,
        wall: { wallMs: () => epochMs + process.wallOffsetMs + clock.now() },
      },
      storage: disks.storage,
      transport: this.transport.port,
      options,
      core: { ...core, leaderPriority: leaderPriorities[Object.keys(world.peers).indexOf(name)] ?? 0 },
      // Bookmarks every few writes: a run has thousands at the most.
      limits: { watchBytes, watchSteps, progressRevisions: 20 },
      integrity,
      history: { revisions: 1_000_000, ms: 1e9, bytes: 1e9 },
      featureLevel: newestFeatureLevel,
      requestTimeoutMs: 10_000,
      closeTimeoutMs: 5000,
      logger: silent,
      observer: (event) => {
        if (this.#dead) return;
        machine.pass(`raft.${event.type}`, () => {
          if (!this.#dead) world.onEvent(this, event);
        });
      },
    });
  }

  /** It has learned that it is no member any more, and has stopped itself. */
  get removed(): boolean {
    return this.engine.status.state === 'removed';
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** The process is gone from one moment to the next. */
  die(how: 'kill' | 'power' | 'wipe'): void {
    this.#dead = true;
    this.#abandonDisks();
    // The sockets of a dead process break; a memory transport needs to be told.
    void this.transport.port.close();
    if (how === 'kill') this.machine.kill();
    else if (how === 'power') this.machine.losePower();
    else this.machine.wipe();
  }
}

/** The link ids of a list, as the transports know them. */
export function linkIds(peers: Readonly<Record<string, string>>): ReadonlyMap<string, number> {
  const first = Object.keys(peers)[0]!;
  return new Map(new LinkDirectory(first, peers).links.map((link) => [link.name, link.id]));
}

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

import { LinkDirectory } from '../membership/link-directory.js';
import { PeerEngine } from '../engine/peer-engine.js';
import type { Logger } from '../options.js';
import { completeNodeOptions, type MemoryNetwork, type RaftEvent, type Transport } from '@coterie/raft';
import type { SeededRandom, VirtualTime } from '@coterie/raft/testing';
import type { SafetyChecks } from './checks/safety-checks.js';
import { simStorage, type SimMachine } from './sim-storage.js';

/** One run of one member's process, on the machine that outlives it. */
export class SimMember {
  readonly name: string;
  readonly machine: SimMachine;
  readonly engine: PeerEngine;
  readonly #abandonDisks: () => void;
  readonly #transport: Transport;
  #dead = false;

  constructor(
    name: string,
    machine: SimMachine,
    world: {
      readonly time: VirtualTime;
      readonly random: SeededRandom;
      readonly network: MemoryNetwork;
      readonly peers: Readonly<Record<string, string>>;
      readonly limits: { readonly checkpointBytes: number; readonly segmentBytes: number };
      readonly checks: SafetyChecks;
      onEvent(member: SimMember, event: RaftEvent): void;
    },
  ) {
    this.name = name;
    this.machine = machine;
    const dead = (): boolean => this.#dead;
    const { clock, turns } = world.time.process(dead);
    const { time, limits, checks } = world;
    const disks = simStorage(machine, {
      turns,
      time,
      dead,
      limits,
      watchLog: (log, identity) => checks.watchLog(this, log, identity),
      logErased: () => checks.logErased(this),
    });
    this.#abandonDisks = () => {
      disks.abandon();
    };
    this.#transport = checks.watchTransport(this, world.network.transport());
    this.engine = new PeerEngine({
      name,
      clusterId: 'sim',
      url: world.peers[name]!,
      peers: world.peers,
      ports: { clock, turns, random: world.random, wall: { wallMs: () => 1_800_000_000_000 + world.time.now } },
      storage: disks.storage,
      transport: this.#transport,
      options: completeNodeOptions({}),
      limits: {},
      history: { revisions: 1_000_000, ms: 1e9 },
      requestTimeoutMs: 10_000,
      closeTimeoutMs: 5000,
      logger: silent,
      observer: (event) => {
        if (!this.#dead) world.onEvent(this, event);
      },
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** The process is gone from one moment to the next. */
  die(how: 'kill' | 'power' | 'wipe'): void {
    this.#dead = true;
    this.#abandonDisks();
    // The sockets of a dead process break; a memory transport needs to be told.
    void this.#transport.close();
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

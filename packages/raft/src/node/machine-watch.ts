import type { RaftCore } from '../core/core.js';
import type { StateMachine } from '../ports/state-machine.js';
import type { Applier } from './applier.js';
import { stateMachineStallTicks, type NodeOptions } from './options.js';

/**
 * Sees that a state machine stands still while the log works: a disk that hangs below the state alone. A leader on such
 * a disk commits, applies nothing and takes no write, and its heartbeats keep everybody else from serving.
 *
 * Only a wait in which nothing at all moves counts, in ticks: a slow disk, a long apply and a blocked event loop do
 * not. What has stood still is unfit until it has applied what was committed by then and waits for nothing more: a disk
 * that moves once a minute must not lead in between.
 */
export class MachineWatch {
  readonly #core: RaftCore;
  readonly #machine: StateMachine;
  readonly #applier: Applier;
  readonly #stallTicks: number;
  #moved: number | undefined;
  #stoodFor = 0;
  #unfitUntil: number | undefined;
  #handedOverIn = 0;

  constructor(core: RaftCore, machine: StateMachine, applier: Applier, options: NodeOptions) {
    this.#core = core;
    this.#machine = machine;
    this.#applier = applier;
    this.#stallTicks = stateMachineStallTicks(options);
  }

  /** A tick, before the core's: an unfit member must not campaign in it. */
  look(): void {
    const moved = this.#machine.diskWait === undefined ? this.#applier.loading : this.#machine.diskWait();
    this.#stoodFor = moved !== undefined && moved === this.#moved ? this.#stoodFor + 1 : 0;
    this.#moved = moved;
    if (this.#stoodFor > this.#stallTicks) this.#unfitUntil = this.#core.commit;
    else if (moved === undefined && this.#applier.applied >= (this.#unfitUntil ?? 0)) this.#unfitUntil = undefined;
    this.#core.setFit(this.#unfitUntil === undefined);
    if (this.#stoodFor > this.#stallTicks && this.#core.isLeader) this.#giveUp();
  }

  /**
   * Hands over, once a term, so that nobody has to wait out an election timeout; where that does not succeed, because
   * the successor is unfit as well or gone, whoever can may campaign.
   */
  #giveUp(): void {
    const core = this.#core;
    const { voters, votersOutgoing } = core.conf;
    // Nobody else could lead: the only voter goes on, and serves what it can.
    if (![...voters, ...votersOutgoing].some((id) => id !== core.id) || core.transferee !== 0) return;
    const { term } = core;
    if (this.#handedOverIn !== term && core.transferLeadership(0)) this.#handedOverIn = term;
    else core.stepDown();
  }
}

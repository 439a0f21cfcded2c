import type { Random } from '../core/ready.js';
import { copyFrame, frameSize, type Frame } from './frame-copy.js';
import { MemoryConnection } from './memory-connection.js';
import type { NetworkCounters, NetworkFaults } from './network-faults.js';

/** What a link needs of its network. */
export interface LinkHost {
  faults(): NetworkFaults;
  readonly counters: NetworkCounters;
  readonly random: Random;
  /** Frames on the way on one link; more are dropped. */
  readonly maxFrames: number;
  schedule(delayMs: number, fn: () => void): void;
  /** Called when a frame's time on the way is over: now, or when the way is no longer clogged. */
  pass(arrive: () => void): void;
}

/**
 * A chance with a resolution of one in a million; nothing is drawn for 0, so that a fault switched off leaves no trace.
 */
export function happens(random: Random, chance: number): boolean {
  return chance > 0 && random.nextInt(1_000_000) < chance * 1_000_000;
}

const drawSteps = 1_000_000;
/** How much longer than others a frame of the tail takes. */
const tailFactor = 20;

/** A time on the way: whole ms above the shortest, and what the faults put on top. */
export function drawLatency(random: Random, faults: NetworkFaults): number {
  const spread = Math.floor(faults.maxLatencyMs - faults.minLatencyMs);
  let ms = faults.minLatencyMs + (spread > 0 ? random.nextInt(spread + 1) : 0);
  if (faults.meanExtraMs > 0) ms -= faults.meanExtraMs * Math.log(1 - random.nextInt(drawSteps) / drawSteps);
  return happens(random, faults.tail) ? ms * tailFactor : ms;
}

/** All connections from one member to another, one of them the present one. */
export class MemoryLink {
  readonly #host: LinkHost;
  readonly #deliver: (frame: Frame) => void;
  #current = new MemoryConnection();
  #onTheWay = 0;
  #lastSent = 0;
  #newestDelivered = 0;

  /** @param deliver the far end, which decides whether it takes the frame */
  constructor(host: LinkHost, deliver: (frame: Frame) => void) {
    this.#host = host;
    this.#deliver = deliver;
  }

  /** @returns false when too much is on the way already and the frame was dropped for that */
  send(frame: Frame): boolean {
    const { counters, random } = this.#host;
    const faults = this.#host.faults();
    if (this.#onTheWay >= this.#host.maxFrames) {
      counters.overflow += frameSize(frame);
      return false;
    }
    const survivors = this.#lose(frame);
    if (survivors === undefined) return true;
    if (happens(random, faults.reconnect)) {
      counters.reconnects++;
      this.#current = new MemoryConnection();
    }
    const sequence = ++this.#lastSent;
    this.#travel(this.#current, sequence, copyFrame(survivors));
    if (happens(random, faults.duplicate)) {
      counters.duplicated += frameSize(survivors);
      this.#travel(new MemoryConnection(), sequence, copyFrame(survivors));
    }
    return true;
  }

  #travel(connection: MemoryConnection, sequence: number, frame: Frame): void {
    this.#onTheWay++;
    const arrive = connection.put(() => {
      this.#onTheWay--;
      if (sequence < this.#newestDelivered) this.#host.counters.overtaken++;
      else this.#newestDelivered = sequence;
      this.#deliver(frame);
    });
    this.#host.schedule(drawLatency(this.#host.random, this.#host.faults()), () => this.#host.pass(arrive));
  }

  /** The present connection breaks in the middle of what it carries; the next frame opens a new one. */
  reset(): void {
    const lost = this.#current.break();
    this.#onTheWay -= lost;
    this.#host.counters.reset += lost;
    this.#current = new MemoryConnection();
  }

  /** Single messages are lost, not whole frames: a gap inside a turn is the harder case for Raft. */
  #lose(frame: Frame): Frame | undefined {
    const { counters, random } = this.#host;
    const faults = this.#host.faults();
    if ('bytes' in frame) {
      if (!happens(random, faults.loss)) return frame;
      counters.lost++;
      return undefined;
    }
    const messages = frame.messages.filter(() => !happens(random, faults.loss));
    counters.lost += frame.messages.length - messages.length;
    return messages.length === 0 ? undefined : { messages };
  }
}

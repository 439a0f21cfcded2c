import { CoterieError } from '@coterie/errors';
import type { EngineStream, RawBatch, RawEvent, WatchRequest } from '@coterie/mvcc';
import { SeededRandom } from '@coterie/raft/testing';
import { changeOf, type Change } from '../checks/change-log.js';
import type { SimMember } from '../sim-member.js';
import type { SimWorld } from '../sim-world.js';
import { clientKeys } from './sim-clients.js';

/** What one event of a watch said. */
export interface SeenEvent {
  readonly change: Change;
  /** With `prev`: the entry before; null: none. */
  readonly prev: { readonly value: string; readonly modRevision: number } | null | undefined;
}

/** One batch as it came. */
export interface SeenBatch {
  readonly kind: RawBatch['kind'];
  readonly revision: number;
  readonly events: readonly SeenEvent[];
}

/** One connection of a watcher, from its opening to its end. */
export interface WatchSession {
  readonly member: string;
  readonly request: WatchRequest;
  readonly batches: SeenBatch[];
  /** The revision that ERR_COMPACTED or ERR_WATCH_OVERFLOW named. */
  ended?: { readonly code: string; readonly revision: number };
}

/** Changes of one watcher that are kept; a watcher that has seen more rests. */
const keptMax = 5000;

/**
 * Watchers that come and go while everything else goes wrong: each follows what it chose to follow from member to
 * member, as a client of an application would, and goes on where it stopped, or at some old revision.
 */
export class SimWatchers {
  readonly sessions: WatchSession[] = [];
  readonly #world: SimWorld;
  readonly #untilMs: number;

  constructor(world: SimWorld, seed: number) {
    this.#world = world;
    this.#untilMs = world.parameters.simulatedMs;
    world.counts.declare(['watch resumed', 'watch of a compacted revision', 'watch overflowed', 'watch bookmarked']);
    const random = new SeededRandom(seed * 31 + 0x3a7c4);
    for (let i = random.pick([0, 1, 2, 4]); i > 0; i--) this.#follow(random, drawRequest(random));
  }

  /** @param request where and what next */
  #follow(random: SeededRandom, request: WatchRequest): void {
    const { time } = this.#world;
    time.schedule(1 + random.nextInt(2000), () => {
      if (time.now >= this.#untilMs) return;
      const { alive } = this.#world;
      if (alive.length === 0) this.#follow(random, request);
      else this.#open(random, random.pick(alive), request);
    });
  }

  #open(random: SeededRandom, member: SimMember, request: WatchRequest): void {
    const session: WatchSession = { member: member.name, request, batches: [] };
    this.sessions.push(session);
    const stream = member.engine.watch(request);
    let over = false;
    const goOn = (): void => {
      if (over) return;
      over = true;
      stream.close();
      this.#follow(random, this.#next(random, session));
    };
    // Leaves of its own accord, or notices that the process is gone.
    const leave = this.#world.time.now + random.nextInt(20_000);
    const look = (): void => {
      if (member.dead || this.#world.time.now >= leave) goOn();
      else if (!over) this.#world.time.schedule(500, look);
    };
    look();
    const slow = random.chance(0.3) ? 1 + random.nextInt(500) : 0;
    this.#pull(session, stream, slow, () => over).then(goOn, (error: unknown) => {
      if (!(error instanceof CoterieError)) this.#world.report(`watch: it ended with ${String(error)}`);
      else if (error.code === 'ERR_COMPACTED') {
        session.ended = { code: error.code, revision: error.compactRevision };
        this.#world.counts.add('watch of a compacted revision');
      } else if (error.code === 'ERR_WATCH_OVERFLOW') {
        session.ended = { code: error.code, revision: error.revision };
        this.#world.counts.add('watch overflowed');
      }
      goOn();
    });
  }

  async #pull(
    session: WatchSession,
    stream: EngineStream<RawBatch>,
    slowMs: number,
    over: () => boolean,
  ): Promise<void> {
    let kept = 0;
    for (let batches = await stream.next(); batches !== undefined; batches = await stream.next()) {
      if (over()) return;
      for (const { kind, revision, events } of batches) {
        if (kind === 'progress') this.#world.counts.add('watch bookmarked');
        session.batches.push({ kind, revision, events: events.map((event) => seenEvent(event, kind, revision)) });
        kept += events.length;
      }
      if (kept > keptMax) return;
      if (slowMs > 0) await new Promise<void>((wake) => this.#world.time.schedule(slowMs, wake));
    }
  }

  #next(random: SeededRandom, { request, batches, ended }: WatchSession): WatchRequest {
    const last = batches.at(-1)?.revision;
    const { initial: _, ...same } = request;
    if (ended !== undefined) {
      const from = ended.code === 'ERR_COMPACTED' ? ended.revision : ended.revision + 1;
      return { ...same, initial: false, fromRevision: Math.max(1, from) };
    }
    if (random.chance(0.2)) return drawRequest(random);
    // Some old revision, most likely one that is compacted by now.
    if (random.chance(0.2)) {
      const { next } = this.#world.recorder.log;
      return { ...same, initial: false, fromRevision: Math.max(1, next - random.nextInt(2000)) };
    }
    if (last === undefined) return request;
    this.#world.counts.add('watch resumed');
    return { ...same, initial: false, fromRevision: last + 1 };
  }
}

function drawRequest(random: SeededRandom): WatchRequest {
  const key = random.pick(clientKeys);
  const only = random.pick(['put', 'delete', undefined, undefined] as const);
  return {
    ranges: random.pick([
      [{ start: '' }],
      [{ start: 'key/', end: 'key0' }],
      [{ start: key, end: `${key}\0` }],
      [
        { start: 'key/05', end: 'key/15' },
        { start: 'key/10', end: 'key/20' },
        { start: 'sum/', end: 'sum0' },
      ],
    ]),
    prev: random.chance(0.4),
    ...(only === undefined ? {} : { only }),
    initial: random.chance(0.3),
    progress: random.chance(0.5),
    overflow: random.pick(['resume', 'resume', 'error']),
  };
}

function seenEvent(event: RawEvent, kind: RawBatch['kind'], revision: number): SeenEvent {
  const at = kind === 'change' || event.type === 'delete' ? revision : event.entry.modRevision;
  const { prev } = event;
  return {
    change: changeOf(event, at),
    prev: prev === undefined ? null : { value: Buffer.from(prev.value).toString(), modRevision: prev.modRevision },
  };
}

import type { Message } from '@coterie/raft';
import type { SimMember } from '../sim-member.js';
import { FaultFamily } from './fault-family.js';

/** A peer of another version, or with broken memory: messages of unknown types, with impossible fields, plain bytes. */
export class GarbageFaults extends FaultFamily {
  override readonly counts = ['strange message', 'strange bytes'];

  override start(): void {
    const meanMs = this.random.pick([0, 0, 1000, 10_000]);
    if (meanMs > 0 && this.world.names.length > 1) this.strikes(meanMs, () => this.#speak());
  }

  /** Whoever is outside the core goes on talking. */
  override freeze(core: ReadonlySet<string>): void {
    if (!this.leaveOut(core)) this.stop();
  }

  #speak(): void {
    const { alive, counts, links } = this.world;
    if (alive.length === 0) return;
    const victim = this.random.pick(alive);
    const others = this.within.filter((name) => name !== victim.name);
    if (others.length === 0) return;
    const from = this.random.pick(others);
    if (this.random.chance(0.5)) {
      counts.add('strange bytes');
      const bytes = Uint8Array.from({ length: this.random.nextInt(40) }, () => this.random.nextInt(256));
      // The kinds that exist, so that what follows is looked at.
      if (bytes.length > 0 && this.random.chance(0.8)) bytes[0] = 1 + this.random.nextInt(2);
      victim.transport.hearBytes(links.get(from)!, bytes);
      return;
    }
    const message = this.#message(victim, from);
    if (message === undefined) return;
    counts.add('strange message');
    victim.transport.hear(links.get(from)!, [message]);
  }

  /** Rightly addressed, so that it gets as far as the core, and of no use there. */
  #message(victim: SimMember, from: string): Message | undefined {
    const status = victim.engine.replica?.node.status();
    const sender = this.world.running.get(from)?.engine.replica?.node.status();
    const group = victim.engine.replica?.identity.uid;
    if (status === undefined || sender === undefined || group === undefined) return undefined;
    const head = { group, from: sender.id, to: status.id, term: sender.term };
    const strange: readonly unknown[] = [
      { ...head, type: 'appendResponseV2', index: 1 },
      { ...head, type: 'append', prevIndex: -1, prevTerm: 0, commit: 2 ** 60, entries: [] },
      { ...head, type: 'append', prevIndex: 0, prevTerm: 0, commit: 0, entries: [{ kind: 'future', data: null }] },
      { ...head, type: 'heartbeat', term: Number.NaN, commit: 1, context: 1 },
      { ...head, type: 'vote', term: 2 ** 50, lastIndex: 1, lastTerm: 1 },
      { ...head, type: 'appendResponse', index: '7', reject: 'no' },
      { ...head, type: 'readIndexResponse', context: -3 },
    ];
    return this.random.pick(strange) as Message;
  }
}

import type { Consistency } from '@coterie/mvcc';
import type { SimMember } from '../sim-member.js';

interface Operation {
  readonly key: string;
  /** The process that was asked. */
  readonly member: SimMember;
  /** Places in the order of everything that clients began and saw end. */
  readonly start: number;
  end: number;
  state: 'open' | 'acked' | 'refused' | 'unknown';
  /** Of the result: what the operation made, or saw. */
  revision: number;
}

/** A write as its client knows it. */
export interface ClientWrite extends Operation {
  readonly kind: 'put' | 'delete' | 'add' | 'pair' | 'swap' | 'compact';
  /** What it puts; no two writes put the same. */
  readonly value: string | undefined;
  /** Swap and conditional put: the revision that the key must have been changed at; 0: not there. */
  readonly expected?: number;
  readonly wantsPrev?: boolean;
  /** What an add returned. */
  total?: number;
  /** Whether anything was changed. */
  changed?: boolean;
  /** The value before, as it was returned; null: none was there. */
  prev?: string | null;
}

/** A read as its client knows it. */
export interface ClientRead extends Operation {
  readonly consistency: Consistency;
  /** The highest revision that this process had shown when the read began. */
  readonly shownBefore: number;
  /** What was there: key to value and the revision of its last change. */
  seen: readonly { readonly key: string; readonly value: string; readonly modRevision: number }[];
  /** All keys of the range were asked for, not one. */
  readonly range: boolean;
}

/** What the clients of one run did and saw. */
export class ClientHistory {
  readonly writes: ClientWrite[] = [];
  readonly linearizableReads: ClientRead[] = [];
  readonly otherReads: ClientRead[] = [];
  readonly #shown = new WeakMap<SimMember, number>();
  readonly #open = new Map<SimMember, number>();
  #order = 0;
  /** Calls that were made, whatever came of them. */
  operations = 0;

  /** Reads that were answered. */
  get reads(): number {
    return this.linearizableReads.length + this.otherReads.length;
  }

  /** The next place in the order of all beginnings and ends. */
  next(): number {
    return ++this.#order;
  }

  /** Runs a call at a process; it counts as open until it is settled. */
  async call<T>(member: SimMember, ask: () => Promise<T>): Promise<T> {
    this.operations++;
    this.#open.set(member, this.open(member) + 1);
    try {
      return await ask();
    } finally {
      this.#open.set(member, this.open(member) - 1);
    }
  }

  /** Calls at a process without an answer. */
  open(member: SimMember): number {
    return this.#open.get(member) ?? 0;
  }

  shown(member: SimMember): number {
    return this.#shown.get(member) ?? 0;
  }

  show(member: SimMember, revision: number): void {
    if (revision > this.shown(member)) this.#shown.set(member, revision);
  }
}

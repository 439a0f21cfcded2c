import type { RawEvent } from '@coterie/mvcc';

/** What one revision did to one key. */
export interface Change {
  readonly key: string;
  /** Undefined: it was deleted. */
  readonly value: string | undefined;
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  /** Of a put: the lease of the key, 0 for none; of a delete: its reason. */
  readonly lease: number | string;
}

/** The store is at this revision when it is new. */
const firstRevision = 1;

/** All changes of a cluster, in the order of their revisions: every state that it ever was in. */
export class ChangeLog {
  readonly #revisions: (readonly Change[])[] = [];
  readonly #keys = new Map<string, Change[]>();
  readonly #byValue = new Map<string, Change[]>();

  /** The first revision that is not known yet. */
  get next(): number {
    return firstRevision + 1 + this.#revisions.length;
  }

  /** @returns what is wrong with it */
  add(revision: number, events: readonly RawEvent[]): string | undefined {
    if (revision > this.next) return `revision ${revision} came where ${this.next} belongs`;
    if (revision < this.next) return this.#compare(revision, events);
    const changes = events.map((event) => changeOf(event, revision));
    let wrong: string | undefined;
    for (const change of changes) {
      wrong ??= this.#checkVersion(change);
      push(this.#keys, change.key, change);
      if (change.value !== undefined) push(this.#byValue, change.value, change);
    }
    this.#revisions.push(changes);
    return wrong;
  }

  at(revision: number): readonly Change[] {
    return this.#revisions[revision - firstRevision - 1] ?? [];
  }

  /** Every change that put this value. */
  puts(value: string): readonly Change[] {
    return this.#byValue.get(value) ?? [];
  }

  /** The changes of one key, oldest first. */
  of(key: string): readonly Change[] {
    return this.#keys.get(key) ?? [];
  }

  get keys(): IterableIterator<string> {
    return this.#keys.keys();
  }

  /** The key as it was at a revision; undefined: not there. */
  state(key: string, revision: number): Change | undefined {
    const changes = this.of(key);
    let low = 0;
    let high = changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    const found = changes[low - 1];
    return found?.value === undefined ? undefined : found;
  }

  #compare(revision: number, events: readonly RawEvent[]): string | undefined {
    const known = this.at(revision);
    const same =
      known.length === events.length &&
      events.every((event, i) => {
        const { key, value, createRevision, version, lease } = changeOf(event, revision);
        const other = known[i]!;
        return (
          key === other.key &&
          value === other.value &&
          createRevision === other.createRevision &&
          version === other.version &&
          lease === other.lease
        );
      });
    return same ? undefined : `revision ${revision} shows other changes than it did before`;
  }

  /** A key begins at version 1 where it was not there, and counts on from there. */
  #checkVersion(change: Change): string | undefined {
    const { key, value, revision, createRevision, version } = change;
    const before = this.state(key, revision - 1);
    if (value === undefined)
      return before === undefined ? `${key} is deleted at ${revision} and was not there` : undefined;
    const created = before === undefined ? revision : before.createRevision;
    const count = before === undefined ? 1 : before.version + 1;
    if (createRevision === created && version === count) return undefined;
    return `${key} at ${revision} is version ${version} of ${createRevision}, not ${count} of ${created}`;
  }
}

export function changeOf(event: RawEvent, revision: number): Change {
  if (event.type === 'delete') {
    return { key: event.key, value: undefined, revision, createRevision: 0, version: 0, lease: event.reason };
  }
  const { key, value, createRevision, version, lease } = event.entry;
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  return { key, value: text, revision, createRevision, version, lease };
}

function push(map: Map<string, Change[]>, key: string, change: Change): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [change]);
  else list.push(change);
}

import { ByteReader, corrupt } from '../command/byte-reader.js';
import { ByteWriter } from '../command/byte-writer.js';
import { prefixRange } from '../command/key-range.js';
import { replicatedLimits } from '../limits.js';
import type { BinaryKey, KeyedRecord, KeyRange, RevisionEvents } from '../store/types.js';
import { entryBytes } from '../txn/record.js';

/** A quota as it stands: of the whole store (the empty prefix) or of the keys that begin with `prefix`. */
export interface QuotaUse {
  readonly prefix: BinaryKey;
  /** Bytes that it allows. */
  readonly bytes: number;
  /** Live bytes of its keys; while `counting`, of those that were counted so far. */
  readonly used: number;
  /** The keys that were there when it was set are still being counted; until then it refuses nothing. */
  readonly counting: boolean;
}

/** A quota beyond which a write would go. */
export type Exceeded = Pick<QuotaUse, 'prefix' | 'bytes'>;

interface PrefixQuota {
  readonly prefix: BinaryKey;
  bytes: number;
  used: number;
  /** Keys from here on are not counted yet; undefined: all are. */
  uncounted: KeyRange | undefined;
}

/** By how much one revision moves the store and the prefixes with a quota. */
export interface Growth {
  total: number;
  readonly prefixes: Map<PrefixQuota, number> | undefined;
}

const format = 1;

/**
 * Live bytes, and the quotas on them: replicated state, changed by apply alone and exact at every entry.
 *
 * Live bytes are those of the newest versions, not those of files: a delete lowers them at once, so what a quota
 * refuses it takes again as soon as deletes made room, without compaction and without a switch to be thrown by hand
 * (etcd measures its file and keeps an alarm raised, etcd issues 9992 and 16779). What lowers them is never refused.
 *
 * A new quota of a prefix finds keys there that must be counted first. That takes as many entries as it needs, each
 * counting a bounded number of keys from where the last one ended. Changes before that key are counted as they happen,
 * changes behind it will be seen by the count: every key is counted exactly once.
 */
export class Quotas {
  #liveBytes = 0;
  #storeBytes: number = replicatedLimits.quotaBytes;
  readonly #prefixes = new Map<BinaryKey, PrefixQuota>();
  /** Lengths that prefixes have: a key is looked up once a length, however many prefixes there are. */
  #lengths: readonly number[] = [];

  /** @throws CoterieError ERR_CORRUPT */
  static decode(bytes: Uint8Array): Quotas {
    const quotas = new Quotas();
    if (bytes.length === 0) return quotas;
    const from = new ByteReader(bytes);
    const found = from.u8();
    if (found !== format) throw corrupt(`format ${found} of the quotas`);
    quotas.#liveBytes = from.uint();
    quotas.#storeBytes = from.uint();
    for (let count = from.uint(replicatedLimits.quotas); count > 0; count--) {
      const prefix = from.text(replicatedLimits.keyBytes);
      const quota = { prefix, bytes: from.uint(), used: from.uint(), uncounted: undefined };
      quotas.#prefixes.set(prefix, from.u8() === 0 ? quota : { ...quota, uncounted: readUncounted(from, prefix) });
    }
    from.end();
    quotas.#measureLengths();
    return quotas;
  }

  encode(): Uint8Array {
    const out = new ByteWriter(64);
    out.u8(format);
    out.uint(this.#liveBytes);
    out.uint(this.#storeBytes);
    out.uint(this.#prefixes.size);
    for (const { prefix, bytes, used, uncounted } of this.#prefixes.values()) {
      out.text(prefix);
      out.uint(bytes);
      out.uint(used);
      out.u8(uncounted === undefined ? 0 : 1);
      if (uncounted !== undefined) out.text(uncounted.start);
    }
    return out.finish();
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** The store's own first, then those of prefixes in the order in which they were set. */
  list(): readonly QuotaUse[] {
    const store = { prefix: '', bytes: this.#storeBytes, used: this.#liveBytes, counting: false };
    const prefixes = [...this.#prefixes.values()].map(({ prefix, bytes, used, uncounted }) => {
      return { prefix, bytes, used, counting: uncounted !== undefined };
    });
    return [store, ...prefixes];
  }

  /** What is still to be counted of each prefix that is. */
  uncounted(): readonly { readonly prefix: BinaryKey; readonly range: KeyRange }[] {
    const left: { readonly prefix: BinaryKey; readonly range: KeyRange }[] = [];
    for (const { prefix, uncounted } of this.#prefixes.values()) {
      if (uncounted !== undefined) left.push({ prefix, range: uncounted });
    }
    return left;
  }

  // ----------------------------------------------------------------------------------------------------------- changes

  /** What a revision would do; to be asked before it is added, or in order to refuse it. */
  measure({ events }: RevisionEvents): Growth {
    const growth: Growth = { total: 0, prefixes: this.#lengths.length === 0 ? undefined : new Map() };
    for (const { key, before, after } of events) {
      const bytes =
        (after === undefined ? 0 : entryBytes(key, after)) - (before === undefined ? 0 : entryBytes(key, before));
      if (bytes === 0) continue;
      growth.total += bytes;
      if (growth.prefixes !== undefined) this.#spread(key, bytes, growth.prefixes);
    }
    return growth;
  }

  /**
   * The quota that refuses this growth. Only what grows under a quota is refused by it, so a write that makes room is
   * taken however far above the quota the store stands (a quota may have been lowered).
   */
  exceeded(growth: Growth): Exceeded | undefined {
    if (growth.total > 0 && this.#liveBytes + growth.total > this.#storeBytes) {
      return { prefix: '', bytes: this.#storeBytes };
    }
    for (const [{ prefix, bytes, used, uncounted }, more] of growth.prefixes ?? []) {
      if (more > 0 && uncounted === undefined && used + more > bytes) return { prefix, bytes };
    }
    return undefined;
  }

  /** Whether so many bytes under any key would be taken: a quick look before any key is. */
  roomFor(bytes: number): boolean {
    if (this.#liveBytes + bytes > this.#storeBytes) return false;
    for (const quota of this.#prefixes.values()) {
      if (quota.uncounted === undefined && quota.used + bytes > quota.bytes) return false;
    }
    return true;
  }

  add(growth: Growth): void {
    this.#liveBytes += growth.total;
    for (const [quota, bytes] of growth.prefixes ?? []) quota.used += bytes;
  }

  // ---------------------------------------------------------------------------------------------------------- settings

  /**
   * Sets the quota of a prefix, or of the whole store (empty prefix).
   *
   * @returns what is to be counted for it now; undefined when nothing is; 'full' when there are too many quotas
   */
  set(prefix: BinaryKey, bytes: number): KeyRange | undefined | 'full' {
    if (prefix === '') {
      this.#storeBytes = bytes;
      return undefined;
    }
    const known = this.#prefixes.get(prefix);
    if (known !== undefined) {
      known.bytes = bytes;
      return known.uncounted;
    }
    if (this.#prefixes.size >= replicatedLimits.quotas) return 'full';
    const uncounted = prefixRange(prefix);
    this.#prefixes.set(prefix, { prefix, bytes, used: 0, uncounted });
    this.#measureLengths();
    return uncounted;
  }

  /** The store's own goes back to the default. */
  remove(prefix: BinaryKey): void {
    if (prefix === '') this.#storeBytes = replicatedLimits.quotaBytes;
    else if (this.#prefixes.delete(prefix)) this.#measureLengths();
  }

  /** Whether a count that goes on from `start` is the one that is due. */
  counts(prefix: BinaryKey, start: BinaryKey): boolean {
    return this.#prefixes.get(prefix)?.uncounted?.start === start;
  }

  /** @param records the first ones that were not counted; @param all whether no others are left */
  count(prefix: BinaryKey, records: readonly KeyedRecord[], all: boolean): void {
    const quota = this.#prefixes.get(prefix);
    if (quota === undefined) return;
    for (const { key, record } of records) quota.used += entryBytes(key, record);
    const last = records.at(-1);
    if (all || last === undefined) quota.uncounted = undefined;
    else quota.uncounted = { ...prefixRange(prefix), start: `${last.key}\0` };
  }

  #spread(key: BinaryKey, bytes: number, growths: Map<PrefixQuota, number>): void {
    for (const length of this.#lengths) {
      if (length > key.length) return;
      const quota = this.#prefixes.get(key.slice(0, length));
      if (quota === undefined || (quota.uncounted !== undefined && key >= quota.uncounted.start)) continue;
      growths.set(quota, (growths.get(quota) ?? 0) + bytes);
    }
  }

  #measureLengths(): void {
    const lengths = new Set([...this.#prefixes.keys()].map((prefix) => prefix.length));
    this.#lengths = [...lengths].sort((a, b) => a - b);
  }
}

function readUncounted(from: ByteReader, prefix: BinaryKey): KeyRange {
  return { ...prefixRange(prefix), start: from.text(replicatedLimits.keyBytes + 1) };
}

import type { Random } from '@coterie/raft';

/** What a disk writes or does not write as one: everything that a crash can tear, it tears here. */
export const sectorBytes = 512;

const chancesOfASector = [0, 1, 0.1, 0.5, 0.9] as const;

/** Whether something happens that has this chance (0 to 1). */
export function happens(random: Random, chance: number): boolean {
  return chance > 0 && random.nextInt(1_000_000) < chance * 1_000_000;
}

/**
 * The content of a simulated file: as processes see it, as the platter holds it, and everything that may be on its way
 * between the two.
 */
export class SimInode {
  #cached = new Uint8Array(sectorBytes);
  #durable = new Uint8Array(sectorBytes);
  #durableSize = 0;
  /**
   * For each sector written since the last sync, its contents in order: a crash may leave any of them, or what was
   * before.
   */
  readonly #dirty = new Map<number, Uint8Array[]>();
  /** The sizes since the last sync, in order. */
  #sizes: number[] = [];
  size = 0;

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.size - position));
    into.set(this.#cached.subarray(position, position + count));
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#cached = grown(this.#cached, end);
    this.#cached.set(bytes, position);
    if (end > this.size) this.#resized(end);
    this.#remember(position, end);
  }

  truncate(size: number): void {
    const before = this.size;
    if (size === before) return;
    this.#cached = grown(this.#cached, size);
    this.#resized(size);
    if (size > before) return;
    this.#cached.fill(0, size, before);
    this.#remember(size, before);
  }

  sync(): void {
    this.#durable = grown(this.#durable, this.size);
    for (const [sector, versions] of this.#dirty)
      this.#durable.set(versions.at(-1) as Uint8Array, sector * sectorBytes);
    this.#durableSize = this.size;
    this.#settled();
  }

  /**
   * A sync that failed, as Linux does it (https://wiki.postgresql.org/wiki/Fsync_Errors): some sectors made it, the
   * others are clean now, so that no later sync writes them although reads still show them.
   */
  failSync(random: Random): void {
    this.#durable = this.#survivors(random);
    this.#durableSize = Math.max(this.#durableSize, this.size);
    this.#settled();
  }

  /**
   * Power is lost: each dirty sector holds one of the contents it had since the last sync.
   * @returns how many lost something
   */
  crash(random: Random): number {
    let lost = 0;
    this.#durable = this.#survivors(random, () => lost++);
    const sizes = [this.#durableSize, ...this.#sizes];
    const size = sizes[random.nextInt(sizes.length)] as number;
    if (size !== this.size) lost++;
    this.#durable = grown(this.#durable, size);
    this.#durable.fill(0, size);
    this.#cached = this.#durable.slice();
    this.size = this.#durableSize = size;
    this.#settled();
    return lost;
  }

  /** Damage at rest: reads see it at once and no sync mends it. */
  flipBit(bit: number): void {
    const at = bit >>> 3;
    for (const content of [this.#cached, this.#durable])
      if (at < content.length) content[at] = (content[at] as number) ^ (1 << (bit & 7));
  }

  #survivors(random: Random, onLost: () => void = () => undefined): Uint8Array<ArrayBuffer> {
    const survivors = grown(this.#durable, this.size).slice();
    const chance = chancesOfASector[random.nextInt(chancesOfASector.length)] as number;
    for (const [sector, versions] of [...this.#dirty].sort(([a], [b]) => a - b)) {
      const newest = happens(random, chance);
      const pick = newest ? versions.length : random.nextInt(versions.length);
      if (pick < versions.length) onLost();
      if (pick > 0) survivors.set(versions[pick - 1] as Uint8Array, sector * sectorBytes);
    }
    return survivors;
  }

  #resized(size: number): void {
    this.size = size;
    this.#sizes.push(size);
  }

  #remember(start: number, end: number): void {
    for (let sector = Math.floor(start / sectorBytes); sector * sectorBytes < end; sector++) {
      const content = this.#cached.slice(sector * sectorBytes, (sector + 1) * sectorBytes);
      const versions = this.#dirty.get(sector);
      if (versions === undefined) this.#dirty.set(sector, [content]);
      else versions.push(content);
    }
  }

  #settled(): void {
    this.#dirty.clear();
    this.#sizes = [];
  }
}

/** At least `size` bytes, in whole sectors; zeros behind what there was. */
function grown(content: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (size <= content.length) return content;
  const larger = new Uint8Array(Math.ceil(Math.max(size, content.length * 2) / sectorBytes) * sectorBytes);
  larger.set(content);
  return larger;
}

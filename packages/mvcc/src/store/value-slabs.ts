const slabBytes = 16 * 1024;
/** Larger values get a buffer of their own: in a slab one of them would hold back the place of many. */
const slabValueBytes = 2 * 1024;

const nothing = new Uint8Array(0);

/**
 * Copies values out of the buffers they came in, so that a small value does not keep a large frame in memory.
 *
 * Small ones share slabs: a buffer of its own costs a value of 256 bytes some 300 bytes more and twice the time (ADR
 * 0001).
 */
export class ValueSlabs {
  #slab = nothing;
  #used = 0;

  /** @returns `value` itself where it fills its buffer */
  keep(value: Uint8Array): Uint8Array {
    const { length } = value;
    if (length === value.buffer.byteLength) return value;
    if (length === 0) return nothing;
    if (length > slabValueBytes) return ownCopy(value);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + length);
    copy.set(value);
    this.#used += length;
    return copy;
  }
}

/** A copy with a buffer of its own; also of a Buffer, whose `slice` would share. */
function ownCopy(value: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(value);
}

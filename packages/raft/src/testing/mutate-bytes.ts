import type { Random } from '../core/ready.js';

/** Values at which lengths, signs and flags change their meaning. */
const telling = [0, 1, 2, 0x7f, 0x80, 0xff] as const;

/**
 * Bytes with one to four faults in them: flipped bits, other values, moved, doubled, missing and foreign parts, a wrong
 * end. For tests that feed decoders what nobody encoded.
 *
 * @param others where foreign parts come from; default: the bytes themselves
 * @returns a copy; it may happen to be equal
 */
export function mutateBytes(bytes: Uint8Array, random: Random, others: readonly Uint8Array[] = [bytes]): Uint8Array {
  let mutated: Uint8Array = Uint8Array.from(bytes);
  for (let faults = 1 + random.nextInt(4); faults > 0; faults--) {
    const fault = mutations[random.nextInt(mutations.length)] as Mutation;
    mutated = fault(mutated, random, others[random.nextInt(others.length)] ?? bytes);
  }
  return mutated;
}

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const flipBit: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.nextInt(bytes.length)]! ^= 1 << random.nextInt(8);
  return bytes;
};

const setByte: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.nextInt(bytes.length)] = random.nextInt(256);
  return bytes;
};

const setTelling: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random.nextInt(bytes.length)] = telling[random.nextInt(telling.length)] as number;
  return bytes;
};

/** What may be a length or a count, one off or out of all proportion. */
const setNumber: Mutation = (bytes, random) => {
  if (bytes.length < 4) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = random.nextInt(bytes.length - 3);
  const step = [1, -1, 0x7fff_ffff][random.nextInt(3)] as number;
  view.setUint32(at, view.getUint32(at, true) + step, true);
  return bytes;
};

const zero: Mutation = (bytes, random) => {
  const [from, to] = part(bytes, random);
  return bytes.fill(0, from, to);
};

const cutOut: Mutation = (bytes, random) => {
  const [from, to] = part(bytes, random);
  return joined(bytes.subarray(0, from), bytes.subarray(to));
};

const endEarly: Mutation = (bytes, random) => bytes.slice(0, random.nextInt(bytes.length + 1));

const putIn: Mutation = (bytes, random, other) => {
  const [from, to] = part(other, random);
  const at = random.nextInt(bytes.length + 1);
  return joined(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at));
};

const overwrite: Mutation = (bytes, random, other) => {
  const [from, to] = part(other, random);
  const at = random.nextInt(bytes.length + 1);
  bytes.set(other.subarray(from, Math.min(to, from + bytes.length - at)), at);
  return bytes;
};

const mutations: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setTelling,
  setNumber,
  zero,
  cutOut,
  endEarly,
  putIn,
  overwrite,
];

/** Mostly a short part: long ones leave little to decode. */
function part(bytes: Uint8Array, random: Random): readonly [from: number, to: number] {
  const from = random.nextInt(bytes.length + 1);
  const longest = random.nextInt(4) === 0 ? bytes.length : 16;
  return [from, Math.min(bytes.length, from + 1 + random.nextInt(longest + 1))];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of parts) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

import { CoterieError } from '@coterie/errors';
import { mutateBytes, SeededRandom } from '@coterie/raft/testing';

/** A decoder under bytes that nobody encoded. */
export interface Target {
  readonly name: string;
  /** Its part of all inputs. */
  readonly share: number;
  /** Sound inputs. */
  readonly samples: readonly Uint8Array[];
  /** Makes checksums right again, so that faults reach what stands behind them. */
  readonly repair?: (bytes: Uint8Array) => void;
  /**
   * Decodes. Whatever is no CoterieError and is thrown is a failure.
   *
   * @param sample the input before its faults
   * @param repaired whether its checksums are right although it is wrong: then only what is wrong in itself is seen
   */
  readonly check: (input: Uint8Array, sample: Uint8Array, repaired: boolean) => void | Promise<void>;
}

export interface FuzzCount {
  accepted: number;
  refused: number;
  repaired: number;
  /** The longest that one input took. */
  longestMs: number;
}

/** No decoder needs as long for a few kilobytes, on the slowest machine. */
export const hangMs = 5_000;

/** @throws Error naming the seed of the input that failed */
export async function fuzz(target: Target, seed: number, inputs: number): Promise<FuzzCount> {
  const count: FuzzCount = { accepted: 0, refused: 0, repaired: 0, longestMs: 0 };
  for (let input = 0; input < inputs; input++) await one(target, seed + input, count);
  return count;
}

async function one(target: Target, seed: number, count: FuzzCount): Promise<void> {
  const random = new SeededRandom(seed);
  const sample = target.samples[random.nextInt(target.samples.length)] as Uint8Array;
  const bytes = mutateBytes(sample, random, target.samples);
  const repaired = target.repair !== undefined && random.nextInt(2) === 0;
  const beganMs = performance.now();
  try {
    if (repaired) {
      target.repair?.(bytes);
      count.repaired++;
    }
    await target.check(bytes, sample, repaired);
    count.accepted++;
  } catch (error) {
    if (!(error instanceof CoterieError) || (error.code !== 'ERR_CORRUPT' && error.code !== 'ERR_STORAGE')) {
      const hex = Buffer.from(bytes.subarray(0, 400)).toString('hex');
      throw new Error(`${target.name}, seed ${seed}, bytes ${hex}: ${String((error as Error).stack)}`, {
        cause: error,
      });
    }
    count.refused++;
  }
  count.longestMs = Math.max(count.longestMs, performance.now() - beganMs);
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

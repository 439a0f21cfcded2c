import type { Random } from '@coterie/raft';
import type { FileSystem } from './file-system.js';

/** What a simulated disk is asked to do. */
export type DiskOperation = keyof FileSystem;

/**
 * What befalls one operation of a simulated disk instead of its going well.
 *
 * - `stop`: the process dies before the operation, in the middle of it or right after it. `struck` is called when that
 *   moment has come; what it does (a kill or a power loss) is done before anything else runs.
 * - `error`: the operation fails with a system error after a part of its effect. A sync that fails so has made some
 *   sectors durable and has forgotten the others, which reads still show.
 * - `misdirect`: a write lands in another sector of its file and says that it went well.
 * - `short`: a read says that the file ends before it does.
 * - `flip`: a read shows one wrong bit; the disk holds the right one.
 *
 * The last three befall only reads and writes; any other operation goes on as if nothing were the matter.
 */
export type DiskStrike =
  | { readonly kind: 'stop'; readonly when: 'before' | 'middle' | 'after'; readonly struck: () => void }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'misdirect' | 'short' | 'flip' };

/** Asked at every operation; `path` names a file or directory. Left out: nothing befalls anything. */
export type DiskSaboteur = (operation: DiskOperation, path: string) => DiskStrike | undefined;

/** One wrong bit in a part that holds something, if any part does: a file is mostly zeros that nobody reads. */
export function flipSomeBit(bytes: Uint8Array, random: Random): number | undefined {
  if (bytes.length === 0) return undefined;
  let at = random.nextInt(bytes.length);
  for (let tries = 0; tries < 64 && bytes[at] === 0; tries++) at = random.nextInt(bytes.length);
  const bit = random.nextInt(8);
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
  return at * 8 + bit;
}

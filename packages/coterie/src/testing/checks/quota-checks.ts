import type { RawEntry } from '@coterie/mvcc';
import type { SimMember } from '../sim-member.js';

/** What a key counts for beside its bytes and those of its value, said a second time. */
const numbersBytes = 64;

/** What a member says that keys take, held against a count of them. @returns what is wrong */
export function quotaFault(member: SimMember, revision: number, entries: readonly RawEntry[]): string | undefined {
  const machine = member.engine.replica?.machine;
  // What was written since the read is in the one and not in the other.
  if (machine?.revision !== revision) return undefined;
  for (const { prefix, used, counting } of machine.quotas()) {
    if (counting) continue;
    let counted = 0;
    for (const { key, value } of entries) {
      if (key.startsWith(prefix)) counted += key.length + value.length + numbersBytes;
    }
    if (counted !== used) return `live bytes: ${member.name} says ${used} of '${prefix}', a count gives ${counted}`;
  }
  return undefined;
}

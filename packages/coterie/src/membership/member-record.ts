import { CoterieError } from '@coterie/errors';
import type { MemberRecord, NodeId } from '@coterie/raft';

/** What the cluster's state says of a member: its name is a label, its id is who it is. */
export interface Member {
  readonly id: NodeId;
  readonly name: string;
  readonly url: string;
  readonly incarnation: string;
}

export function encodeMember(member: Omit<Member, 'id'>): Uint8Array {
  return Buffer.from(JSON.stringify([1, member.name, member.url, member.incarnation]), 'utf8');
}

/** @throws CoterieError ERR_CORRUPT */
export function decodeMember(record: MemberRecord): Member {
  const parsed: unknown = JSON.parse(Buffer.from(record.data).toString('utf8'));
  if (!Array.isArray(parsed) || parsed[0] !== 1 || parsed.length < 4) {
    throw new CoterieError('ERR_CORRUPT', { message: `the record of member ${record.id} has an unknown format` });
  }
  const [, name, url, incarnation] = parsed as [number, string, string, string];
  return { id: record.id, name, url, incarnation };
}

import type { ClusterState, ConfState, MemberRecord, NodeId } from '@coterie/raft';
import { ByteReader, corrupt } from '../command/byte-reader.js';
import { ByteWriter } from '../command/byte-writer.js';

const format = 1;

/** Far above what a cluster has; a bound for bytes that are not what they should be. */
const membersMax = 10_000;
const memberDataMax = 1024 * 1024;

/** The configuration and the members' records as checkpoints and snapshots carry them. */
export function encodeCluster({ conf, members }: ClusterState): Uint8Array {
  const out = new ByteWriter(256);
  out.u8(format);
  for (const ids of [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext]) {
    out.uint(ids.length);
    for (const id of ids) out.uint(id);
  }
  out.u8(conf.autoLeave ? 1 : 0);
  out.uint(members.length);
  for (const { id, data } of members) {
    out.uint(id);
    out.bytes(data);
  }
  return out.finish();
}

/**
 * @returns undefined for no bytes at all: a machine that never held a cluster
 * @throws CoterieError ERR_CORRUPT
 */
export function decodeCluster(bytes: Uint8Array): ClusterState | undefined {
  if (bytes.length === 0) return undefined;
  const from = new ByteReader(bytes);
  const found = from.u8();
  if (found !== format) throw corrupt(`format ${found} of a cluster state`);
  const conf: ConfState = {
    voters: readIds(from),
    votersOutgoing: readIds(from),
    learners: readIds(from),
    learnersNext: readIds(from),
    autoLeave: from.flag(),
  };
  const members: MemberRecord[] = [];
  for (let count = from.uint(membersMax); count > 0; count--) {
    // Copied: the records live as long as the membership, the bytes around them need not.
    members.push({ id: from.uint(), data: new Uint8Array(from.bytes(memberDataMax)) });
  }
  from.end();
  return { conf, members };
}

function readIds(from: ByteReader): NodeId[] {
  const ids: NodeId[] = [];
  for (let count = from.uint(membersMax); count > 0; count--) ids.push(from.uint());
  return ids;
}

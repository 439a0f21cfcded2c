import type { TransportPeer } from '@coterie/raft';
import { Packr } from 'msgpackr';
import { malformed, StrictReader } from './strict-reader.js';
import { maxIncarnationBytes } from './options.js';

/** Rises when a build can no longer talk to an older one. */
export const protocolVersion = 1;

/** Longest first message of a connection; read before anybody has said who he is. */
export const maxHelloBytes = 4 << 10;
/** Longest name or cluster id, in bytes of UTF-8, so that a hello always fits. */
export const maxNameBytes = 512;

const magic = 'coterie';

/** What a connection is for: raft messages and bytes, or one snapshot. */
export type Lane = 'raft' | 'snapshot';
const lanes = ['raft', 'snapshot'] as const satisfies readonly Lane[];

/** The first message of a connection, from the one who dialled. */
export interface Hello {
  readonly version: number;
  readonly lane: Lane;
  readonly clusterId: string;
  readonly from: { readonly id: number; readonly name: string };
  /** Whom the sender believes to have reached: a reused address must not deliver one member's messages to another. */
  readonly to: { readonly id: number; readonly name: string };
  readonly incarnation: Uint8Array;
  /** Where a proof of the cluster's secret goes. Empty: none is asked for. */
  readonly proof: Uint8Array;
}

/** The answer to a hello that is in order. One that is not is answered by a close with one of {@link closeCodes}. */
export interface Welcome {
  readonly version: number;
  readonly from: { readonly id: number; readonly name: string };
  readonly incarnation: Uint8Array;
  readonly proof: Uint8Array;
}

/** Why we close a connection: codes of RFC 6455 §7.4, the private ones from 4000 on. */
export const closeCodes = {
  closing: 1001,
  malformed: 4000,
  otherVersion: 4001,
  otherCluster: 4002,
  stranger: 4003,
  misdirected: 4004,
  helloTimeout: 4005,
  replaced: 4006,
  notAdmitted: 4007,
  removed: 4008,
  done: 4009,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

const packr = new Packr({ useRecords: false, moreTypes: false });

export function encodeHello(hello: Hello): Uint8Array {
  const { version, lane, clusterId, from, to, incarnation, proof } = hello;
  return packr.pack([
    magic,
    version,
    lanes.indexOf(lane),
    clusterId,
    from.id,
    from.name,
    to.id,
    to.name,
    incarnation,
    proof,
  ]);
}

/** @throws CoterieError ERR_PROTOCOL */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = begin(bytes);
  const version = reader.uint();
  const lane = lanes[reader.uint()] ?? malformed('unknown lane');
  const clusterId = reader.text();
  const from = { id: reader.uint(), name: reader.text() };
  const to = { id: reader.uint(), name: reader.text() };
  const hello: Hello = { version, lane, clusterId, from, to, incarnation: opaque(reader), proof: opaque(reader) };
  reader.end();
  return hello;
}

export function encodeWelcome({ version, from, incarnation, proof }: Welcome): Uint8Array {
  return packr.pack([magic, version, from.id, from.name, incarnation, proof]);
}

/** @throws CoterieError ERR_PROTOCOL */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  const reader = begin(bytes);
  const version = reader.uint();
  const from = { id: reader.uint(), name: reader.text() };
  const welcome: Welcome = { version, from, incarnation: opaque(reader), proof: opaque(reader) };
  reader.end();
  return welcome;
}

/** What the receiver of a hello knows. */
export interface HelloJudge {
  readonly self: { readonly id: number; readonly name: string };
  readonly clusterId: string;
  peer(id: number): TransportPeer | undefined;
  admit(peer: TransportPeer, incarnation: Uint8Array): boolean;
}

export type Verdict =
  | { readonly ok: true; readonly peer: TransportPeer; readonly lane: Lane }
  | { readonly ok: false; readonly code: CloseCode; readonly reason: string };

/**
 * Whether we talk to the sender of this hello. Reasons go over the wire: they name nothing that the sender did not say
 * itself.
 */
export function judgeHello(hello: Hello, judge: HelloJudge): Verdict {
  const no = (code: CloseCode, reason: string): Verdict => ({ ok: false, code, reason });
  if (hello.version !== protocolVersion)
    return no(closeCodes.otherVersion, `protocol ${protocolVersion} is spoken here`);
  if (hello.clusterId !== judge.clusterId) return no(closeCodes.otherCluster, 'another cluster lives here');
  if (hello.to.id !== judge.self.id || hello.to.name !== judge.self.name)
    return no(closeCodes.misdirected, 'somebody else lives here');
  const peer = judge.peer(hello.from.id);
  if (peer === undefined || peer.name !== hello.from.name) return no(closeCodes.stranger, 'not listed here');
  // A build that asks for no proof must not pretend to have checked one.
  if (hello.proof.length > 0) return no(closeCodes.notAdmitted, 'no secret is set here');
  if (!judge.admit(peer, hello.incarnation)) return no(closeCodes.notAdmitted, 'not admitted');
  return { ok: true, peer, lane: hello.lane };
}

/** Whether the one who answered is the one we dialled. @returns why not */
export function judgeWelcome(welcome: Welcome, peer: TransportPeer, admit: HelloJudge['admit']): string | undefined {
  if (welcome.version !== protocolVersion) return `protocol ${welcome.version} is spoken there`;
  if (welcome.from.id !== peer.id || welcome.from.name !== peer.name) return 'somebody else lives there';
  if (welcome.proof.length > 0) return 'a secret is set there';
  return admit(peer, welcome.incarnation) ? undefined : 'not admitted';
}

function begin(bytes: Uint8Array): StrictReader {
  if (bytes.length > maxHelloBytes) malformed(`a hello of ${bytes.length} bytes`);
  const reader = new StrictReader(bytes);
  reader.array();
  if (reader.text() !== magic) malformed('not a hello of this protocol');
  return reader;
}

function opaque(reader: StrictReader): Uint8Array {
  const bytes = reader.bin();
  if (bytes.length > maxIncarnationBytes) malformed('an opaque field is too long');
  return new Uint8Array(bytes);
}

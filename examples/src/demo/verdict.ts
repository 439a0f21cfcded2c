import { attemptOf, valueOf, type PackageEntry } from './lock-file-entries.js';
import type { PutLedger } from './put-ledger.js';
import type { EntryJson } from './service-client.js';
import type { ServiceStatus } from './service-contract.js';

/** What is known when the load has ended. */
export interface Evidence {
  readonly ledger: PutLedger;
  readonly packages: readonly PackageEntry[];
  /** The revision before the first put, and the one at the end. */
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** By revision, from a watch on one peer. */
  readonly events: ReadonlyMap<number, EntryJson>;
  readonly watchFaults: readonly string[];
  /** All keys, read linearizably, by the peer that was asked. */
  readonly reads: ReadonlyMap<string, readonly EntryJson[]>;
  /** At one index. */
  readonly statuses: readonly ServiceStatus[];
}

/** What the evidence says. `faults` is empty when everything holds. */
export interface Verdict {
  readonly lost: number;
  readonly revisionsWritten: number;
  /** Puts that were applied although their answer never came. */
  readonly appliedWithoutAnswer: number;
  readonly faults: readonly string[];
}

/** A cluster that is quite wrong would give thousands. */
const faultsShownMax = 20;

export function judge(evidence: Evidence, putsWanted: number): Verdict {
  const { ledger, firstRevision, lastRevision } = evidence;
  const faults = [...evidence.watchFaults];
  for (const [phase, count] of Object.entries(ledger.acknowledged)) {
    if (count === 0) faults.push(`no write was acknowledged ${phase} the outage`);
  }
  if (ledger.total < putsWanted) faults.push(`${ledger.total} puts were acknowledged; ${putsWanted} are wanted`);
  const appliedWithoutAnswer = judgeEvents(evidence, faults);
  const lost = judgeAcknowledged(evidence, faults);
  judgeReads(evidence, faults);
  const chains = new Set(evidence.statuses.map((status) => status.stateHash?.chain));
  if (chains.size !== 1 || chains.has(undefined)) faults.push('the state hashes differ');
  const more = faults.length - faultsShownMax;
  const shown = more > 0 ? [...faults.slice(0, faultsShownMax), `and ${more} more`] : faults;
  return { lost, revisionsWritten: lastRevision - firstRevision, appliedWithoutAnswer, faults: shown };
}

/** Every revision came once, with the value of one attempt; no attempt was applied twice, and none that was refused. */
function judgeEvents(evidence: Evidence, faults: string[]): number {
  const { ledger, events, firstRevision, lastRevision } = evidence;
  const packages = new Map(evidence.packages.map((entry) => [entry.key, entry]));
  const seen = new Map<number, number>();
  let withoutAnswer = 0;
  for (let revision = firstRevision + 1; revision <= lastRevision; revision++) {
    const event = events.get(revision);
    if (event === undefined) {
      faults.push(`the watch never showed revision ${revision}`);
      continue;
    }
    const attempt = ledger.attempts[attemptOf(event.value) ?? -1];
    const entry = packages.get(event.key);
    if (attempt?.key !== event.key || entry === undefined || valueOf(entry, attempt.pass, attempt.id) !== event.value) {
      faults.push(`revision ${revision} holds what nobody wrote to ${event.key}`);
      continue;
    }
    const before = seen.get(attempt.id);
    if (before !== undefined) faults.push(`one put of ${event.key} was applied at ${before} and at ${revision}`);
    seen.set(attempt.id, revision);
    if (attempt.state === 'refused') faults.push(`revision ${revision} is of a put that was refused`);
    if (attempt.state !== 'acknowledged') withoutAnswer++;
  }
  if (events.size !== lastRevision - firstRevision) {
    faults.push(`${events.size} events for ${lastRevision - firstRevision} revisions`);
  }
  return withoutAnswer;
}

/** Each acknowledged put stands at its own revision with its own value, and no later state has forgotten it. */
function judgeAcknowledged({ ledger, events, reads }: Evidence, faults: string[]): number {
  const owners = new Map<number, number>();
  const lastOfKey = new Map<string, number>();
  let lost = 0;
  for (const { id, key, state, revision } of ledger.attempts) {
    if (state !== 'acknowledged' || revision === undefined) continue;
    if (owners.has(revision)) faults.push(`revision ${revision} was given to two puts`);
    owners.set(revision, id);
    lastOfKey.set(key, Math.max(revision, lastOfKey.get(key) ?? 0));
    const event = events.get(revision);
    if (event !== undefined && event.key === key && attemptOf(event.value) === id) continue;
    lost++;
    faults.push(`the acknowledged put of ${key} at revision ${revision} is not there`);
  }
  for (const [peer, entries] of reads) {
    const found = new Map(entries.map((entry) => [entry.key, entry.modRevision]));
    for (const [key, revision] of lastOfKey) {
      if ((found.get(key) ?? 0) >= revision) continue;
      lost++;
      faults.push(`${peer} has ${key} at revision ${found.get(key) ?? 0}; ${revision} was acknowledged`);
    }
  }
  return lost;
}

/** What every peer reads is what the last event of each key said. */
function judgeReads({ events, reads }: Evidence, faults: string[]): void {
  const last = new Map<string, EntryJson>();
  for (const revision of [...events.keys()].sort((a, b) => a - b)) {
    const event = events.get(revision)!;
    last.set(event.key, event);
  }
  for (const [peer, entries] of reads) {
    if (entries.length !== last.size) faults.push(`${peer} has ${entries.length} keys; ${last.size} were written`);
    for (const { key, value, modRevision } of entries) {
      const event = last.get(key);
      if (event?.modRevision === modRevision && event.value === value) continue;
      faults.push(`${peer} reads ${key} of revision ${modRevision}; its last event is ${event?.modRevision ?? 'none'}`);
    }
  }
}

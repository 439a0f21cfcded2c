import type { CommittedEntry } from '@coterie/raft';
import { describe, expect, test } from 'vitest';
import { encodeEndSession, encodeOpenSession, encodeTouch, encodeWrite } from '../../src/command/encode.js';
import { replicatedLimits } from '../../src/limits.js';
import { LogWriter } from './log-writer.js';
import { put, Replica } from './replica.js';

describe('sessions', () => {
  test('one is opened an entry, its id is the index; the nonce of a live one gives it again', () => {
    const replica = new Replica();
    const writer = { index: 0 };
    const entry = (...commands: Uint8Array[]): CommittedEntry => ({
      index: ++writer.index,
      term: 1,
      stampMs: 1,
      wallMs: 0,
      commands,
    });
    const [a, b] = ['a'.repeat(16), 'b'.repeat(16)];
    replica.apply(
      entry(encodeOpenSession(a), encodeOpenSession(b), encodeOpenSession(a)),
      entry(encodeOpenSession(b), encodeOpenSession(a)),
    );
    expect(replica.told).toEqual([
      ['opened', a, 1],
      ['opened', b, undefined],
      ['opened', a, 1],
      ['opened', b, 2],
      ['opened', a, 1],
    ]);
  });

  test('a duplicate gets the first outcome, a gap applies nothing, an unknown session is refused for good', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const add = (sequence: number) => encodeWrite(1, sequence, 1, { kind: 'add', key: 'n', delta: 5 });
    replica.apply(writer.append([add(1), add(1), add(3), add(2), add(1), encodeWrite(77, 1, 1, put('x'))]));
    expect(replica.told.slice(1)).toMatchObject([
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['gap', 1, 2, 3],
      ['settled', 1, 2, { value: 10, revision: 3 }],
      ['settled', 1, 1, { value: 5, revision: 2 }],
      ['ended', 77],
    ]);
    expect(replica.machine.revision).toBe(3);
  });

  test('keep the outcomes that are not acknowledged, within their bounds', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const commands = Array.from({ length: replicatedLimits.openOperations + 5 }, (_, at) =>
      encodeWrite(1, at + 1, 1, put('a')),
    );
    replica.apply(writer.append(commands));
    const { sessions } = replica.machine;
    expect(sessions.outcome(1, 5)).toBe('gone');
    expect(sessions.outcome(1, 6)).toMatchObject({ revision: 7 });
    expect(sessions.outcome(1, commands.length + 1)).toBe('not-seen');
    replica.apply(writer.append([encodeTouch(1, 100)]));
    expect(sessions.outcome(1, 99)).toBe('gone');
    expect(sessions.outcome(1, 100)).toMatchObject({ revision: 101 });
    // An acknowledgement of what has not been applied is no reason to forget what comes.
    replica.apply(writer.append([encodeTouch(1, 1_000_000), encodeWrite(1, commands.length + 1, 1, put('a'))]));
    expect(sessions.outcome(1, commands.length + 1)).toMatchObject({ kind: 'put' });
  });

  test('keep no entries of outcomes', () => {
    const writer = new LogWriter();
    writer.write(put('a'), { kind: 'delete', range: { start: 'a' }, prev: true });
    const { machine } = new Replica().apply(...writer.log);
    expect(machine.sessions.outcome(1, 2)).toEqual({ kind: 'delete', ok: true, revision: 3, deleted: 1 });
  });

  test('end only when they had no contact for their TTL, by log time', () => {
    const writer = new LogWriter();
    const replica = new Replica().apply(...writer.log);
    const { machine } = replica;
    const ttl = replicatedLimits.sessionTtlMs;
    writer.stampMs += ttl - 1;
    expect(machine.expiredSessions(writer.stampMs)).toEqual([]);
    replica.apply(writer.append([encodeEndSession(1)]));
    expect(machine.sessions.has(1)).toBe(true);
    replica.apply(writer.append([encodeTouch(1, 1)]));
    writer.stampMs += ttl - 1;
    replica.apply(writer.append([encodeEndSession(1)]));
    expect(machine.sessions.has(1)).toBe(true);
    writer.stampMs += 1;
    expect(machine.expiredSessions(writer.stampMs)).toEqual([1]);
    replica.apply(writer.append([encodeEndSession(1), encodeWrite(1, 1, 1, put('a'))]));
    expect(machine.sessions.has(1)).toBe(false);
    expect(machine.revision).toBe(1);
    expect(replica.told.filter(([what]) => what === 'ended')).toHaveLength(2);
  });
});

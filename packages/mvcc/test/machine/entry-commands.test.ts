import type { CommittedEntry } from '@coterie/raft';
import { expect, test } from 'vitest';
import { EntryCommands } from '../../src/state/entry-commands.js';

function entry(index: number, term: number): CommittedEntry {
  return { index, term, stampMs: 0, wallMs: 0, commands: [] };
}

test('entries that another leader has replaced do not take the places of those to come', () => {
  const commands = new EntryCommands(() => []);
  let last = 0;
  for (let term = 1; term <= 40; term++) {
    for (let at = 1; at <= 9; at++) expect(commands.foresee(entry(last + at, term)), `term ${term}`).toBeDefined();
    // Of nine, the last six are replaced: four by an entry that was foreseen too.
    for (let at = 1; at <= 3; at++) commands.take(entry(last + at, term));
    const successors = [4, 5, 6, 7].map((at) => entry(last + at, 1_000 + term));
    for (const successor of successors) expect(commands.foresee(successor), `term ${term}`).toBeDefined();
    for (const successor of successors) commands.take(successor);
    last += 7;
  }
});

import type { ConfState, Entry, Index, Term } from '../core/messages.js';
import type { AppendBatch, HardState } from '../core/ready.js';
import type { LoadedLog } from '../ports/log-storage.js';
import { claim, claimEntries, claimEqual, entries, type LogUser, markConf, text } from './log-user.js';
import { SeededRandom } from './seeded-random.js';
import { pause } from './transport-ends.js';

const small = (index: Index, term: Term, bytes = 3): Entry => ({
  index,
  term,
  kind: 'normal',
  data: new Uint8Array(bytes).fill(index & 255),
});

/** What a log holds after these batches: the contract, in a few lines. */
class LogModel {
  start: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  conf: ConfState | undefined;
  entries: Entry[] = [];
  hardState: HardState = { term: 0, vote: 0, commit: 0 };

  take({ snapshot, entries: given = [], hardState }: Partial<AppendBatch>): void {
    if (snapshot !== undefined) {
      this.start = { index: snapshot.index, term: snapshot.term };
      this.conf = snapshot.conf;
      this.entries = [];
    }
    const [first] = given;
    if (first !== undefined) this.entries.length = first.index - this.start.index - 1;
    this.entries.push(...given);
    if (hardState !== undefined) this.hardState = hardState;
  }

  get last(): { readonly index: Index; readonly term: Term } {
    return this.entries.at(-1) ?? this.start;
  }

  /** @throws Error unless the log holds the same; it may begin earlier, where entries were released */
  claimIs(loaded: LoadedLog, released: Index): void {
    // What was released is committed, whether or not the last word about the commit index came that far.
    const commit = Math.max(this.hardState.commit, loaded.start.index);
    claimEqual(loaded.hardState, { ...this.hardState, commit }, 'the hard state');
    claim(loaded.start.index <= Math.max(released, this.start.index), 'only what was released is gone', loaded.start);
    claim(loaded.start.index >= this.start.index, 'nothing from before the mark is left', loaded.start);
    claimEqual(loaded.conf, this.conf, 'the configuration');
    claimEntries(loaded, this.entries.slice(loaded.start.index - this.start.index));
  }
}

async function answersEmptyBatches(user: LogUser): Promise<void> {
  await Promise.all([
    user.append({}),
    user.append({ entries: [small(1, 1)] }),
    user.append({ mustSync: false }),
    user.append({ hardState: { term: 1, vote: 2, commit: 0 } }),
    user.append({}),
  ]);
  claimEqual(user.done, [1, 2, 3, 4, 5], 'the order of answers');
  claimEntries(await user.reopen(), [small(1, 1)]);
}

async function keepsLargeEntries(user: LogUser): Promise<void> {
  const large = [3, 2_000_000, 0, 70_000, 1].map((bytes, i) => small(i + 1, 1, bytes));
  await user.append({ entries: large });
  await user.append({ entries: [small(6, 1, 1_000_000)] });
  const loaded = await user.reopen();
  claimEqual(
    loaded.entries.map(({ data }) => data.length),
    [3, 2_000_000, 0, 70_000, 1, 1_000_000],
    'the sizes',
  );
  claim(
    loaded.entries.every(({ data, index }) => data.every((byte) => byte === (index & 255))),
    'the bytes are those that were given',
  );
}

async function replacesTheFirst(user: LogUser): Promise<void> {
  await user.append({ entries: entries(1, 5, 1) });
  await user.append({ entries: entries(1, 2, 4) });
  claimEntries(await user.reopen(), entries(1, 2, 4));
}

async function forgetsWhatWasReplaced(user: LogUser): Promise<void> {
  await user.append({ entries: entries(1, 80, 1) });
  await user.append({ entries: entries(10, 1, 2) });
  const kept = [...entries(1, 9, 1), ...entries(10, 1, 2)];
  for (let life = 0; life < 3; life++) {
    claimEntries(await user.reopen(), kept);
    // Where the old log had an entry of an older term.
    const next = small(kept.length + 1, 2 + life);
    kept.push(next);
    await user.append({ entries: [next] });
  }
  claimEntries(await user.reopen(), kept);
}

async function replacesWithinOneSync(user: LogUser): Promise<void> {
  await Promise.all([
    user.append({ entries: entries(1, 6, 1) }),
    user.append({ entries: entries(3, 1, 2) }),
    user.append({ entries: entries(4, 2, 2) }),
    user.append({ entries: entries(2, 1, 3) }),
  ]);
  claimEntries(await user.reopen(), [...entries(1, 1, 1), ...entries(2, 1, 3)]);
}

async function keepsTheNewestVote(user: LogUser): Promise<void> {
  for (let term = 1; term <= 6; term++) {
    const votes = [0, 3, 3].map((vote, i) => user.append({ hardState: { term, vote, commit: 0 }, mustSync: i < 2 }));
    await Promise.all(votes);
    claimEqual((await user.reopen()).hardState, { term, vote: 3, commit: 0 }, 'the hard state');
  }
}

async function keepsTheVoteOverReleases(user: LogUser): Promise<void> {
  const hardState = { term: 9, vote: 4, commit: 0 };
  await user.append({ hardState });
  for (let index = 1; index <= 60; index++) await user.append({ entries: [small(index, 9, 400)] });
  user.log.release({ index: 55, term: 9 });
  await user.append({ entries: [small(61, 9)] });
  const { hardState: found, start } = await user.reopen();
  claimEqual([found.term, found.vote], [9, 4], 'term and vote, written before what was released');
  claim(found.commit >= start.index, 'the commit index is not below the start', found);
}

async function keepsTheMarkOverReleases(user: LogUser): Promise<void> {
  await user.append({ snapshot: { index: 10, term: 2, conf: markConf, size: 5 } });
  for (let index = 11; index <= 70; index++) await user.append({ entries: [small(index, 2, 400)] });
  user.log.release({ index: 60, term: 2 });
  for (let life = 0; life < 2; life++) claimEqual((await user.reopen()).conf, markConf, 'the configuration');
}

async function takesTheNewestMark(user: LogUser): Promise<void> {
  await user.append({ entries: entries(1, 30, 1) });
  const later = { ...markConf, learners: [77] };
  await user.append({ snapshot: { index: 40, term: 2, conf: markConf, size: 5 } });
  await user.append({ snapshot: { index: 90, term: 3, conf: later, size: 6 } });
  for (let life = 0; life < 2; life++) {
    const loaded = await user.reopen();
    claimEqual(loaded.start, { index: 90, term: 3 }, 'the start');
    claimEqual(loaded.conf, later, 'the configuration');
    claimEntries(loaded, []);
  }
  await user.append({ entries: [small(91, 3)] });
  claimEntries(await user.reopen(), [small(91, 3)]);
}

async function ignoresOldReleases(user: LogUser): Promise<void> {
  await user.append({ snapshot: { index: 50, term: 3, conf: markConf, size: 5 } });
  await user.append({ entries: [small(51, 3), small(52, 3)] });
  for (const index of [1, 50, 49]) user.log.release({ index, term: index === 50 ? 3 : 1 });
  const loaded = await user.reopen();
  claimEqual(loaded.start, { index: 50, term: 3 }, 'the start');
  claimEntries(loaded, [small(51, 3), small(52, 3)]);
}

async function releasesEverything(user: LogUser): Promise<void> {
  for (let index = 1; index <= 40; index++) await user.append({ entries: [small(index, 1, 300)] });
  user.log.release({ index: 40, term: 1 });
  const { start, entries: found } = await user.reopen();
  claimEqual(start.index + found.length, 40, 'the last index');
  await user.append({ entries: [small(41, 2)] });
  claimEqual((await user.reopen()).entries.at(-1)?.index, 41, 'the last index');
}

async function loadsForGood(user: LogUser): Promise<void> {
  await user.append({ entries: entries(1, 4, 1) });
  const loaded = await user.reopen();
  const before = text(loaded.entries);
  await user.append({ entries: entries(2, 5, 2), hardState: { term: 2, vote: 1, commit: 1 } });
  user.log.release({ index: 1, term: 1 });
  claim(text(loaded.entries) === before && loaded.entries.length === 4, 'what was loaded does not move');
  claimEqual(loaded.hardState, { term: 0, vote: 0, commit: 0 }, 'the loaded hard state');
}

async function losesNothingDone(user: LogUser): Promise<void> {
  user.needsCrash();
  let index = 0;
  for (let life = 0; life < 4; life++) {
    for (let more = 0; more < 5; more++) {
      index++;
      await user.append({ entries: [small(index, 1)], hardState: { term: 1 + life, vote: 2, commit: 0 } });
    }
    // Given, and not answered when the process dies.
    for (let more = 1; more <= 3; more++) {
      user.append({ entries: [small(index + more, 1)] }).catch(() => undefined);
    }
    const loaded = await user.crash();
    const last = loaded.entries.at(-1)?.index ?? 0;
    claim(last >= index && last <= index + 3, `entries up to ${index} were done and are there`, last);
    claimEqual(loaded.hardState, { term: 1 + life, vote: 2, commit: 0 }, 'the hard state');
    claimEntries(
      loaded,
      Array.from({ length: last }, (_, i) => small(i + 1, 1)),
    );
    index = last;
  }
}

async function leavesNoHoles(user: LogUser): Promise<void> {
  user.needsCrash();
  await user.append({ entries: [small(1, 1)] });
  // Each batch says in its hard state how many came before it.
  for (let index = 2; index <= 40; index++) {
    user
      .append({ entries: [small(index, index)], hardState: { term: index, vote: 0, commit: 0 } })
      .catch(() => undefined);
    if (index === 20) await pause(0);
  }
  const { entries: found, hardState } = await user.crash();
  found.forEach(({ index }, i) => claim(index === i + 1, 'entries are contiguous', index));
  claim(
    hardState.term <= found.length && hardState.term >= found.length - 1,
    'hard states and entries are one stream',
    { term: hardState.term, entries: found.length },
  );
}

async function closesInTheMiddle(user: LogUser): Promise<void> {
  const given = Array.from({ length: 30 }, (_, i) => user.append({ entries: [small(i + 1, 1)] }));
  await user.log.close();
  await Promise.all(given);
  claimEqual(user.done.length, 30, 'the number of answers');
  claimEqual((await user.reopen()).entries.length, 30, 'the number of entries');
}

async function failsForGood(user: LogUser): Promise<void> {
  user.needsBreakDisk();
  await user.append({ entries: entries(1, 3, 1) });
  user.breakDisk();
  const outcomes: string[] = [];
  for (let index = 4; index <= 6; index++) {
    const outcome = await user.append({ entries: entries(index, 1, 1) }).then(
      () => 'done',
      () => 'failed',
    );
    outcomes.push(outcome);
  }
  claimEqual(outcomes, ['failed', 'failed', 'failed'], 'what became of batches after the disk broke');
}

/** Everything at once: each step is followed by a restart, and the log must be what the contract says. */
async function followsItsContract(user: LogUser): Promise<void> {
  const random = new SeededRandom(11);
  const model = new LogModel();
  let term = 1;
  let released = 0;
  for (let step = 0; step < 30; step++) {
    const { index: last } = model.last;
    const what = random.nextInt(10);
    if (what === 0) {
      const snapshot = { index: last + 1 + random.nextInt(20), term, conf: { ...markConf, learners: [step] }, size: 1 };
      const batch = { snapshot, hardState: { term, vote: 0, commit: snapshot.index } };
      model.take(batch);
      await user.append(batch);
    } else if (what <= 2 && model.entries.length > 1) {
      const at = model.entries[random.nextInt(model.entries.length)]!;
      user.log.release(at);
      released = Math.max(released, at.index);
    } else {
      const overwrite = what <= 5 && last > Math.max(released, model.start.index);
      const from = overwrite ? last - random.nextInt(last - Math.max(released, model.start.index)) : last + 1;
      if (overwrite) term++;
      const batch = {
        entries: entries(from, 1 + random.nextInt(12), term),
        hardState: { term, vote: random.nextInt(3), commit: Math.max(released, model.start.index) },
      };
      model.take(batch);
      await user.append(batch);
    }
    const loaded = user.canCrash && step % 2 === 0 ? await user.crash() : await user.reopen();
    model.claimIs(loaded, released);
  }
}

/** What a log does over restarts, crashes and faults, and at the edges of its contract. */
export const logLives: readonly (readonly [string, (user: LogUser) => Promise<void>])[] = [
  ['empty batches are answered in their turn', answersEmptyBatches],
  ['entries of 0 bytes and of 2 MB are kept', keepsLargeEntries],
  ['the first entry can be replaced', replacesTheFirst],
  ['what was replaced never comes back', forgetsWhatWasReplaced],
  ['replaces what the same sync has written', replacesWithinOneSync],
  ['the newest term and vote are kept, with or without a sync of their own', keepsTheNewestVote],
  ['term and vote outlive the release of what was written after them', keepsTheVoteOverReleases],
  ['the configuration of the mark outlives the release of what was written after it', keepsTheMarkOverReleases],
  ['the newest mark counts', takesTheNewestMark],
  ['a release behind the start changes nothing', ignoresOldReleases],
  ['everything can be released, and the log goes on', releasesEverything],
  ['what was loaded does not move', loadsForGood],
  ['a crash loses nothing that was done', losesNothingDone],
  ['a crash leaves one stream without holes', leavesNoHoles],
  ['a close in the middle finishes what was given', closesInTheMiddle],
  ['after an error everything fails', failsForGood],
  ['thirty steps of every kind, with a restart after each', followsItsContract],
];

import { claim, claimEntries, claimEqual, entries, type LogUser, markConf, text } from './log-user.js';

/** What a log does in the ordinary way. */
export const logBasics: readonly (readonly [string, (user: LogUser) => Promise<void>])[] = [
  [
    'a new log is empty',
    async (user) => {
      for (const loaded of [user.loaded, await user.reopen()]) {
        claimEqual(loaded.hardState, { term: 0, vote: 0, commit: 0 }, 'the hard state');
        claimEqual(loaded.start, { index: 0, term: 0 }, 'the start');
        claimEntries(loaded, []);
      }
    },
  ],
  [
    'what is done is there after a restart, in order',
    async (user) => {
      const written = [...entries(1, 40, 1), ...entries(41, 20, 7)];
      const hardState = { term: 7, vote: 5, commit: 33 };
      await Promise.all(written.map((entry) => user.append({ entries: [entry] })));
      await user.append({ hardState });
      claimEqual(
        user.done,
        Array.from({ length: 61 }, (_, i) => i + 1),
        'the order of answers',
      );
      const loaded = await user.reopen();
      claimEntries(loaded, written);
      claimEqual(loaded.hardState, hardState, 'the hard state');
    },
  ],
  [
    'many appends share a sync, and a moved commit index needs none',
    async (user) => {
      await Promise.all(entries(1, 200, 1).map((entry) => user.append({ entries: [entry] })));
      claim(
        user.log.syncCount > 0 && user.log.syncCount < 200,
        'there are fewer syncs than appends',
        user.log.syncCount,
      );
      const { syncCount } = user.log;
      const hardState = { term: 0, vote: 0, commit: 200 };
      await user.append({ hardState, mustSync: false });
      claimEqual(user.log.syncCount, syncCount, 'the number of syncs');
      claimEqual((await user.reopen()).hardState, hardState, 'the hard state');
    },
  ],
  [
    'a later entry replaces its index and everything behind it',
    async (user) => {
      await user.append({ entries: entries(1, 10, 1) });
      await user.append({ entries: entries(6, 2, 2) });
      claimEntries(await user.reopen(), [...entries(1, 5, 1), ...entries(6, 2, 2)]);
      await user.append({ entries: entries(8, 2, 3) });
      claimEntries(await user.reopen(), [...entries(1, 5, 1), ...entries(6, 2, 2), ...entries(8, 2, 3)]);
    },
  ],
  [
    'a snapshot mark is the new start, before the entries of its batch',
    async (user) => {
      await user.append({ entries: entries(1, 10, 1) });
      const snapshot = { index: 50, term: 3, conf: markConf, size: 1000 };
      await user.append({ snapshot, entries: entries(51, 2, 3), hardState: { term: 3, vote: 0, commit: 50 } });
      await user.append({ entries: entries(53, 1, 3) });
      const loaded = await user.reopen();
      claimEqual(loaded.start, { index: 50, term: 3 }, 'the start');
      claimEqual(loaded.conf, markConf, 'the configuration');
      claimEqual(loaded.hardState.commit, 50, 'the commit index');
      claimEntries(
        loaded,
        entries(51, 3, 3).map((entry, i) => (i === 2 ? { ...entry, kind: 'normal' } : entry)),
      );
    },
  ],
  [
    'release keeps everything behind it, and the log may start later',
    async (user) => {
      const written = entries(1, 60, 2);
      for (const entry of written) await user.append({ entries: [entry] });
      await user.append({ hardState: { term: 2, vote: 0, commit: 60 } });
      for (const index of [40, 40, 7]) user.log.release({ index, term: 2 });
      for (let life = 0; life < 2; life++) {
        const { start, entries: found } = await user.reopen();
        claim(
          start.index <= 40 && (start.index === 0 || start.term === 2),
          'the start is not behind the release',
          start,
        );
        claim(text(found) === text(written.slice(start.index)), 'entries are contiguous from the start', text(found));
      }
      await user.append({ entries: entries(61, 1, 2) });
      claimEqual((await user.reopen()).entries.at(-1)?.index, 61, 'the last index');
    },
  ],
  [
    'close writes what was given and can be repeated; what comes later fails',
    async (user) => {
      const given = user.append({ entries: entries(1, 5, 1) });
      await user.log.close();
      await given;
      await user.log.close();
      const refused = await user.append({ entries: entries(6, 1, 1) }).then(
        () => false,
        () => true,
      );
      claim(refused, 'a closed log refuses');
      claimEntries(await user.reopen(), entries(1, 5, 1));
    },
  ],
];

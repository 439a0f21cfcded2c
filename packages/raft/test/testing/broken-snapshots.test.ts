import { describe } from 'vitest';
import type { Index, MemoryStateMachine, SnapshotMeta, SnapshotSink, SnapshotStore } from '../../src/index.js';
import { snapshotStoreSuite } from '../../src/testing/index.js';
import { registerMachines } from '../memory/register-machine.js';
import { changed, rejects, type Broken } from './broken.js';

interface Changes {
  readonly snapshots?: Partial<SnapshotStore>;
  readonly machine?: Partial<MemoryStateMachine<string>>;
}

/** Snapshots in memory, each with changes of its own; `logStartOf` breaks what a restart looks at. */
function suiteOf(
  change: (snapshots: SnapshotStore, machine: MemoryStateMachine<string>) => Changes = () => ({}),
  logStartOf: (logStart: Index, committed: Index) => Index = (logStart) => logStart,
) {
  return snapshotStoreSuite<MemoryStateMachine<string>>({
    ...registerMachines,
    async place() {
      const place = await registerMachines.place();
      let committed = 0;
      return {
        ...place,
        async open(logStart) {
          const { machine, snapshots } = await place.open(logStartOf(logStart, committed));
          const noting = changed(snapshots, {
            receiveSnapshot: async (meta) => {
              const sink = await snapshots.receiveSnapshot(meta);
              return sinkOf(sink, { commit: () => sink.commit().then(() => void (committed = meta.index)) });
            },
          });
          const changes = change(noting, machine);
          return {
            machine: changed(machine, changes.machine ?? {}),
            snapshots: changed(noting, changes.snapshots ?? {}),
          };
        },
      };
    },
  });
}

function sinkOf(sink: SnapshotSink, changes: Partial<SnapshotSink>): SnapshotSink {
  return changed(sink, changes);
}

const receiving =
  (change: (sink: SnapshotSink, meta: SnapshotMeta, store: SnapshotStore) => Partial<SnapshotSink>) => () =>
    suiteOf((store) => ({
      snapshots: {
        receiveSnapshot: async (meta) => {
          const sink = await store.receiveSnapshot(meta);
          return sinkOf(sink, change(sink, meta, store));
        },
      },
    }));

/** Says that all of what a transfer brought is here, and has thrown it away. */
const forgetful = (sameOnly: boolean) => () =>
  suiteOf((store) => {
    let last: { readonly meta: SnapshotMeta; offset: number } | undefined;
    return {
      snapshots: {
        async receiveSnapshot(meta) {
          await (await store.receiveSnapshot({ ...meta, size: meta.size + 7 })).abort();
          const sink = await store.receiveSnapshot(meta);
          const same = last?.meta.index === meta.index && last.meta.term === meta.term && last.meta.size === meta.size;
          const here = { meta, offset: last !== undefined && (same || !sameOnly) ? last.offset : 0 };
          last = here;
          const write = (chunk: Uint8Array): Promise<void> => {
            here.offset += chunk.length;
            return sink.write(chunk);
          };
          return sinkOf(sink, { offset: here.offset, write });
        },
      },
    };
  });

const table: Broken[] = [
  {
    breaks: 'sends what is newest when it is read',
    test: 'stays at its point in time while applies and checkpoints go on',
    suite: () =>
      suiteOf((store) => ({
        snapshots: {
          async openSnapshot() {
            const { meta, source } = await store.openSnapshot();
            const read = async (offset: number, length: number): Promise<Uint8Array> =>
              (await store.openSnapshot()).source.read(offset, length);
            return { meta, source: changed(source, { read }) };
          },
        },
      })),
  },
  {
    breaks: 'sends nothing as if it were something',
    test: 'there is nothing to send before the first checkpoint',
    suite: () =>
      suiteOf((store) => ({
        snapshots: {
          openSnapshot: () =>
            store.openSnapshot().catch(() => ({
              meta: {
                index: 0,
                term: 0,
                conf: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
                size: 0,
              },
              source: { size: 0, read: async () => new Uint8Array(), close: async () => undefined },
            })),
        },
      })),
  },
  {
    breaks: 'names the configuration of now',
    test: 'meta tells the truth',
    suite: () =>
      suiteOf((store, machine) => ({
        snapshots: {
          async openSnapshot() {
            const { meta, source } = await store.openSnapshot();
            return { meta: { ...meta, conf: machine.cluster()?.conf ?? meta.conf }, source };
          },
        },
      })),
  },
  {
    breaks: 'reads from the front, whatever the offset',
    test: 'reads at any offset',
    suite: () =>
      suiteOf((store) => ({
        snapshots: {
          async openSnapshot() {
            const { meta, source } = await store.openSnapshot();
            const read = (offset: number, length: number): Promise<Uint8Array> =>
              source.read(offset === 3 ? 0 : offset, length);
            return { meta, source: changed(source, { read }) };
          },
        },
      })),
  },
  {
    breaks: 'reads after close',
    test: 'sources are independent, and closed for good',
    suite: () =>
      suiteOf((store) => ({
        snapshots: {
          async openSnapshot() {
            const { meta, source } = await store.openSnapshot();
            return { meta, source: changed(source, { close: async () => undefined }) };
          },
        },
      })),
  },
  {
    breaks: 'installs half of it: the members stay the old ones',
    test: 'an installed snapshot is the state, at once and whole',
    suite: () =>
      suiteOf((store, machine) => {
        let frozen = machine.cluster();
        return {
          snapshots: {
            installSnapshot(meta) {
              frozen = machine.cluster();
              store.installSnapshot(meta);
            },
          },
          machine: { cluster: () => frozen ?? machine.cluster() },
        };
      }),
  },
  {
    breaks: 'installs a little later',
    test: 'an installed snapshot is the state, at once and whole',
    suite: () =>
      suiteOf((store) => ({
        snapshots: { installSnapshot: (meta) => void setImmediate(() => store.installSnapshot(meta)) },
      })),
  },
  {
    breaks: 'makes it the state with the commit',
    test: 'receives beside the running state, which goes on',
    suite: receiving((sink, meta, store) => ({ commit: () => sink.commit().then(() => store.installSnapshot(meta)) })),
  },
  {
    breaks: 'takes what is damaged',
    test: 'a damaged snapshot is refused',
    suite: receiving((sink) => ({ commit: () => sink.commit().catch(() => undefined) })),
  },
  {
    breaks: 'takes what is too short',
    test: 'a snapshot of another length is refused',
    suite: receiving((sink, meta) => {
      let length = 0;
      return {
        write(chunk) {
          length += chunk.length;
          return sink.write(chunk);
        },
        commit: () => (length < meta.size ? Promise.resolve() : sink.commit()),
      };
    }),
  },
  {
    breaks: 'says that a part is here which it threw away',
    test: 'a broken transfer goes on where it stood',
    suite: forgetful(true),
  },
  {
    breaks: 'goes on with a part of another snapshot',
    test: 'only the very same snapshot is gone on with',
    suite: forgetful(false),
  },
  {
    breaks: 'does not look at the log in a restart: a marked snapshot is not the state',
    test: 'a crash between mark and install leaves the new state',
    suite: () => suiteOf(undefined, () => 0),
  },
  {
    breaks: 'does not look at the log in a restart: a snapshot without a mark is the state',
    test: 'a close between commit and mark leaves the old state',
    suite: () => suiteOf(undefined, (logStart, committed) => Math.max(logStart, committed)),
  },
];

describe('broken snapshot stores', () => {
  rejects(table, suiteOf);
});

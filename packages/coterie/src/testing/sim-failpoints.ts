import type { Store } from '@coterie/mvcc';
import type { SnapshotSink, Transport } from '@coterie/raft';
import type { MemberLog } from '../data-dir/storage.js';
import { through } from './through.js';

/** Runs what happens at a point; a plan that waits for it may let the process die before or after. */
export type Pass = <T>(point: string, act: () => T) => T;

/**
 * Where a process is made to die: at every operation on its disks that is a step of something (before it, in its
 * middle, after it), and at the borders between log, core, state and network. Named by what is at stake and what is
 * done.
 */
export const failpoints = {
  /** Reached only while a directory starts, becomes a member, or takes a snapshot: the process is restarted. */
  starting: [
    'identity.mkdir',
    'identity.open',
    'identity.write',
    'identity.sync',
    'identity.close',
    'identity.rename',
    'identity.syncDirectory',
    'identity.readFile',
    'member.erase',
    'member.identity',
    'wal.mkdir',
    'wal.readdir',
    'wal.read',
    'segment.rename',
    'current.mkdir',
    'current.open',
    'current.write',
    'current.sync',
    'current.close',
    'current.rename',
    'current.syncDirectory',
    'current.readdir',
    'current.readFile',
    'history.mkdir',
    'history.readdir',
    'kv.open',
    'kv.read',
    'log.open',
    'log.load',
    'store.open',
  ],
  /** Reached again and again. */
  running: [
    'wal.open',
    'wal.write',
    'wal.datasync',
    'wal.close',
    'wal.unlink',
    'wal.syncDirectory',
    'segment.open',
    'segment.write',
    'segment.datasync',
    'segment.rename',
    'history.open',
    'history.write',
    'history.datasync',
    'history.close',
    'history.unlink',
    'history.syncDirectory',
    'kv.write',
    'kv.sync',
    'log.append',
    'log.durable',
    'log.release',
    'transport.send',
    'transport.control',
    'store.commit',
    'store.applied',
    'store.durable',
    'raft.role',
    'raft.conf',
    'raft.applied',
  ],
  /** Reached while a snapshot travels. */
  snapshots: [
    'export.open',
    'export.write',
    'export.read',
    'export.close',
    'export.unlink',
    'kv.destroy',
    'transport.snapshot',
    'store.export',
    'store.receive',
    'store.install',
    'sink.write',
    'sink.commit',
    'raft.snapshot',
  ],
} as const;

/** The log of one process, with a point at each step that its driver takes. */
export function failingLog(log: MemberLog, pass: Pass): MemberLog {
  return through(log, {
    load: () => pass('log.load', () => log.load()),
    append: (batch, done) => {
      pass('log.append', () => {
        log.append(batch, (error) => pass('log.durable', () => done(error)));
      });
    },
    release: (position) => pass('log.release', () => log.release(position)),
  });
}

/**
 * The store of one process, with a point at each step of apply, checkpoints and snapshots.
 *
 * @param checkpointed told of the index of every checkpoint that is durable
 */
export function failingStore(store: Store, pass: Pass, checkpointed: (index: number) => void): Store {
  return through(store, {
    attach: (host) => {
      const tell: typeof host.checkpointed = (state) => {
        checkpointed(state.appliedIndex);
        host.checkpointed(state);
      };
      store.attach(through(host, { checkpointed: tell }));
    },
    commit: (change) => pass('store.commit', () => store.commit(change)),
    entryApplied: (index, bytes) => pass('store.applied', () => store.entryApplied(index, bytes)),
    logDurable: (index) => pass('store.durable', () => store.logDurable(index)),
    openSnapshot: () => pass('store.export', () => store.openSnapshot()),
    receiveSnapshot: (meta) =>
      pass('store.receive', () => store.receiveSnapshot(meta)).then((sink) => failingSink(sink, pass)),
    installSnapshot: (meta) => pass('store.install', () => store.installSnapshot(meta)),
  });
}

/** The network of one process, with a point at each send. */
export function failingTransport(transport: Transport, pass: Pass): Transport {
  return through(transport, {
    send: (to, messages) => pass('transport.send', () => transport.send(to, messages)),
    sendBytes: (to, bytes) => pass('transport.control', () => transport.sendBytes(to, bytes)),
    sendSnapshot: (to, meta, source, options) =>
      pass('transport.snapshot', () => transport.sendSnapshot(to, meta, source, options)),
  });
}

function failingSink(sink: SnapshotSink, pass: Pass): SnapshotSink {
  return through(sink, {
    write: (chunk) => pass('sink.write', () => sink.write(chunk)),
    commit: () => pass('sink.commit', () => sink.commit()),
  });
}

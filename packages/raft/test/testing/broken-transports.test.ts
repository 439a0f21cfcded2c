import { describe } from 'vitest';
import { MemoryNetwork, type Message, type Transport, type TransportHandler } from '../../src/index.js';
import { transportSuite } from '../../src/testing/index.js';
import { changed, rejects, type Broken } from './broken.js';

/** Transports in memory, each with changes of its own. */
function suiteOf(change: (transport: Transport) => Partial<Transport> = () => ({}), maxFrames?: number) {
  const network = new MemoryNetwork({ maxFrames });
  const make = async (): Promise<Transport> => {
    const transport = network.transport();
    return changed(transport, change(transport));
  };
  return transportSuite(make, () => undefined, { snapshots: 'required' });
}

const hearing = (change: (handler: TransportHandler) => Partial<TransportHandler>) => () =>
  suiteOf((transport) => ({ start: (handler) => transport.start(changed(handler, change(handler))) }));

const everybody = Array.from({ length: 2_000 }, (_, i) => ({ id: i + 1, name: `n${i}`, address: `memory:${i}` }));

const table: Broken[] = [
  {
    breaks: 'reorders',
    test: 'keeps the order of what is sent on a connection',
    suite: () =>
      suiteOf((transport) => {
        let held: readonly Message[] | undefined;
        return {
          send(to, messages) {
            const before = held;
            held = before === undefined ? messages : undefined;
            if (before === undefined) return;
            transport.send(to, messages);
            transport.send(to, before);
          },
        };
      }),
  },
  {
    breaks: 'delivers twice',
    test: 'keeps the order of what is sent on a connection',
    suite: hearing((handler) => ({
      onMessages(from, messages) {
        handler.onMessages(from, messages);
        handler.onMessages(from, messages);
      },
    })),
  },
  {
    breaks: 'changes what it carries',
    test: 'delivers every kind of message, both ways, unchanged',
    suite: () =>
      suiteOf((transport) => ({
        send: (to, messages) =>
          transport.send(
            to,
            messages.map((message) =>
              message.type === 'append' ? { ...message, commit: message.commit + 1 } : message,
            ),
          ),
      })),
  },
  {
    breaks: 'drops optional fields',
    test: 'delivers every kind of message, both ways, unchanged',
    suite: hearing((handler) => ({
      onMessages: (from, messages) =>
        handler.onMessages(
          from,
          messages.map((message) => {
            if (message.type !== 'vote') return message;
            const { transfer: _, ...rest } = message;
            return rest;
          }),
        ),
    })),
  },
  {
    breaks: 'believes the sender that a message names',
    test: 'names the sender by its link, not by what the message says',
    suite: hearing((handler) => ({
      onMessages: (from, messages) => handler.onMessages(messages[0]?.from ?? from, messages),
    })),
  },
  {
    breaks: 'delivers to strangers',
    test: 'neither hears nor serves those who are not listed',
    suite: () => suiteOf((transport) => ({ setPeers: () => transport.setPeers(everybody) })),
  },
  {
    breaks: 'keeps links to those who are no longer listed',
    test: 'obeys setPeers: removed is silent, added again is heard',
    suite: () =>
      suiteOf((transport) => ({
        setPeers: (peers) => {
          if (peers.length > 0) transport.setPeers(peers);
        },
      })),
  },
  {
    breaks: 'loses large pieces of bytes',
    test: 'carries opaque bytes of every size, beside messages',
    suite: () =>
      suiteOf((transport) => ({
        sendBytes: (to, bytes) => {
          if (bytes.length <= 65_535) transport.sendBytes(to, bytes);
        },
      })),
  },
  {
    breaks: 'never reports anybody unreachable',
    test: 'reports a peer that cannot be reached',
    suite: hearing(() => ({ onUnreachable: () => undefined })),
  },
  {
    breaks: 'lets everything wait for a peer that does not read',
    test: 'bounds what waits for a peer that does not read, and says so',
    suite: () =>
      suiteOf((transport) => {
        // Says so, and keeps all of it.
        let handler: TransportHandler | undefined;
        return {
          start: (given) => transport.start((handler = given)),
          send(to, messages) {
            transport.send(to, messages);
            if (messages[0]?.type === 'append') handler?.onUnreachable(to, 'overflow');
          },
        };
      }, 100_000),
  },
  {
    breaks: 'drops without a word',
    test: 'bounds what waits for a peer that does not read, and says so',
    suite: hearing((handler) => ({
      onUnreachable: (id, reason) => {
        if (reason !== 'overflow') handler.onUnreachable(id, reason);
      },
    })),
  },
  {
    breaks: 'calls a slow peer a dead one',
    test: 'bounds what waits for a peer that does not read, and says so',
    suite: hearing((handler) => ({ onUnreachable: (id) => handler.onUnreachable(id, 'refused') })),
  },
  {
    breaks: 'throws when there is nobody',
    test: 'send never throws: before start, to nobody, after close',
    suite: () =>
      suiteOf((transport) => ({
        send(to, messages) {
          if (to === 987_654_321) throw new Error('there is nobody');
          transport.send(to, messages);
        },
      })),
  },
  {
    breaks: 'does not let go of its address',
    test: 'closes for good: idempotent, and the address is free at once',
    suite: () => suiteOf(() => ({ close: () => Promise.resolve() })),
  },
  {
    breaks: 'calls every transfer a success',
    test: 'reports a snapshot that failed, whoever broke it',
    suite: () =>
      suiteOf((transport) => ({
        sendSnapshot: (...args) => transport.sendSnapshot(...args).then(() => 'ok' as const),
      })),
  },
  {
    breaks: 'begins every transfer at the front',
    test: 'goes on with a snapshot where the sink stands',
    suite: hearing((handler) => ({
      onSnapshot: async (from, meta, opts) => changed(await handler.onSnapshot(from, meta, opts), { offset: 0 }),
    })),
  },
  {
    breaks: 'forgets to commit',
    test: 'moves a snapshot to a sink that commits it',
    suite: hearing((handler) => ({
      onSnapshot: async (from, meta, opts) => {
        const sink = await handler.onSnapshot(from, meta, opts);
        return changed(sink, { commit: () => sink.abort() });
      },
    })),
  },
];

describe('broken transports', () => {
  rejects(table, suiteOf);
});

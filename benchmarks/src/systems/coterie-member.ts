// One member of the cluster that is measured, with the clients that live in its process.
import { op, openPeer } from 'coterie';
import { Budget } from '../budget/budget.js';
import { ThreadTimes } from '../budget/thread-times.js';
import { keyName, PutLoad, randomValues } from '../load/put-load.js';
import { serveWorker } from '../load/serve-worker.js';

/** What a member process is started with. */
export interface CoterieMemberOptions {
  readonly name: string;
  readonly port: number;
  readonly dataDir: string;
  readonly peers: Readonly<Record<string, string>>;
}

const { name, port, dataDir, peers } = JSON.parse(process.argv[2] ?? '{}') as CoterieMemberOptions;
const times = new ThreadTimes();
const peer = await openPeer({ name, dataDir, listen: { port, host: '127.0.0.1' }, cluster: { id: 'bench', peers } });

const putsPerTxn = 100;
const openTxns = 8;

serveWorker({
  load: (options) => new PutLoad((key, value) => peer.put(key, value), options),
  async fill({ keys, valueBytes }) {
    const values = randomValues(valueBytes);
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < keys) {
        const first = next;
        next = Math.min(keys, next + putsPerTxn);
        const numbers = Array.from({ length: next - first }, (_, i) => first + i);
        await peer.txn({ success: numbers.map((n) => op.put(keyName(n), values[n % values.length]!)) });
      }
    };
    await Promise.all(Array.from({ length: openTxns }, writer));
  },
  status() {
    const { state, leader, term } = peer.status();
    return { ready: state === 'ready', term, ...(leader === undefined ? {} : { leader }) };
  },
  async counts() {
    const { walSyncs, walBacklogBytes, store } = await peer.diagnostics();
    const { checkpoints, diskReads, diskWrites } = store;
    return { walSyncs, checkpoints, levelOps: diskReads + diskWrites, backlogBytes: walBacklogBytes };
  },
  budget: new Budget(times),
  close: () => peer.close(),
});

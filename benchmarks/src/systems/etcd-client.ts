// Clients of one member of etcd, in a process of their own.
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import { keyName, PutLoad, randomValues } from '../load/put-load.js';
import { serveWorker } from '../load/serve-worker.js';

/** What a process of clients is started with. */
export interface EtcdClientOptions {
  readonly url: string;
}

const { url } = JSON.parse(process.argv[2] ?? '{}') as EtcdClientOptions;
// A put that is tried again would be counted once with the time of two.
const client = new Etcd3({ hosts: url, faultHandling: { host: () => noop, global: noop } });

const openPuts = 64;

serveWorker({
  load: (options) => new PutLoad(async (key, value) => client.put(key).value(value), options),
  async fill({ keys, valueBytes }) {
    const values = randomValues(valueBytes);
    let next = 0;
    const writer = async (): Promise<void> => {
      for (let n = next++; n < keys; n = next++) await client.put(keyName(n)).value(values[n % values.length]!);
    };
    await Promise.all(Array.from({ length: openPuts }, writer));
  },
  status: () => ({ ready: true, term: 0 }),
  counts: () => ({}),
  close() {
    client.close();
    return Promise.resolve();
  },
});

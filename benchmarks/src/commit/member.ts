// One member of the benchmark's cluster; on the leader also the load. Started and asked by the suite over its IPC
// channel.
import { openPeer } from 'coterie';
import type { LoadOptions, Mark, MemberOptions, MemberReply, MemberRequest, MemberStatus } from './member-messages.js';
import { PutLoad } from './put-load.js';

const { name, port, dataDir, peers } = JSON.parse(process.argv[2] ?? '{}') as MemberOptions;
const peer = await openPeer({ name, dataDir, listen: { port, host: '127.0.0.1' }, cluster: { id: 'bench', peers } });

let load: PutLoad | undefined;
let last = { at: performance.now(), cpu: process.cpuUsage(), revision: 0, walSyncs: 0 };

async function mark(): Promise<Mark> {
  const { walSyncs, stateHash } = await peer.diagnostics();
  const now = { at: performance.now(), cpu: process.cpuUsage(), revision: stateHash.revision, walSyncs };
  const result: Mark = {
    ms: now.at - last.at,
    puts: load?.puts ?? 0,
    errors: load?.errors ?? {},
    p50Ms: (load?.histogram.percentile(50) ?? 0) / 1000,
    p99Ms: (load?.histogram.percentile(99) ?? 0) / 1000,
    p999Ms: (load?.histogram.percentile(99.9) ?? 0) / 1000,
    maxMs: (load?.histogram.max ?? 0) / 1000,
    cpuMicros: now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system,
    rssBytes: process.memoryUsage.rss(),
    revisions: now.revision - last.revision,
    walSyncs: now.walSyncs - last.walSyncs,
  };
  last = now;
  load?.reset();
  return result;
}

function status(): MemberStatus {
  const { state, leader, term } = peer.status();
  return { ready: state === 'ready', term, ...(leader === undefined ? {} : { leader }) };
}

async function handle(request: MemberRequest): Promise<unknown> {
  switch (request.type) {
    case 'status':
      return status();
    case 'mark':
      return mark();
    case 'load':
      load = startLoad(request.load);
      return null;
    case 'unload':
      await load?.stop();
      load = undefined;
      return null;
    case 'close':
      await peer.close();
      return null;
  }
}

const startLoad = (options: LoadOptions): PutLoad => new PutLoad(peer, options);

process.on('message', ({ id, request }: { id: number; request: MemberRequest }) => {
  const reply = (message: MemberReply): void => void process.send?.(message);
  handle(request).then(
    (result) => reply({ id, result }),
    (error: unknown) => reply({ id, error: String(error) }),
  );
});
// The suite ended, however it ended.
process.on('disconnect', () => process.exit());
process.send?.('open');

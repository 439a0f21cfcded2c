// One member of the demo's cluster: an HTTP service with a peer inside, on one port. The demo starts three of these.
import { closeOnSignals, openPeer } from 'coterie';
import { once } from 'node:events';
import http from 'node:http';
import { answer } from './routes.js';
import { keepMessage, listeningMessage, peerPath, type ServiceOptions } from './service-contract.js';

const { name, dataDir, port, cluster, peers } = JSON.parse(process.argv[2] ?? '{}') as ServiceOptions;

const server = http.createServer();
const peer = await openPeer({
  name,
  dataDir,
  listen: { server, path: peerPath },
  advertise: peers[name],
  cluster: { id: cluster, peers },
});
server.on('request', (req, res) => void answer(peer, req, res));
server.listen(port, '127.0.0.1');
await once(server, 'listening');

// The peer first: watches end with it, and its sockets would hold the server open.
closeOnSignals([peer, server]);
void peer.closed.then(({ reason, error }) => {
  if (error !== undefined) process.stderr.write(`${name} ${reason}: ${error.code} ${error.message}\n`);
});

let kept = false;
process.on('message', (message) => (kept ||= message === keepMessage));
// Nobody is left behind when the demo itself is killed: its end of the channel closes.
process.on('disconnect', () => {
  if (!kept) process.kill(process.pid, 'SIGTERM');
});
process.send?.(listeningMessage);

// Puts on a solo peer between two marks that a trace of system calls shows: names that are opened and do not exist.
// Arguments: data directory, 'sequential' or 'concurrent', number of puts.
import { openPeer } from 'coterie';
import fs from 'node:fs';
import path from 'node:path';

const [dataDir = '', mode, count] = process.argv.slice(2);

/** @param {string} name */
function mark(name) {
  try {
    fs.openSync(path.join(dataDir, name), 'r');
  } catch {
    // It is not there, and the trace has seen that it was asked for.
  }
}

const peer = await openPeer({ name: 'solo', dataDir, cluster: { id: 'solo', solo: true } });
await peer.ready();
await peer.put('warm', 'up');
mark('mark-begin');
if (mode === 'sequential') for (let i = 0; i < Number(count); i++) await peer.put(`key ${i}`, `value ${i}`);
else await Promise.all(Array.from({ length: Number(count) }, (_, i) => peer.put(`key ${i}`, `value ${i}`)));
mark('mark-end');
await peer.close();

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

// Below the range from which systems draw the ports of outgoing connections (Linux from 32768, IANA from 49152): while
// a killed member is away, nobody's outgoing connection may take its port.
const lowest = 12_000;
const highest = 32_000;
const attemptsMax = 200;

/** Ports of the loopback interface that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt === attemptsMax) throw new Error(`no ${count} free ports in ${attemptsMax} attempts`);
    const port = randomInt(lowest, highest);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

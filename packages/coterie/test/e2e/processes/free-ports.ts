import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

const attemptsMax = 200;

/**
 * Ports of the loopback interface that nobody listens on now, below the range of outgoing connections (Linux from
 * 32768): while a killed member is away, nobody's outgoing connection may take its port.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt++) {
    if (attempt === attemptsMax) throw new Error(`no ${count} free ports in ${attemptsMax} attempts`);
    const port = randomInt(12_000, 32_000);
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    found.add(port);
    server.close();
    await once(server, 'close');
  }
  return [...found];
}

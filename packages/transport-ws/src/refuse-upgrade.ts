import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers an upgrade request with an HTTP error and ends the socket, whatever state it is in. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on('error', () => socket.destroy());
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: text/plain',
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${[...head, `Content-Length: ${Buffer.byteLength(reason)}`].join('\r\n')}\r\n\r\n${reason}`);
}

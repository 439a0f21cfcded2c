/**
 * A transport for `@coterie/raft` over WebSockets, and the codec of its frames for authors of other transports.
 *
 * @packageDocumentation
 * @example
 * ```ts
 * import type { Message, TransportHandler } from '@coterie/raft';
 * import { WsTransport } from '@coterie/transport-ws';
 *
 * const handler = (id: number, name: string, heard: (message: Message) => void): TransportHandler => ({
 *   self: { id, name, address: '' },
 *   clusterId: 'example',
 *   onMessages: (_from, messages) => messages.forEach(heard),
 *   onBytes: () => undefined,
 *   onSnapshot: () => Promise.reject(new Error('no snapshots here')),
 *   onUnreachable: () => undefined,
 * });
 *
 * const a = new WsTransport({ listen: { port: 0 } });
 * const b = new WsTransport({ listen: { port: 0 } });
 * const heard = new Promise<Message>((resolve) => void b.start(handler(2, 'b', resolve)));
 * await a.start(handler(1, 'a', () => undefined));
 * while (b.address === undefined) await new Promise(setImmediate);
 * a.setPeers([{ id: 2, name: 'b', address: b.address ?? '' }]);
 * b.setPeers([{ id: 1, name: 'a', address: a.address ?? '' }]);
 * a.send(2, [{ type: 'timeoutNow', group: 0, from: 1, to: 2, term: 1 }]);
 * console.log((await heard).type);
 * await Promise.all([a.close(), b.close()]);
 * ```
 */
export { isLoopback, parsePeerAddress } from './address.js';
export { decodeMessages, encodeMessages } from './frame.js';
export type { AttachToServer, ListenOnPort, Logger, WsTransportLimits, WsTransportOptions } from './options.js';
export type { LinkState } from './peer-link.js';
export type { LinkStatus } from './peer-links.js';
export { WsTransport } from './ws-transport.js';

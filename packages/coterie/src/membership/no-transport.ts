import type { Transport } from '@coterie/raft';

/** Of a peer that has nobody to talk to. */
export const noTransport: Transport = {
  start: () => Promise.resolve(),
  send: () => undefined,
  sendBytes: () => undefined,
  sendSnapshot: () => Promise.resolve('failed'),
  setPeers: () => undefined,
  close: () => Promise.resolve(),
};

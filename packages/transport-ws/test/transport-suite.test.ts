import { transportSuite } from '@coterie/raft/testing';
import { test } from 'vitest';
import { WsTransport } from '../src/ws-transport.js';

const port = (address: string): number => Number(new URL(address).port);
transportSuite(async (self) => new WsTransport({ listen: { port: port(self.address) } }), test, {
  snapshots: 'required',
});

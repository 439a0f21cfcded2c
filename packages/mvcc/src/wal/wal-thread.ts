/*
 * The log's own thread: synchronous writes and syncs behind a ring in shared memory.
 *
 * Not in the pool of libuv, whose four threads are shared with the application's password hashing, name look-ups and
 * file work: beside those a sync that takes 0.2 ms waits for hundreds.
 */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { invariant } from '@coterie/errors';
import { nodeFileSystem } from '../files/node-files.js';
import { systemErrorCode } from '../files/storage-error.js';
import { RingConsumer, type RingGroup, type SharedRing } from './ring.js';
import { outOfSpaceRetryMs, SegmentWriter, type WriterInit } from './segment-writer.js';

/** What the thread is started with. */
export interface WalThreadData {
  readonly coterieWal: true;
  readonly ring: SharedRing;
  readonly blocks: MessagePort;
  readonly init: WriterInit;
}

/** How the thread reports the failure that ends it. */
export interface WalThreadFailure {
  readonly code?: string | undefined;
  readonly message: string;
}

function run(ring: RingConsumer, init: WriterInit): void {
  const writer = new SegmentWriter(nodeFileSystem, init);
  for (;;) {
    // Both before looking for work: what comes later wakes the wait, and what was published before a close is still
    // written.
    const seen = ring.seen();
    const closing = ring.closing;
    const group = ring.take();
    if (group !== undefined) {
      writeGroup(writer, ring, group);
      continue;
    }
    if (closing) {
      writer.close();
      return;
    }
    const next = writer.maintain(true);
    ring.reportSpace(writer.outOfSpace);
    if (next !== 'more') ring.wait(seen, next === 'retry' ? outOfSpaceRetryMs : Infinity);
  }
}

function writeGroup(writer: SegmentWriter, ring: RingConsumer, group: RingGroup): void {
  for (const region of group.regions) writer.write(region);
  ring.written(group);
  if (group.mustSync) writer.sync();
  ring.completed(group, writer.syncCount);
  while (writer.maintain(false) === 'more');
  ring.reportSpace(writer.outOfSpace);
}

function main(data: WalThreadData, report: (failure: WalThreadFailure) => void): void {
  const receiveBlock = (): SharedArrayBuffer => {
    const received = receiveMessageOnPort(data.blocks) as { message: SharedArrayBuffer } | undefined;
    invariant(received !== undefined, 'a block is posted before its place in the ring is published');
    return received.message;
  };
  try {
    run(new RingConsumer(data.ring, receiveBlock), data.init);
  } catch (error) {
    report({ code: systemErrorCode(error), message: error instanceof Error ? error.message : String(error) });
  }
}

const data = workerData as WalThreadData | null;
const port = parentPort;
if (port !== null && data?.coterieWal === true) main(data, (failure) => port.postMessage(failure));

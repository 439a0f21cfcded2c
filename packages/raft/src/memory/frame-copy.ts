import type { Message } from '../core/messages.js';

/** What one call of `send` or `sendBytes` puts on the way. */
export type Frame = { readonly messages: readonly Message[] } | { readonly bytes: Uint8Array };

/** Messages in a frame; a piece of bytes counts as one. */
export function frameSize(frame: Frame): number {
  return 'bytes' in frame ? 1 : frame.messages.length;
}

/**
 * A deep copy, so that two members of one process never share state that one of them could change.
 *
 * A socket gives the same isolation by encoding; here a shared entry array would let a bug pass that shows only on a
 * real network. Bytes go through the constructor because `slice` of a Node Buffer is a view.
 */
export function copyFrame(frame: Frame): Frame {
  if ('bytes' in frame) return { bytes: new Uint8Array(frame.bytes) };
  return { messages: frame.messages.map(copyMessage) };
}

function copyMessage(message: Message): Message {
  if (message.type !== 'append' && message.type !== 'propose') return { ...message };
  return { ...message, entries: message.entries.map((entry) => ({ ...entry, data: new Uint8Array(entry.data) })) };
}

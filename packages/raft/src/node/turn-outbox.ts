import type { Message, NodeId } from '../core/messages.js';
import type { Transport } from '../ports/transport.js';

/**
 * What a turn sends: one frame a member.
 *
 * An append without entries tells a follower how far the log is committed, and nothing waits for it: it may stay until
 * the end of the turn of the event loop. There the commands that came in answer to what has just been committed become
 * an append that tells the same, and takes its place: with few clients that is half of all frames, answers and
 * awakenings.
 */
export class TurnOutbox {
  readonly #transport: Transport;
  readonly #waiting = new Map<NodeId, Message[]>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  push(message: Message): void {
    const waiting = this.#waiting.get(message.to);
    if (waiting === undefined) {
      this.#waiting.set(message.to, [message]);
      return;
    }
    // The later one of the same leader and term knows at least as much, and messages may be lost at any time.
    const last = waiting.at(-1)!;
    if (tellsCommit(last) && message.type === 'append' && message.term === last.term) waiting.pop();
    waiting.push(message);
  }

  /** Sends what others wait for. @returns whether something is left for the end of the turn */
  flushUrgent(): boolean {
    for (const [to, messages] of this.#waiting) {
      if (messages.every(tellsCommit)) continue;
      this.#waiting.delete(to);
      this.#transport.send(to, messages);
    }
    return this.#waiting.size > 0;
  }

  /** Sends everything. */
  flush(): void {
    for (const [to, messages] of this.#waiting) this.#transport.send(to, messages);
    this.#waiting.clear();
  }
}

function tellsCommit(message: Message): boolean {
  return message.type === 'append' && message.entries.length === 0;
}

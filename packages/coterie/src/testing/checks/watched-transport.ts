import type { Message, Transport } from '@coterie/raft';
import { through } from '../through.js';

/** A transport with somebody who sees every message that leaves; it changes nothing. */
export function watchedTransport(transport: Transport, onSend: (message: Message) => void): Transport {
  return through(transport, {
    send: (to, messages) => {
      for (const message of messages) onSend(message);
      transport.send(to, messages);
    },
  });
}

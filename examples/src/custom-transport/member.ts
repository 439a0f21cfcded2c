// One member of the cluster: a peer over NetTransport. It is told what to do by its parent.
import { openPeer } from 'coterie';
import { NetTransport } from './net-transport.js';

/** What the parent starts a member with. */
export interface MemberOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly peers: Readonly<Record<string, string>>;
}

/** What the parent asks; each question is answered with the same number. */
export type Question = { readonly id: number } & (
  { readonly put: readonly [string, string] } | { readonly get: string }
);

/** `value` is what a get found; `error` the code of what went wrong. */
export interface Answer {
  readonly id: number;
  readonly value?: string | undefined;
  readonly error?: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as MemberOptions;
const peer = await openPeer({
  name: options.name,
  dataDir: options.dataDir,
  transport: new NetTransport(),
  cluster: { id: 'custom-transport', peers: options.peers },
});

async function answer(question: Question): Promise<Answer> {
  const { id } = question;
  try {
    if ('put' in question) await peer.put(...question.put);
    else return { id, value: (await peer.get(question.get))?.value };
    return { id };
  } catch (error) {
    return { id, error: (error as { readonly code?: string }).code ?? String(error) };
  }
}

process.on('message', (question) => void answer(question as Question).then((found) => process.send?.(found)));
// Its parent has ended, one way or the other.
process.on('disconnect', () => void peer.close().finally(() => process.exit()));
process.send?.({ id: 0 });

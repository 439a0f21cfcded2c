/** Folders below `packages/mvcc/dist/store`, files by how their names begin, whose work is checkpoints. */
const checkpoints = 'checkpoint|history|level|classic|synced|durable|disk-image|record-codec|record-checksum|content';
const reading = 'store/(prefetch|point-reads|read-either-way|pool-watch)|state/entry-loading';
const applying = 'state|txn|quota|lease|machine|session/(session-table|kept-outcomes|taken-commands)';

/** Codecs belong to who asked for them: a call encodes a command, apply decodes it. */
const ofCaller = /\/mvcc\/dist\/command\/(decode|encode|byte-reader|byte-writer|request-codec|lease-codec)\./;

const checkpointing = 'checkpoints, history, LevelDB';
const readingAhead = 'reading ahead';

/** Where a part of the work belongs, by the first pattern that its file's address matches. */
const stages: readonly (readonly [stage: string, pattern: RegExp])[] = [
  ['clients of the benchmark', /\/benchmarks\/dist\//],
  ['frames and sockets', /\/transport-ws\/dist\/|\/node_modules\/(ws|msgpackr)\/|^node:(net|internal\/stream)/],
  ['raft: driver and core', /\/raft\/dist\//],
  ['log: encoding, hand-over', /\/mvcc\/dist\/wal\/|^node:internal\/(worker|per_context\/messageport)/],
  [checkpointing, new RegExp(`/mvcc/dist/store/(${checkpoints})|/node_modules/(classic|abstract)-level/`)],
  [readingAhead, new RegExp(`/mvcc/dist/(${reading})`)],
  ['memtable and cache', /\/mvcc\/dist\/store\//],
  ['watches', /\/mvcc\/dist\/watch\//],
  ['apply', new RegExp(`/mvcc/dist/(${applying})`)],
  ['call: checks, session, answer', /\/(mvcc|coterie|errors)\/dist\//],
];

/** What V8 calls a sample without a function of JavaScript. */
const pseudo: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'Node and the system',
};

/** The stages in the order in which a put meets them, those without a file of ours last. */
export const stageNames: readonly string[] = [...stages.map(([stage]) => stage), ...Object.values(pseudo)];

/**
 * @returns the stage of a frame; undefined where the frame does not say, so that its caller does: an array method, a
 *   buffer's copy, a system call and a codec belong to who asked for them
 */
export function stageOf(url: string): string | undefined {
  if (ofCaller.test(url)) return undefined;
  return stages.find(([, pattern]) => pattern.test(url))?.[0];
}

/**
 * The stage of a stack, from the stages of its frames, the innermost first. What reads ahead reads what checkpoints
 * write, with the same code: within it that code is no checkpoint's.
 */
export function stageOfStack(frames: readonly string[]): string | undefined {
  const [innermost] = frames;
  return innermost === checkpointing && frames.includes(readingAhead) ? readingAhead : innermost;
}

/** The stage of samples without a stack; undefined for those in which nothing was done. */
export function stageWithoutStack(functionName: string): string | undefined {
  return functionName === '(idle)' ? undefined : (pseudo[functionName] ?? 'Node and the system');
}

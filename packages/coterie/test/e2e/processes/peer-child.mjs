// A process with one peer in it, told over its IPC channel what to do. It runs what is built, as an application would.
// What goes wrong inside a call is its answer; anything else ends the process with a code, and the test that started it
// fails.
import { CoterieError, openPeer } from 'coterie';

/** @type {import('coterie').Peer | undefined} */
let open;
let leaving = false;

function peer() {
  if (open === undefined) throw new Error('no peer is open in this process');
  return open;
}

/**
 * What a test may ask. Everything that goes over the channel is JSON.
 *
 * @type {Record<string, (...args: any[]) => Promise<unknown>>}
 */
const calls = {
  open: async (/** @type {import('coterie').PeerOptions} */ options) => {
    open = await openPeer(options);
    return null;
  },
  ready: async (/** @type {import('coterie').CallOptions} */ opts) => (await peer().ready(opts), null),
  status: async () => peer().status(),
  members: async () => peer().members.list(),
  diagnostics: async () => peer().diagnostics(),
  put: async (key, value, opts) => peer().put(key, value, opts),
  get: async (key, opts) => (await peer().get(key, opts)) ?? null,
  /** All keys below a prefix ('' for all) in pages, as [key, value, modRevision]. */
  entries: async (prefix, opts) => {
    const found = [];
    /** @type {string | undefined} */
    let gt;
    for (;;) {
      const range = prefix !== '' ? { prefix, gt } : gt === undefined ? { all: true } : { gt };
      /** @type {import('coterie').RangeResult<import('coterie').Entry>} */
      const page = await peer().range(/** @type {any} */ (range), { limit: 2000, ...opts });
      for (const { key, value, modRevision } of page.entries) found.push([key, value, modRevision]);
      if (!page.more) return found;
      gt = page.entries.at(-1)?.key;
    }
  },
  /** Puts `prefix` + 0 … count - 1, so many at once; the revisions in the order of the keys. */
  putMany: async (prefix, count, inFlight) => {
    const revisions = new Array(count).fill(0);
    let next = 0;
    const worker = async () => {
      for (let i = next++; i < count; i = next++) revisions[i] = (await peer().put(prefix + i, `value ${i}`)).revision;
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return revisions;
  },
  /** What a watch shows from the first revision to `last`, as [revision, key, value]. */
  history: async (last) => {
    const found = [];
    const watch = peer().watch({ all: true }, { fromRevision: 1 });
    for await (const { revision, events } of watch) {
      for (const { entry } of events) found.push([revision, entry.key, 'value' in entry ? entry.value : null]);
      if (revision >= last) break;
    }
    return found;
  },
  transferLeadership: async (opts) => (await peer().transferLeadership(opts), null),
  closed: async () => peer().closed,
  /** As `closed`, with the code of the error: an error does not cross the channel. */
  ending: async () => {
    const { reason, error } = await peer().closed;
    return { reason, code: error instanceof CoterieError ? error.code : String(error) };
  },
  /** Closes the peer and lets go of the channel: from here on only something left behind keeps the process alive. */
  close: async () => {
    const begun = performance.now();
    await peer().close();
    leaving = true;
    return performance.now() - begun;
  },
};

/** @param {unknown} error */
function plain(error) {
  if (!(error instanceof CoterieError)) return { message: String(error) };
  const { code, message, retryable, outcome } = error;
  return { code, message, retryable, outcome };
}

process.on('message', (/** @type {{ id: number, call: string, args: unknown[] }} */ { id, call, args }) => {
  const answer = (/** @type {object} */ body) => {
    if (!process.connected) return;
    process.send?.({ id, ...body }, undefined, undefined, () => {
      // Only now: what is still queued when the channel closes is lost.
      if (leaving && call === 'close') process.disconnect();
    });
  };
  Promise.resolve()
    .then(() => calls[call]?.(...args))
    .then(
      (result) => answer({ result }),
      (error) => answer({ error: plain(error) }),
    );
});
// The test is gone, however it went.
process.on('disconnect', () => {
  if (!leaving) process.exit();
});

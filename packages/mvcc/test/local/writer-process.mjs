// Writes without end and tells of every write that was acknowledged; it is killed.
import { CoterieError } from '@coterie/errors';
import { openStore } from '@coterie/mvcc';

const [dir, durability, checkpointBytes] = process.argv.slice(2);
const store = await openStore({
  dir,
  durability: durability === 'os' ? 'os' : 'fsync',
  limits: { checkpointBytes: Number(checkpointBytes) },
});

/** Again while a checkpoint does not keep up: such small ones are the point. @param {number} at */
async function put(at) {
  for (;;) {
    try {
      return await store.put(`k${at}`, String(at));
    } catch (error) {
      if (!(error instanceof CoterieError && error.retryable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

for (let next = 0; ;) {
  const batch = Array.from({ length: 20 }, () => next++);
  await Promise.all(
    batch.map(async (at) => {
      await put(at);
      process.send?.(at);
    }),
  );
}

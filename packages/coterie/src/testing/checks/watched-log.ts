import type { AppendBatch, LoadedLog } from '@coterie/raft';
import type { MemberLog } from '../../data-dir/storage.js';
import { through } from '../through.js';

/** Who listens at the port of a log. */
export interface LogListener {
  loaded(log: LoadedLog): void;
  /** @returns what is to be called when the batch is durable, before whoever waits for it hears of it */
  appended(batch: AppendBatch): () => void;
}

/** A log with somebody who listens; it changes nothing. */
export function watchedLog(log: MemberLog, listener: LogListener): MemberLog {
  return through(log, {
    load: () => {
      const loaded = log.load();
      listener.loaded(loaded);
      return loaded;
    },
    append: (batch, done) => {
      const durable = listener.appended(batch);
      log.append(batch, (error) => {
        if (error === undefined) durable();
        done(error);
      });
    },
  });
}

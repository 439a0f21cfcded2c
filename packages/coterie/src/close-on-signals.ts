import type { Logger } from './options.js';

/** Options of {@link closeOnSignals}. */
export interface CloseOnSignalsOptions {
  /** Default SIGTERM and SIGINT. */
  signals?: readonly NodeJS.Signals[] | undefined;
  /** After this the signal does its work all the same. Default 10,000. */
  timeoutMs?: number | undefined;
  logger?: Logger | undefined;
}

/**
 * Closes things in the given order when the process is told to stop, once; then takes its handlers off and sends the
 * signal again, so that the exit code is the platform's.
 *
 * A thing whose `close` takes a callback (an http server) is awaited by that callback.
 */
export function closeOnSignals(
  things: readonly { close(...args: never[]): unknown }[],
  opts: CloseOnSignalsOptions = {},
): Disposable {
  const signals = opts.signals ?? (['SIGTERM', 'SIGINT'] as const);
  let closing = false;
  const remove = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (closing) return;
    closing = true;
    const timer = setTimeout(() => {
      opts.logger?.warn({ signal }, 'closing took too long');
      finish();
    }, opts.timeoutMs ?? 10_000);
    const finish = (): void => {
      clearTimeout(timer);
      remove();
      process.kill(process.pid, signal);
    };
    void closeAll(things, opts.logger).then(finish);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return { [Symbol.dispose]: remove };
}

async function closeAll(
  things: readonly { close(...args: never[]): unknown }[],
  logger: Logger | undefined,
): Promise<void> {
  for (const thing of things) {
    try {
      await closeOne(thing);
    } catch (error) {
      logger?.error({ error }, 'close failed');
    }
  }
}

function closeOne(thing: { close(...args: never[]): unknown }): Promise<unknown> {
  const close = thing.close.bind(thing) as (done?: (error?: Error) => void) => unknown;
  return new Promise((resolve, reject) => {
    // Node's servers report through the callback and return themselves; ours return a promise and ignore the callback.
    const done = (error?: Error): void => (error === undefined ? resolve(undefined) : reject(error));
    const returned = close(done);
    if (returned instanceof Promise || typeof (returned as PromiseLike<unknown> | undefined)?.then === 'function') {
      resolve(returned);
    } else if (close.length === 0 && typeof (thing as { listening?: unknown }).listening !== 'boolean') {
      resolve(returned);
    }
  });
}

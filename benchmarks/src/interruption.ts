/** npm passes Ctrl-C on, which the terminal has told everybody already: within this time both are one. */
const oneInterruptionMs = 1000;
/** As shells have it for a program that Ctrl-C ended. */
const interruptedCode = 130;

/** Fires on Ctrl-C, for an orderly end; a second one, later, ends the process at once. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  let at = 0;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (!interrupted.signal.aborted) {
        at = performance.now();
        interrupted.abort(new Error(`interrupted by ${name}`));
      } else if (performance.now() - at > oneInterruptionMs) {
        process.exit(interruptedCode);
      }
    });
  }
  return interrupted.signal;
}

import type { Progress } from './worker-messages.js';

/** Says how far a measurement is, in one line that is written over and over; to a terminal only. */
export function showProgress(ms: number, loaders: readonly Progress[], checkpoints: number): void {
  if (!process.stderr.isTTY) return;
  const puts = loaders.reduce((sum, one) => sum + one.puts, 0);
  process.stderr.write(`\r  ${(ms / 1000).toFixed(0)} s, ${puts} puts, ${checkpoints} checkpoints \u001b[K`);
}

/** Takes that line away. */
export function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}

/** A broken invariant of ours: never a caller's mistake. It stops the peer, never the application. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * An assertion that stays on in production.
 *
 * @param context numbers that explain the break; rendered into the message
 * @throws InvariantError
 */
export function invariant(
  condition: unknown,
  claim: string,
  context?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (condition) return;
  throw new InvariantError(`invariant broken: ${claim}${context === undefined ? '' : ` ${JSON.stringify(context)}`}`);
}

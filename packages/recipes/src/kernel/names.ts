import { CoterieError } from '@coterie/errors';

/**
 * Where recipes keep their keys in the `Kv` that they are made from: behind all keys that begin with an ASCII letter or
 * digit.
 */
const area = '~recipes';

/** The kinds of things that recipes keep. */
export type Kind = 'counter' | 'ids' | 'sequence';

/**
 * The key of a named thing.
 *
 * Names are data: `a/b` is one name and not a name within another, so the separator is escaped.
 *
 * @throws CoterieError ERR_INVALID_ARGUMENT for a name that is empty, no string or ill-formed
 */
export function keyOf(kind: Kind, name: string): string {
  if (typeof name !== 'string' || name === '') throw invalid('name', 'must be a string and not empty');
  if (/\p{Surrogate}/u.test(name)) throw invalid('name', 'is ill-formed text: it has a lone surrogate');
  return `${area}/${kind}/${name.replaceAll('%', '%25').replaceAll('/', '%2F')}`;
}

/** Bad input, by the name of the argument. */
export function invalid(argument: string, claim: string): CoterieError<'ERR_INVALID_ARGUMENT'> {
  return new CoterieError('ERR_INVALID_ARGUMENT', {
    message: `${argument} ${claim}`,
    argument,
    outcome: 'not-applied',
  });
}

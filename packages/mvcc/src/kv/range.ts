// A bound of type `K | undefined` fits, so that a loop over pages needs no two forms of its call.
type Bounds<K> = { gte?: K | undefined; gt?: undefined } | { gt?: K | undefined; gte?: undefined };
type Ends<K> = { lt?: K | undefined; lte?: undefined } | { lte?: K | undefined; lt?: undefined };
type AtLeastOneBound<K> = { gte: K } | { gt: K } | { lt: K } | { lte: K };

/**
 * Keys from one bound to another, as a plain object.
 *
 * `{ prefix }` takes bounds too, which narrow it, so that a page goes on with `{ prefix, gt: lastKey }`. `{ all: true
 * }` is every key of the view. `{}`, bounds that are all `undefined`, an empty prefix or bound and an unknown property
 * are `ERR_INVALID_ARGUMENT`: a slip must never widen a delete.
 */
export type Range<K = string> =
  | { all: true; prefix?: undefined; gte?: undefined; gt?: undefined; lt?: undefined; lte?: undefined }
  | ({ prefix: K; all?: undefined } & Bounds<K> & Ends<K>)
  | ({ prefix?: undefined; all?: undefined } & AtLeastOneBound<K> & Bounds<K> & Ends<K>);

type Bounds<K> = { gte: K; gt?: undefined } | { gt: K; gte?: undefined } | { gte?: undefined; gt?: undefined };
type Ends<K> = { lt: K; lte?: undefined } | { lte: K; lt?: undefined } | { lt?: undefined; lte?: undefined };
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

/* eslint-disable @typescript-eslint/no-unused-vars -- values are there for their types alone */
/* eslint-disable @typescript-eslint/no-meaningless-void-operator -- the same */
/** Never run: the compiler's view of the public types, which programs outside are written against. */
import {
  cmp,
  op,
  type AnyKv,
  type Entry,
  type Kv,
  type PutDone,
  type Range,
  type Refused,
  type Watch,
} from '@coterie/mvcc';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
function same<_Check extends true>(): void {}

declare const kv: Kv;
declare const signal: AbortSignal;

// ---- shapes
interface EntryShape<K, V> {
  readonly key: K;
  readonly value: V;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease?: number;
}
same<Same<Entry<string, number>, EntryShape<string, number>>>();
same<Same<Entry, EntryShape<string, string>>>();

const done = await kv.put('a', 'x');
same<Same<typeof done, { readonly ok: true; readonly revision: number; readonly prev?: Entry }>>();
const conditional = await kv.put('a', 'x', { ifRevision: 0 });
same<Same<typeof conditional, PutDone<string, string> | Refused<string, string>>>();
if (!conditional.ok) conditional satisfies { readonly current?: Entry };
const got = await kv.get('a', { consistency: 'lease', signal, timeoutMs: undefined });
same<Same<typeof got, Entry | undefined>>();
const counted = await kv.range({ all: true }, { countOnly: true });
counted.count satisfies number;
const named = await kv.range({ prefix: 'p/' }, { keysOnly: true });
// @ts-expect-error keysOnly leaves the values out
void named.entries[0]?.value;
const gone = await kv.delete({ prefix: 'p/' }, { prev: true });
same<Same<typeof gone.prev, readonly Entry[] | undefined>>();
const sum = await kv.add('n', 1);
same<Same<typeof sum.ok, true>>();
const bounded = await kv.add('n', 1, { min: 0 });
same<Same<typeof bounded.ok, boolean>>();
for await (const entry of kv.iterate({ gte: 'a', lt: 'b' }, { revision: 7 })) entry satisfies Entry;

// ---- ranges
declare const last: string | undefined;
const page: Range = { prefix: 'p/', gt: last };
const ranges: Range[] = [{ all: true }, { gte: 'a' }, { gt: 'a', lte: 'b' }, { prefix: 'p/', lt: undefined }, page];
// @ts-expect-error a range has a bound
const none: Range = {};
// @ts-expect-error bounds that are all undefined
const undefinedBound: Range = { gte: undefined };
// @ts-expect-error two starts
const twoStarts: Range = { gte: 'a', gt: 'b' };
// @ts-expect-error everything and a prefix
const both: Range = { all: true, prefix: 'p/' };
// @ts-expect-error not a property of a range
const stray: Range = { prefix: 'p/', limit: 3 };
void [ranges, none, undefinedBound, twoStarts, both, stray];

// ---- views
interface Session {
  user?: string;
  cart: string[];
  seenAt: number;
}
const sessions: Kv<string, Session> = kv.namespace('sess/').withEncoding<Session>({ value: 'json' });
const bytes = kv.withEncoding({ key: 'bytes', value: 'bytes' });
same<Same<typeof bytes, Kv<Uint8Array, Uint8Array>>>();
const unknownJson = kv.withEncoding({ value: 'json' });
same<Same<typeof unknownJson, Kv<string, unknown>>>();
const dates = kv.withEncoding({
  value: { encode: (date: Date) => date.toISOString(), decode: (text: Uint8Array) => new Date(text.length) },
});
same<Same<typeof dates, Kv<string, Date>>>();
const keysOnlyChanged = sessions.withEncoding({ key: 'bytes' });
same<Same<typeof keysOnlyChanged, Kv<Uint8Array, Session>>>();
const any: AnyKv = sessions;
void any;

async function load(sid: string): Promise<Session | undefined> {
  return (await sessions.get(sid, { consistency: 'lease', signal }))?.value;
}
async function touch(sid: string, change: (session: Session) => Session): Promise<void> {
  await sessions.update(sid, (session) => change(session ?? { cart: [], seenAt: 0 }), { ttlMs: 1_800_000 });
}
async function login(): Promise<string> {
  const first = await sessions.put('u1', { cart: [], seenAt: 0 }, { ifRevision: 0 });
  return first.ok ? String(first.revision) : (first.current?.value.user ?? '');
}
// @ts-expect-error not a session
void sessions.put('u1', { cart: 'x' });

// ---- txns
async function buy(): Promise<string> {
  const orders = kv.namespace('orders/').withEncoding<{ items: string[] }>({ value: 'json' });
  const stock = kv.namespace('stock/');
  const r = await kv.txn({
    compare: [orders.cmp.version('42', '==', 0)],
    success: [orders.op.put('42', { items: ['x'] }), stock.op.add('x', -1, { min: 0 }), sessions.op.get('u1')],
    failure: [orders.op.get('42'), stock.op.get('x')],
  });
  if (r.succeeded) {
    const left: number = r.results[1].value;
    const cart: string[] | undefined = r.results[2]?.value.cart;
    return `${left} ${cart?.length}`;
  }
  const items: string[] | undefined = r.results[0]?.value.items;
  const text: string | undefined = r.results[1]?.value;
  // @ts-expect-error there were two operations
  void r.results[2];
  return `${items?.length} ${text}`;
}
const free = await kv.txn({
  compare: [cmp.value('a', '==', 'x'), cmp.modRevision({ prefix: 'p/' }, '<', 9)],
  success: [op.get('a'), op.range({ prefix: 'c/' }), op.txn({ success: [op.delete('d')], failure: [op.add('n', 1)] })],
});
if (free.succeeded) {
  same<Same<(typeof free.results)[0], Entry | undefined>>();
  const inner = free.results[2];
  if (inner.succeeded) inner.results[0].deleted satisfies number;
  else inner.results[0].value satisfies number;
}
// @ts-expect-error not a sign
void cmp.version('a', '=', 1);

// ---- watches
const watch: Watch<string, Session> = sessions.watch({ anyOf: ['a', { prefix: 'p/' }] }, { initial: true, signal });
(await watch.ready).revision satisfies number;
for await (const batch of watch) {
  if (batch.kind === 'synced') same<Same<typeof batch.events, readonly []>>();
  for (const event of batch.events) {
    if (event.type === 'put') event.entry.value.cart satisfies string[];
    else event.reason satisfies 'deleted' | 'expired' | 'revoked';
    // @ts-expect-error a delete has no value
    if (event.type === 'delete') void event.entry.value;
  }
}
await using closable = kv.watch('a');
void [closable, load, touch, login, buy];
using handler = kv.onClose(async () => {});
void handler;

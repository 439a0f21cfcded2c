import type { Operation, TxnOperation } from '../../src/command/operation.js';

/** A put, an addition or a delete somewhere in a txn, and through which branches of which txns one gets to it. */
interface Leaf {
  readonly operation: Operation;
  readonly path: ReadonlyMap<TxnOperation, 'success' | 'failure'>;
}

function leavesOf(txn: TxnOperation, path: Leaf['path']): readonly Leaf[] {
  return (['success', 'failure'] as const).flatMap((branch) => {
    const here = new Map([...path, [txn, branch] as const]);
    return txn[branch].flatMap((each) =>
      each.kind === 'txn' ? leavesOf(each, here) : [{ operation: each, path: here }],
    );
  });
}

/**
 * Whether a txn is refused before it is sent: two of its operations that may both run change one key, and one of them
 * puts it. Deletes may overlap. The two branches of one txn never both run.
 */
export function clashes(txn: TxnOperation): boolean {
  const leaves = leavesOf(txn, new Map());
  return leaves.some(({ operation: a, path: pathA }, at) =>
    leaves.some(({ operation: b, path: pathB }, other) => {
      if (at === other || (a.kind !== 'put' && a.kind !== 'add')) return false;
      if ([...pathA].some(([each, branch]) => pathB.has(each) && pathB.get(each) !== branch)) return false;
      return b.kind === 'delete'
        ? a.key >= b.range.start && (b.range.end === undefined || a.key < b.range.end)
        : (b.kind === 'put' || b.kind === 'add') && b.key === a.key;
    }),
  );
}

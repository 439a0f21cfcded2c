import type { BinaryKey, KeyRange } from '../store/types.js';

interface Node<P> {
  readonly start: BinaryKey;
  readonly end: BinaryKey | undefined;
  readonly value: P;
  readonly priority: number;
  left: Node<P> | undefined;
  right: Node<P> | undefined;
  /** The greatest end in this subtree; undefined: one of its ranges has none. */
  top: BinaryKey | undefined;
}

/**
 * Ranges by the keys that they hold: a tree in order of their starts, each node with the greatest end below it, so that
 * a key passes over all that end before it (the interval tree of Cormen et al.). It is kept balanced as a treap: by
 * priorities that a counter gives, not chance, because a simulated run must replay.
 */
export class RangeTree<P> {
  #root: Node<P> | undefined;
  #count = 0;

  get(range: KeyRange): P | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(range, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Adds a range that is not there. */
  add({ start, end }: KeyRange, value: P): void {
    const priority = scatter(++this.#count);
    this.#root = insert(this.#root, { start, end, value, priority, left: undefined, right: undefined, top: end });
  }

  /** Takes out a range that is there. */
  delete(range: KeyRange): void {
    this.#root = remove(this.#root, range);
  }

  /** Calls back for each range that holds the key. */
  find(key: BinaryKey, found: (value: P) => void): void {
    visit(this.#root, key, found);
  }
}

function visit<P>(node: Node<P> | undefined, key: BinaryKey, found: (value: P) => void): void {
  for (; node !== undefined; node = node.right) {
    if (!isBefore(key, node.top)) return;
    visit(node.left, key, found);
    if (key < node.start) return;
    if (isBefore(key, node.end)) found(node.value);
  }
}

/** Depth is logarithmic, so recursion is short. */
function insert<P>(tree: Node<P> | undefined, node: Node<P>): Node<P> {
  if (tree === undefined) return node;
  if (node.priority > tree.priority) {
    [node.left, node.right] = split(tree, node);
    return raised(node);
  }
  if (compare(node, tree) < 0) tree.left = insert(tree.left, node);
  else tree.right = insert(tree.right, node);
  return raised(tree);
}

function split<P>(tree: Node<P> | undefined, at: Node<P>): [Node<P> | undefined, Node<P> | undefined] {
  if (tree === undefined) return [undefined, undefined];
  if (compare(tree, at) < 0) {
    const [left, right] = split(tree.right, at);
    tree.right = left;
    return [raised(tree), right];
  }
  const [left, right] = split(tree.left, at);
  tree.left = right;
  return [left, raised(tree)];
}

function remove<P>(tree: Node<P> | undefined, range: KeyRange): Node<P> | undefined {
  if (tree === undefined) return undefined;
  const order = compare(range, tree);
  if (order === 0) return join(tree.left, tree.right);
  if (order < 0) tree.left = remove(tree.left, range);
  else tree.right = remove(tree.right, range);
  return raised(tree);
}

/** All of `left` stand before all of `right`. */
function join<P>(left: Node<P> | undefined, right: Node<P> | undefined): Node<P> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return raised(left);
  }
  right.left = join(left, right.left);
  return raised(right);
}

function raised<P>(node: Node<P>): Node<P> {
  const { left, right } = node;
  let top = node.end;
  if (left !== undefined) top = later(top, left.top);
  if (right !== undefined) top = later(top, right.top);
  node.top = top;
  return node;
}

function compare(
  a: { start: string; end?: string | undefined },
  b: { start: string; end?: string | undefined },
): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.end === b.end) return 0;
  return isBefore(a.end, b.end) ? -1 : 1;
}

function isBefore(a: string | undefined, end: string | undefined): boolean {
  return a !== undefined && (end === undefined || a < end);
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  return isBefore(a, b) ? b : a;
}

/** Numbers that stand in no order (the finalizer of MurmurHash3). */
function scatter(count: number): number {
  let mixed = count;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

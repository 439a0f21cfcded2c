import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Who may import what: `values` and `types` are packages of this workspace, `external` are third-party packages. What
 * is not listed is not allowed. ARCHITECTURE.md has the reasons; in short: each package works alone, so it may know
 * another one's shape, not its code.
 *
 * @type {Record<string, { values: string[], types: string[], external: string[] }>}
 */
const borders = {
  errors: { values: [], types: [], external: [] },
  raft: { values: ['@coterie/errors'], types: [], external: [] },
  mvcc: { values: ['@coterie/errors'], types: ['@coterie/raft'], external: ['classic-level', 'sorted-btree'] },
  'transport-ws': { values: ['@coterie/errors'], types: ['@coterie/raft'], external: ['ws', 'msgpackr'] },
  recipes: { values: ['@coterie/errors'], types: ['@coterie/mvcc'], external: [] },
  coterie: {
    values: ['@coterie/errors', '@coterie/raft', '@coterie/mvcc', '@coterie/transport-ws', '@coterie/recipes'],
    types: [],
    external: [],
  },
};

/** Every path that a package of the workspace exports, as it is written in an import. */
const entries = new Map(
  Object.keys(borders).map((folder) => {
    const { name, exports } = JSON.parse(fs.readFileSync(path.join(root, 'packages', folder, 'package.json'), 'utf8'));
    return [name, Object.keys(exports).map((entry) => (entry === '.' ? name : `${name}/${entry.slice(2)}`))];
  }),
);

/** @param {string} specifier 'ws/lib/x' → 'ws', '@coterie/raft/testing' → '@coterie/raft' */
const packageOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/**
 * @param {string} file path from the root
 * @returns {{ folder: string, room: string, tests: boolean } | undefined} where a file lives; undefined outside the
 *   workspaces
 */
function whereIs(file) {
  const [first = '', second = '', third = ''] = file.split(path.sep);
  if (first === 'packages') return { folder: path.join(first, second), room: second, tests: third !== 'src' };
  if (first === 'examples' || first === 'benchmarks') return { folder: first, room: first, tests: true };
  return undefined;
}

/**
 * @param {string} specifier
 * @param {boolean} typeOnly
 * @param {string} file path from the root
 * @returns {string | undefined} what is wrong with this import
 */
function fault(specifier, typeOnly, file) {
  const where = whereIs(file);
  if (where === undefined) return undefined;
  if (specifier.startsWith('.')) {
    const target = path.join(path.dirname(file), specifier);
    if (!target.startsWith(where.folder + path.sep))
      return `${specifier} leaves ${where.folder}: import the package by its name`;
    const core = path.join('packages', 'raft', 'src', 'core') + path.sep;
    if (file.startsWith(core) && !target.startsWith(core))
      return `${specifier} leaves the core, which knows nothing around it`;
    return undefined;
  }
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? undefined : `write node:${specifier}`;
  const name = packageOf(specifier);
  const public_ = entries.get(name);
  if (public_ !== undefined && !public_.includes(specifier))
    return `${specifier} is not an entry of ${name}: no deep imports`;
  // Tests, examples and benchmarks use what users use: any entry of any package, and what the workspace root has
  // installed.
  if (where.tests) return undefined;
  const border = borders[where.room];
  if (border === undefined) return `packages/${where.room} has no line in scripts/lint/package-borders.mjs`;
  if (public_ === undefined)
    return border.external.includes(specifier) ? undefined : `${where.room} does not depend on ${specifier}`;
  // A worker's entry file is resolved by its public name, so that it is found in src and in dist.
  if (border.values.includes(name) || name === ownName(where.room)) return undefined;
  if (!border.types.includes(name)) return `${where.room} must not import ${name}`;
  return typeOnly ? undefined : `${where.room} may import only types of ${name}: write import type`;
}

/** @param {string} room */
const ownName = (room) => [...entries.keys()].find((name) => name === room || name === `@coterie/${room}`);

/** @type {import('eslint').Rule.RuleModule} */
export const packageBorders = {
  meta: { type: 'problem', schema: [], messages: { border: '{{ text }}' } },
  create(context) {
    const file = path.relative(root, context.filename);
    /** @param {any} node @param {unknown} specifier @param {boolean} typeOnly */
    const look = (node, specifier, typeOnly) => {
      if (typeof specifier !== 'string') return;
      const text = fault(specifier, typeOnly, file);
      if (text !== undefined) context.report({ node, messageId: 'border', data: { text } });
    };
    return {
      ImportDeclaration: (/** @type {any} */ node) => look(node, node.source.value, node.importKind === 'type'),
      ExportNamedDeclaration: (/** @type {any} */ node) => look(node, node.source?.value, node.exportKind === 'type'),
      ExportAllDeclaration: (/** @type {any} */ node) => look(node, node.source.value, node.exportKind === 'type'),
      ImportExpression: (/** @type {any} */ node) => look(node, node.source.value, false),
      TSImportType: (/** @type {any} */ node) => look(node, node.source?.value ?? node.argument?.literal?.value, true),
      'CallExpression[callee.name="require"]': (/** @type {any} */ node) => look(node, node.arguments[0]?.value, false),
      'CallExpression[callee.property.name="resolve"][callee.object.type="MetaProperty"]': (/** @type {any} */ node) =>
        look(node, node.arguments[0]?.value, false),
    };
  },
};

import path from 'node:path';
import ts from 'typescript';
import { exists, filesBelow, packageFolders, parse, read } from './source-tree.js';

/**
 * The modules that a file leads to, as paths from the root: imports, re-exports, types, dynamic imports, and files
 * named relative to the module's own URL (workers and child processes).
 */
export function leadsTo(file: string, text: string): string[] {
  const found: string[] = [];
  const add = (specifier: ts.Node | undefined): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier) || !specifier.text.startsWith('.')) return;
    const target = path.posix.join(path.posix.dirname(file), specifier.text);
    found.push(target.replace(/\.js$/, '.ts'));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (ts.isNewExpression(node) && node.expression.getText() === 'URL') add(node.arguments?.[0]);
    ts.forEachChild(node, visit);
  };
  visit(parse({ file, text }));
  return found;
}

/** Everything that can be reached from the entries, entries included. */
export function reachable(entries: readonly string[], load: (file: string) => string | undefined): Set<string> {
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const text = seen.has(file) ? undefined : load(file);
    if (text === undefined) continue;
    seen.add(file);
    waiting.push(...leadsTo(file, text));
  }
  return seen;
}

/** './dist/testing/index.js' of a package → its source file. */
const sourceOf = (folder: string, built: string): string =>
  path.posix.join(folder, built.replace('dist/', 'src/').replace(/\.(js|d\.ts)$/, '.ts'));

/**
 * The files that something outside their folder starts: package exports, binaries, and the programs behind the npm
 * scripts.
 */
function entriesOf(folder: string): string[] {
  const manifest = JSON.parse(read(`${folder}/package.json`).text) as {
    exports?: Record<string, string | Record<string, string>>;
    bin?: Record<string, string>;
  };
  const exported = Object.values(manifest.exports ?? {}).map((entry) =>
    typeof entry === 'string' ? entry : (entry['default'] ?? ''),
  );
  const binaries = Object.values(manifest.bin ?? {});
  const programs = read('scripts/run.mjs').text.match(new RegExp(`(?<=')${folder}/dist/[^']+`, 'g')) ?? [];
  return [
    ...[...exported, ...binaries].filter((entry) => entry.endsWith('.js')).map((entry) => sourceOf(folder, entry)),
    ...programs.map((program) => sourceOf('', program)),
  ];
}

/** Source files that no entry leads to. A package whose index does not exist yet is left out. */
export function unreachableSources(): string[] {
  const load = (file: string): string | undefined => (exists(file) ? read(file).text : undefined);
  const packages = packageFolders().filter((folder) => exists(`${folder}/src/index.ts`));
  return [...packages, 'examples', 'benchmarks'].flatMap((folder) => {
    const sources = filesBelow(`${folder}/src`, ['.ts']);
    // An example is a program of its own: each file directly in src, and each main.ts below it.
    const programs = packages.includes(folder) ? [] : sources.filter((file) => /\/src\/[^/]+$|\/main\.ts$/.test(file));
    const seen = reachable([...entriesOf(folder), ...programs], load);
    return sources.filter((file) => !seen.has(file)).map((file) => `${file}:1 is reached from no entry of ${folder}`);
  });
}

/** Entries that a manifest promises and no source file keeps. */
export function missingEntries(): string[] {
  return packageFolders()
    .filter((folder) => exists(`${folder}/src/index.ts`))
    .flatMap((folder) =>
      entriesOf(folder)
        .filter((file) => !exists(file))
        .map((file) => `${folder}/package.json promises ${file}`),
    );
}

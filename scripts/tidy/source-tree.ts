import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file of ours, by its path from the root, with forward slashes. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
}

const skipped = new Set(['node_modules', 'dist', '.nx', '.git', 'coverage', 'results']);

/** All files below a folder that end in one of the extensions, in the order of their names. */
export function filesBelow(folder: string, extensions: readonly string[]): string[] {
  const absolute = path.join(root, folder);
  if (!fs.existsSync(absolute)) return [];
  return fs
    .readdirSync(absolute, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(file, extensions);
      return extensions.some((extension) => entry.name.endsWith(extension)) ? [file] : [];
    });
}

export const read = (file: string): SourceText => ({ file, text: fs.readFileSync(path.join(root, file), 'utf8') });
export const exists = (file: string): boolean => fs.existsSync(path.join(root, file));

export const parse = ({ file, text }: SourceText): ts.SourceFile =>
  ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);

/** The folders of the packages, by name: 'raft' → 'packages/raft'. */
export function packageFolders(): string[] {
  return fs.readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}`);
}

/**
 * Code: what is linted, built or run. Prototypes are measurements kept beside their ADR, not code that anything stands
 * on.
 */
export function codeFiles(): SourceText[] {
  return ['packages', 'examples', 'benchmarks', 'scripts', '.ci']
    .flatMap((folder) => filesBelow(folder, ['.ts', '.mjs', '.js']))
    .filter((file) => !file.startsWith('benchmarks/prototypes/'))
    .map(read);
}

/** Pages: what people read. */
export function pages(): SourceText[] {
  const top = fs.readdirSync(root).filter((name) => name.endsWith('.md'));
  return [
    ...top,
    ...filesBelow('docs', ['.md']),
    ...filesBelow('packages', ['.md']),
    ...filesBelow('examples', ['.md']),
  ].map(read);
}

// Prettier leaves comments as they are. This wraps the ones that are too long, and touches nothing else: overflowing
// words go to the front of the next line of the same paragraph, or onto a line of their own. `node
// scripts/tidy/wrap-comments.mjs [files]`, all code by default.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const columnsMax = 120;

/** Lines that stand for themselves: list items, tags, tables, fences, rulers, indented code. @param {string} text */
const standsAlone = (text) => text === '' || /^([-*+@|#>`]|\d+\.|\/|={3}|\s)/.test(text) || /^\S*-{3}/.test(text);

/** @param {string} line @returns {{ prefix: string, text: string } | undefined} */
function commentOf(line) {
  const match = /^(\s*(?:\/\/|\*(?!\/))) ?(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, prefix = '', text = ''] = match;
  return { prefix: `${prefix} `, text: /^\s{2,}/.test(text) ? ` ${text.trimStart()}` : text };
}

/** A one-line block comment that is too long becomes a block of lines. @param {string} line */
function opened(line) {
  const match = line.length > columnsMax ? /^(\s*)\/\*\* (.*) \*\/$/.exec(line) : null;
  if (match === null) return [line];
  const [, indent = '', text = ''] = match;
  // A tag inside begins a paragraph of its own, as in every other block.
  const parts = text.split(/ (?=@(?:throws|returns|param|see|example)\b)/);
  return [`${indent}/**`, ...parts.map((part) => `${indent} * ${part}`), `${indent} */`];
}

/** A ruler with a title ends at the margin. @param {string} line @param {string} ruler */
const shortened = (line, ruler) =>
  line.replace(ruler, ruler.slice(Math.min(ruler.length - 3, Math.max(0, line.length - columnsMax))));

/** @param {string} source @returns {string} */
export function wrapComments(source) {
  const lines = source.split('\n').flatMap(opened);
  let fenced = false;
  for (let i = 0; i < lines.length; i++) {
    const ruler = /-{20,}/.exec(lines[i] ?? '');
    if (ruler !== null) lines[i] = shortened(lines[i] ?? '', ruler[0]);
    const line = lines[i] ?? '';
    const comment = commentOf(line);
    if (comment?.text.startsWith('```')) fenced = !fenced;
    if (comment === undefined) fenced = false;
    if (comment === undefined || fenced || line.length <= columnsMax) continue;
    const cut = line.lastIndexOf(' ', columnsMax);
    if (cut < comment.prefix.length + 20) continue;
    lines[i] = line.slice(0, cut).trimEnd();
    const rest = line.slice(cut + 1).trimStart();
    const next = commentOf(lines[i + 1] ?? '');
    const hanging = /^([-*+]|\d+\.|@\w+) /.test(comment.text) || comment.text.startsWith(' ') ? '  ' : '';
    const joins =
      next !== undefined &&
      next.prefix === comment.prefix &&
      !standsAlone(next.text.trimStart()) &&
      (hanging !== '' || !next.text.startsWith(' '));
    if (joins) lines[i + 1] = `${next.prefix}${hanging}${rest} ${next.text.trimStart()}`;
    else lines.splice(i + 1, 0, `${comment.prefix}${hanging}${rest}`);
  }
  return lines.join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const patterns = ['*.ts', '*.mjs', '*.js'];
  const listed = () =>
    execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...patterns], { encoding: 'utf8' });
  const files = process.argv.length > 2 ? process.argv.slice(2) : listed().trim().split('\n');
  for (const file of files.filter((name) => fs.existsSync(name))) {
    const source = fs.readFileSync(file, 'utf8');
    const wrapped = wrapComments(source);
    if (wrapped !== source) fs.writeFileSync(file, wrapped);
  }
}

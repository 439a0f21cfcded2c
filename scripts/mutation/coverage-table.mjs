import path from 'node:path';

/**
 * A test, as the table names it: its file from the root of the repository, and its title, or the titles of its describe
 * blocks and its own joined by ` › `.
 *
 * @typedef {{ readonly file: string, readonly title: string }} NamedTest
 */

/**
 * A row of the table.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {number} line in the page
 * @property {readonly NamedTest[]} tests
 * @property {readonly (import('./apply-change.mjs').Change & { readonly file: string })[]} changes
 * @property {readonly string[]} faults what is wrong with the row itself
 */

/** Cells of a line of a table; `\|` is a bar inside a cell. @param {string} line */
function cellsOf(line) {
  const cells = line.trim().split(/(?<!\\)\|/);
  return cells.slice(1, -1).map((cell) => cell.replaceAll('\\|', '|').trim());
}

/** Code spans, in Markdown's own rule: as many backticks at the end as at the start, one space of padding dropped. */
const span = String.raw`(?<!${'`'})(${'`'}+)(?!${'`'})(.+?)(?<!${'`'})\NUMBER(?!${'`'})`;
const spans = (/** @type {number} */ count) =>
  Array.from({ length: count }, (_, i) => span.replace('NUMBER', String(2 * i + 1)));

const testPattern = new RegExp(`^${spans(1).join('')} › (.+)$`, 's');
const changePattern = new RegExp(`^${spans(3).join('(?:: | → )')}$`, 's');

/** @param {string} text the inside of a code span */
const unpadded = (text) => (/^ .*[^ ].* $/s.test(text) ? text.slice(1, -1) : text);

/** @param {string} file relative to `base`, or to the root if it begins there @param {string} base */
const fromRoot = (file, base) => (/^(packages|examples|benchmarks)\//.test(file) ? file : path.posix.join(base, file));

/** @param {string} cell */
const partsOf = (cell) => (cell === '' ? [] : cell.split(/\s*<br>\s*/));

/**
 * Reads the rows of every table whose first column is `#`.
 *
 * @param {string} page
 * @param {string} base the folder, from the root of the repository, that paths of tests are relative to
 * @returns {Row[]}
 */
export function coverageRows(page, base) {
  return page.split('\n').flatMap((text, i) => {
    if (!/^\| *b?\d+ *\|/.test(text)) return [];
    const [id = '', scenario = '', test = '', change = '', ...more] = cellsOf(text);
    /** @type {string[]} */
    const faults = [];
    if (more.length > 0) faults.push(`has ${4 + more.length} cells; a bar inside one is written \\|`);
    for (const [name, cell] of Object.entries({ scenario, test, change })) if (cell === '') faults.push(`no ${name}`);
    const tests = partsOf(test).flatMap((part) => {
      const found = testPattern.exec(part);
      if (found === null) faults.push(`not of the form \`file\` › title: ${part}`);
      return found === null ? [] : [{ file: fromRoot(unpadded(found[2] ?? ''), base), title: found[3] ?? '' }];
    });
    const changes = partsOf(change).flatMap((part) => {
      const found = changePattern.exec(part);
      if (found === null) faults.push(`not of the form \`file\`: \`old\` → \`new\`: ${part}`);
      const [file = '', find = '', replace = ''] = [found?.[2], found?.[4], found?.[6]].map((s) => unpadded(s ?? ''));
      return found === null ? [] : [{ file, find, replace }];
    });
    return [{ id, line: i + 1, tests, changes, faults }];
  });
}

/**
 * The rows that a selection like `1-20,b7` names.
 *
 * @param {readonly Row[]} rows
 * @param {string} selection
 * @returns {Row[]}
 * @throws Error for a part that names no row
 */
export function selectRows(rows, selection) {
  const chosen = new Set(
    selection.split(',').flatMap((part) => {
      const [, kind = '', from = '', to = from] = /^(b?)(\d+)(?:-b?(\d+))?$/.exec(part.trim()) ?? [];
      const ids = rows.filter(({ id }) => {
        const number = Number(id.replace('b', ''));
        return id.startsWith('b') === (kind === 'b') && number >= Number(from) && number <= Number(to);
      });
      if (from === '' || ids.length === 0) throw new Error(`no row ${part}`);
      return ids;
    }),
  );
  return rows.filter((row) => chosen.has(row));
}

// Reads files in the data-driven format (github.com/cockroachdb/datadriven): comments, then a command line, an optional
// body, a line of four dashes, and what the command is expected to print, up to a blank line. A second line of dashes
// lets the expectation hold blank lines; it then ends with two more.

/**
 * @typedef {{ key: string, values: string[] }} Argument
 * @typedef {{ line: number, command: string, args: Argument[], body: string[], expected: string[] }} Stanza
 */

const separator = '----';

/** @param {string} text @returns {Argument[]} */
function parseArguments(text) {
  const args = [];
  for (const [, key = '', list, value] of text.matchAll(/([^\s=]+)(?:=(?:\(([^)]*)\)|(\S*)))?/g)) {
    const values = list === undefined ? (value === undefined ? [] : [value]) : list.split(/[\s,]+/).filter(Boolean);
    args.push({ key, values });
  }
  return args;
}

/** @param {string} text @returns {Stanza[]} */
export function parseDataDriven(text) {
  const lines = text.split('\n');
  const stanzas = [];
  let at = 0;
  const until = (/** @type {(line: string) => boolean} */ ends) => {
    const from = at;
    while (at < lines.length && !ends(lines[at] ?? '')) at++;
    return lines.slice(from, at);
  };
  for (; at < lines.length; at++) {
    const start = at;
    let directive = lines[at] ?? '';
    if (directive.trim() === '' || directive.startsWith('#')) continue;
    while (directive.endsWith('\\')) directive = `${directive.slice(0, -1)} ${lines[++at] ?? ''}`;
    at++;
    const body = until((line) => line === separator);
    at++;
    const fenced = lines[at] === separator;
    if (fenced) at++;
    const expected = until((line) => (fenced ? line === separator && lines[at + 1] === separator : line.trim() === ''));
    if (fenced) at++;
    const [command = '', ...rest] = directive.trim().split(/\s+/);
    stanzas.push({ line: start + 1, command, args: parseArguments(rest.join(' ')), body, expected });
  }
  return stanzas;
}

/** @param {Stanza} stanza @param {string} key @returns {string[] | undefined} */
export function valuesOf(stanza, key) {
  return stanza.args.find((arg) => arg.key === key)?.values;
}

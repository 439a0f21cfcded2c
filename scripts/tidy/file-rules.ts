import ts from 'typescript';
import { parse, type SourceText } from './source-tree.js';

/** What a rule finds in one file: a line per fault, `file:line what is wrong`. */
export type FileRule = (source: SourceText) => string[];

export const limits = { fileLines: 450, functionLines: 80, lineColumns: 120 } as const;

const isTest = (file: string): boolean => /(^|\/)test\//.test(file);

/** One fault for each line that `fault` objects to. */
const byLine =
  (fault: (line: string, file: string) => string | undefined): FileRule =>
  ({ file, text }) =>
    text.split('\n').flatMap((line, i) => {
      const found = fault(line, file);
      return found === undefined ? [] : [`${file}:${i + 1} ${found}`];
    });

export const fileLength: FileRule = ({ file, text }) => {
  const lines = text.trimEnd().split('\n').length;
  return lines <= limits.fileLines
    ? []
    : [`${file}:1 has ${lines} lines; ${limits.fileLines} at most: is that one concern?`];
};

/** Prettier breaks code and `npm run format` wraps comments; a long literal (a message, a title of a test) is left. */
export const lineLength: FileRule = byLine((line) =>
  line.length <= limits.lineColumns ||
  /https?:\/\/\S{40}/.test(line) ||
  (/['"`]/.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line))
    ? undefined
    : `has ${line.length} columns; ${limits.lineColumns} at most: npm run format`,
);

/** In tests the callback of a describe block holds many tests, so only named functions count there. */
export const functionLength: FileRule = (source) => {
  const tree = parse(source);
  const found: string[] = [];
  const lineOf = (position: number): number => tree.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    const inTestCall = isTest(source.file) && ts.isCallExpression(node.parent ?? node);
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined && !inTestCall) {
      const from = lineOf(node.getStart(tree));
      const lines = lineOf(node.end) - from + 1;
      if (lines > limits.functionLines)
        found.push(`${source.file}:${from} is a function of ${lines} lines; ${limits.functionLines} at most`);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
};

// Written apart, so that this file does not find itself.
const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);

export const reasonedMarks: FileRule = byLine((line) =>
  marks.test(line) && !/\b(until|because|waits for)\b/.test(line)
    ? 'has a mark without the reason that it waits'
    : undefined,
);

/** What switches a check off says why. */
export const reasonedExceptions: FileRule = byLine((line) => {
  if (/@ts-(ignore|nocheck)\b/.test(line) && !line.includes('RegExp') && !line.includes('/@ts'))
    return 'switches the types off: @ts-expect-error with a reason, if at all';
  return /eslint-disable(-next-line|-line)?\b/.test(line) &&
    !/eslint-disable[\w-]* .+ -- \S+/.test(line) &&
    !line.includes('/eslint')
    ? 'switches lint rules off without naming them and saying why (`-- reason`)'
    : undefined;
});

const machinePath = new RegExp(
  `['"\`](${['/wo' + 'rk/', '/tm' + 'p/', '/ho' + 'me/', '/ro' + 'ot/', '/Us' + 'ers/'].join('|')})`,
);

export const noMachinePaths: FileRule = byLine((line) =>
  machinePath.test(line)
    ? 'names a path of one machine: os.tmpdir(), an option, or a URL relative to the module'
    : undefined,
);

const placelessNames = /^(utils?|helpers?|common|misc|shared|stuff|lib)$/;

export const placeNames: FileRule = ({ file }) => {
  const parts = file.replace(/(\.test)?\.\w+$/, '').split('/');
  const placeless = parts.find((part) => placelessNames.test(part));
  if (placeless !== undefined) return [`${file}:1 '${placeless}' says nothing about what lives there: name the thing`];
  const name = parts.at(-1) ?? '';
  return /^\.?[a-z0-9]+([.-][a-z0-9]+)*$/.test(name) ? [] : [`${file}:1 is not named in kebab-case`];
};

/** An index that only exports can be read as a table of contents. */
export const indexOnlyExports: FileRule = (source) => {
  if (!/^packages\/[^/]+\/src\/(.+\/)?index\.ts$/.test(source.file)) return [];
  const tree = parse(source);
  const faults = tree.statements
    .filter((statement) => !ts.isExportDeclaration(statement))
    .map((statement) => {
      const line = tree.getLineAndCharacterOfPosition(statement.getStart(tree)).line + 1;
      return `${source.file}:${line} an index only exports`;
    });
  // An inner index is a door between rooms; what a user imports explains itself.
  if (!/^packages\/[^/]+\/src\/(testing\/)?index\.ts$/.test(source.file)) return faults;
  const wanted = ['@packageDocumentation', '@example'].filter((tag) => !source.text.includes(tag));
  return [...faults, ...wanted.map((tag) => `${source.file}:1 has no ${tag}`)];
};

const switchedOff = new RegExp(
  `\\b(it|test|describe|suite)\\.(${['on' + 'ly', 'sk' + 'ip', 'to' + 'do', 'fa' + 'ils'].join('|')})\\b`,
);

/** `skipIf` with a condition of the machine is fine: it runs somewhere. */
export const noSwitchedOffTests: FileRule = byLine((line, file) =>
  isTest(file) && switchedOff.test(line) ? 'is a test that is skipped, focused or to do' : undefined,
);

export const fileRules: Readonly<Record<string, FileRule>> = {
  fileLength,
  lineLength,
  functionLength,
  reasonedMarks,
  reasonedExceptions,
  noMachinePaths,
  placeNames,
  indexOnlyExports,
  noSwitchedOffTests,
};

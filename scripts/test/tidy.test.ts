import { describe, expect, it } from 'vitest';
import { fileRules, limits } from '../tidy/file-rules.js';
import {
  deadLinks,
  decisionFaults,
  declaredCodes,
  describedCodes,
  errorPageFaults,
  limitPageFaults,
  memberNames,
  packagePageFaults,
  unknownCodes,
} from '../tidy/page-rules.js';
import { leadsTo, missingEntries, reachable, unreachableSources } from '../tidy/reachability.js';
import { codeFiles, pages, read } from '../tidy/source-tree.js';
import { wrapComments } from '../tidy/wrap-comments.mjs';

const lines = (count: number, line: string): string => `${line}\n`.repeat(count);
const inSrc = 'packages/raft/src/node/sample.ts';
const inTest = 'packages/raft/test/sample.test.ts';

describe('the rules find what breaks them', () => {
  // Written apart, so that the tree below does not trip over these samples.
  const mark = 'TO' + 'DO';
  const lintOff = 'eslint-dis' + 'able-next-line';
  const typesOff = '@ts-' + 'ignore';
  const temporary = '/tm' + 'p/x';
  const switchedOff = 'it.sk' + 'ip';
  it.each([
    ['fileLength', inSrc, lines(limits.fileLines + 1, 'x;')],
    ['lineLength', inSrc, `// ${'x'.repeat(limits.lineColumns)}`],
    ['functionLength', inSrc, `function f() {\n${lines(limits.functionLines, '  x;')}}`],
    ['functionLength', inSrc, `const f = () => {\n${lines(limits.functionLines, '  x;')}}`],
    ['functionLength', inSrc, `class C { m() {\n${lines(limits.functionLines, '  x;')}} }`],
    ['functionLength', inTest, `function f() {\n${lines(limits.functionLines, '  x;')}}`],
    ['reasonedMarks', inSrc, `// ${mark}: later`],
    ['reasonedExceptions', inSrc, `// ${lintOff} no-console`],
    ['reasonedExceptions', inSrc, `// ${typesOff}`],
    ['noMachinePaths', inSrc, `const dir = '${temporary}';`],
    ['placeNames', 'packages/raft/src/utils.ts', ''],
    ['placeNames', 'packages/raft/src/helpers/x.ts', ''],
    ['placeNames', 'packages/raft/src/RaftNode.ts', ''],
    ['indexOnlyExports', 'packages/raft/src/index.ts', `/** @packageDocumentation @example */ export const x = 1;`],
    ['indexOnlyExports', 'packages/raft/src/index.ts', `/** @packageDocumentation */ export * from './x.js';`],
    ['noSwitchedOffTests', inTest, `${switchedOff}('x', () => undefined);`],
  ])('%s in %s', (rule, file, text) => {
    expect(fileRules[rule]?.({ file, text })).toHaveLength(1);
  });

  it.each([
    ['functionLength', inTest, `describe('x', () => {\n${lines(limits.functionLines, '  x;')}});`],
    ['reasonedMarks', inSrc, `// ${mark}: until leases exist`],
    ['reasonedExceptions', inSrc, `// ${lintOff} no-console -- the process is about to end`],
    [
      'indexOnlyExports',
      'packages/raft/src/index.ts',
      `/** @packageDocumentation @example */ export { x } from './x.js';`,
    ],
    ['noSwitchedOffTests', inTest, `it.skipIf(process.platform === 'win32')('x', () => undefined);`],
  ])('but not what is well: %s in %s', (rule, file, text) => {
    expect(fileRules[rule]?.({ file, text })).toEqual([]);
  });

  it('dead code', () => {
    const tree: Record<string, string> = {
      'a/index.ts': `export { x } from './x.js'; export type Y = import('./y.js').Y; new Worker(new URL('./w.js', import.meta.url));`,
      'a/x.ts': `const z = await import('./z.js'); import './index.js';`,
      'a/y.ts': '',
      'a/z.ts': '',
      'a/w.ts': '',
      'a/dead.ts': `import './x.js';`,
    };
    expect(leadsTo('a/index.ts', tree['a/index.ts'] ?? '')).toEqual(['a/x.ts', 'a/y.ts', 'a/w.ts']);
    const seen = reachable(['a/index.ts'], (file) => tree[file]);
    expect(Object.keys(tree).filter((file) => !seen.has(file))).toEqual(['a/dead.ts']);
  });

  it('long comments, which are wrapped without touching anything else', () => {
    const words = (count: number): string => Array.from({ length: count }, () => 'word').join(' ');
    const code = `const text = '${words(40)}';`;
    expect(wrapComments(code)).toBe(code);
    expect(wrapComments(`// ${words(30)}\n// more\n${code}`)).toBe(`// ${words(23)}\n// ${words(7)} more\n${code}`);
    expect(wrapComments(`  /** ${words(30)}. @returns it */`)).toBe(
      `  /**\n   * ${words(23)}\n   * ${words(7)}.\n   * @returns it\n   */`,
    );
    const example = ` * \`\`\`ts\n * ${words(30)}\n * \`\`\``;
    expect(wrapComments(example)).toBe(example);
  });

  it('links that lead nowhere, codes without an entry', () => {
    const text = '[a](there.md) [b](gone.md#x) [c](https://x.test/gone.md) `[d](gone.md)`';
    expect(deadLinks({ file: 'docs/x.md', text }, (file) => file === 'docs/there.md')).toHaveLength(1);
    const page =
      '## ERR_A\n**Meaning** **When** **Outcome** **Cure**\n## ERR_B\n**Meaning** **When** **Outcome**\n## ERR_GONE\n';
    expect(describedCodes(page)).toEqual(['ERR_A', 'ERR_B', 'ERR_GONE']);
    expect(errorPageFaults(page, ['ERR_A', 'ERR_B', 'ERR_C'])).toEqual([
      'docs/errors.md has no entry for ERR_C',
      'docs/errors.md describes ERR_GONE, which does not exist',
      'docs/errors.md: ERR_B lacks Cure',
    ]);
    expect(unknownCodes({ file: inSrc, text: `'ERR_A' 'ERR_AA' 'ERR_SOCKET_CLOSED'` }, ['ERR_A'])).toHaveLength(1);
  });

  it('limits without a row, and a declaration that is gone', () => {
    const text = 'const a = { x: 1, y: 2 } as const; interface B extends A { readonly z: number; }';
    expect([memberNames({ file: inSrc, text }, 'a'), memberNames({ file: inSrc, text }, 'B')]).toEqual([
      ['x', 'y'],
      ['z'],
    ]);
    const file = 'packages/mvcc/src/kv/limits.ts';
    expect(limitPageFaults('\n| `updateAttempts` |', [[file, 'KvLimits']])).toEqual([]);
    expect(limitPageFaults('updateAttempts', [[file, 'KvLimits']])).toHaveLength(1);
    expect(limitPageFaults('', [[file, 'Gone']])).toEqual([`${file} declares no Gone`]);
  });
});

describe('the tree keeps the rules', () => {
  const code = codeFiles();

  it.each(Object.keys(fileRules))('%s', (name) => {
    expect(code.flatMap((source) => fileRules[name]?.(source) ?? [])).toEqual([]);
  });

  it('has no source file that nothing leads to', () => {
    expect([...missingEntries(), ...unreachableSources()]).toEqual([]);
  });

  it('describes every error code, and no other', () => {
    const codes = declaredCodes();
    expect(codes.length).toBeGreaterThan(0);
    const named = code.filter(({ file }) => /\/src\//.test(file)).flatMap((source) => unknownCodes(source, codes));
    expect([...errorPageFaults(read('docs/errors.md').text, codes), ...named]).toEqual([]);
  });

  it('has a row for every limit', () => {
    expect(limitPageFaults(read('docs/limits.md').text)).toEqual([]);
  });

  it('has a page for every package', () => {
    expect(packagePageFaults()).toEqual([]);
  });

  it('has no dead link', () => {
    expect(pages().flatMap((page) => deadLinks(page))).toEqual([]);
  });

  it('numbers and lists its decisions', () => {
    expect(decisionFaults()).toEqual([]);
  });
});

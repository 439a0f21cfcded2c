import { describe, expect, it } from 'vitest';
import { allExamples, exampleFaults, examplesOfPage, examplesOfSource, undocumentedExports } from '../tidy/examples.js';

describe('examples of the documentation', () => {
  it('are found in pages and in doc comments', () => {
    const page = 'text\n```ts\nconst a = 1;\n```\n```sh\nnpm test\n```\n```ts run\nconst b = 2;\n```\n';
    expect(examplesOfPage({ file: 'x.md', text: page })).toEqual([
      { at: 'x.md:2', code: 'const a = 1;\n', words: [] },
      { at: 'x.md:8', code: 'const b = 2;\n', words: ['run'] },
    ]);
    const source =
      'code;\n/**\n * Prose.\n *\n * @example\n * ```ts\n * const a = 1;\n *\n * f(a);\n * ```\n */\nmore;';
    expect(examplesOfSource({ file: 'x.ts', text: source })).toEqual([
      { at: 'x.ts:6', code: 'const a = 1;\n\nf(a);\n', words: [] },
    ]);
  });

  it('are compiled: a wrong one is named', () => {
    const example = (code: string) => ({ at: 'x.md:1', words: [], code });
    const good = example(
      `import { CoterieError } from '@coterie/errors';\nconsole.log(await Promise.resolve(CoterieError.name));`,
    );
    expect(exampleFaults([good])).toEqual([]);
    expect(exampleFaults([good, example(`import { Wrong } from '@coterie/errors';\nnew Wrong();`)])).toEqual([
      expect.stringMatching(/^x\.md:1 \(line 1 of the example\) .*Wrong/),
    ]);
  });

  it('compile against the sources', () => {
    const examples = allExamples();
    expect(examples.length).toBeGreaterThan(0);
    expect(exampleFaults(examples)).toEqual([]);
  });

  it('stand beside names that are all documented', () => {
    expect(undocumentedExports()).toEqual([]);
  });
});

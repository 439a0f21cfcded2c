import type { Profiler } from 'node:inspector';
import { describe, expect, it } from 'vitest';
import { stageMicros } from '../src/budget/stage-profile.js';

const dist = 'file:///x/packages/mvcc/dist';
const [ahead, checkpoints] = ['reading ahead', 'checkpoints, history, LevelDB'];

/** The stages of one sample of this stack, the outermost frame first. */
function stages(...urls: string[]): readonly string[] {
  const nodes = ['', ...urls].map((url, i): Profiler.ProfileNode => ({
    id: i + 1,
    callFrame: { functionName: i === 0 ? '(root)' : 'f', scriptId: '0', url, lineNumber: 0, columnNumber: 0 },
    ...(i === urls.length ? {} : { children: [i + 2] }),
  }));
  const last = nodes.length;
  return Object.keys(stageMicros({ nodes, startTime: 0, endTime: 1, samples: [last, last], timeDeltas: [0, 500] }));
}

describe('the stage of a sample', () => {
  it('is of the innermost frame that says', () => {
    expect(stages(`${dist}/state/entry-apply.js`, `${dist}/store/memtable.js`, '')).toEqual(['memtable and cache']);
    expect(stages('node:fs')).toEqual(['Node and the system']);
  });

  it.each(['store/disk-image.js', 'store/classic-ordered-store.js', 'store/record-codec.js'])(
    'is reading ahead for %s below what reads ahead, however far',
    (file) => {
      for (const reader of ['prefetch', 'point-reads']) {
        const above = [`${dist}/store/${reader}.js`, `${dist}/store/disk-image.js`, ''];
        expect(stages(...above, `${dist}/${file}`)).toEqual([ahead]);
      }
      expect(stages(`${dist}/store/checkpoint.js`, `${dist}/${file}`)).toEqual([checkpoints]);
    },
  );

  it('is of the caller for codecs of commands', () => {
    const decoding = [
      `${dist}/command/decode.js`,
      `${dist}/command/request-codec.js`,
      `${dist}/command/byte-reader.js`,
    ];
    expect(stages(`${dist}/state/entry-commands.js`, ...decoding)).toEqual(['apply']);
    expect(stages(`${dist}/session/proposer.js`, ...decoding)).toEqual(['call: checks, session, answer']);
  });
});

import Benchmark from 'benchmark';
import { table, type MicroRow, type SuiteOptions } from '../suite.js';

/** A piece of synchronous work that is measured alone. */
export interface Micro {
  readonly name: string;
  /** How many operations one call is: figures are per operation. */
  readonly operations?: number;
  readonly run: () => unknown;
}

interface Measured extends MicroRow {
  readonly marginPercent: number;
  readonly samples: number;
}

const secondsOf = { quick: 0.5, full: 5 };

/** Runs one after the other with benchmark.js, which repeats each until its mean is known well enough. */
export async function runMicros(
  micros: readonly Micro[],
  { quick, signal, print }: SuiteOptions,
): Promise<{ readonly rows: readonly MicroRow[] }> {
  const figures: Measured[] = [];
  for (const micro of micros) {
    signal.throwIfAborted();
    figures.push(await measure(micro, quick ? secondsOf.quick : secondsOf.full));
  }
  const rows = figures.map((f) => [
    f.case,
    f.usPerOp.toFixed(3),
    Math.round(f.opsPerSec).toLocaleString('en-US'),
    `±${f.marginPercent.toFixed(1)} %`,
    String(f.samples),
  ]);
  print(table([['', 'µs/op', 'op/s', 'margin', 'samples'], ...rows]));
  return { rows: figures };
}

function measure({ name, operations = 1, ...micro }: Micro, maxTime: number): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const benchmark = new Benchmark(name, () => micro.run(), {
      async: true,
      maxTime,
      onError: () => reject(benchmark.error),
      onComplete: () => {
        const perOperation = benchmark.stats.mean / operations;
        resolve({
          case: name,
          system: 'coterie',
          usPerOp: perOperation * 1e6,
          opsPerSec: 1 / perOperation,
          marginPercent: benchmark.stats.rme,
          samples: benchmark.stats.sample.length,
        });
      },
    });
    benchmark.run({ async: true });
  });
}

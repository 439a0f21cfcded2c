import { parseArgs } from 'node:util';

/** What the demo was asked to do. */
export interface DemoArguments {
  /** Leave the cluster up at the end. */
  readonly keep: boolean;
  /** Where the data goes; left out: a fresh folder below the system's temporary one. */
  readonly data?: string;
  readonly help: boolean;
}

/** Shown for `--help` and after a mistake. */
export const usage = `usage: npm run demo -- [--keep] [--data DIR]

  --keep      leave the cluster and its data at the end, and say how to talk to it
  --data DIR  put the data there instead of the temporary folder; it must be empty or new
  --help      this text`;

/** @throws Error for an argument that it does not know */
export function readArguments(args: string[]): DemoArguments {
  const { values } = parseArgs({
    args,
    options: { keep: { type: 'boolean' }, data: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  return {
    keep: values.keep ?? false,
    help: values.help ?? false,
    ...(values.data === undefined ? {} : { data: values.data }),
  };
}

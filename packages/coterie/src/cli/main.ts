#!/usr/bin/env node
import { CoterieError } from '@coterie/errors';
import { parseArgs } from 'node:util';
import { inspectDataDir, recoverCluster } from '../recovery/recover-cluster.js';
import type { DataDirReport } from '../recovery/survey.js';

const usage = `coterie inspect --data-dir DIR
    Shows what the data directory of a peer that is not running holds.

coterie recover --data-dir DIR [--allow-learner] --yes
    Makes the member of this directory a cluster of its own, after the quorum was lost for good.
    Without --yes it only says what it would do. All other data directories of the old cluster
    must be emptied before their peers start again.
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'data-dir': { type: 'string' },
      'allow-learner': { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [command, ...rest] = positionals;
  const dataDir = values['data-dir'];
  const known = command === 'inspect' || command === 'recover';
  if (values.help || !known || rest.length > 0 || dataDir === undefined) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 2;
  }
  const report = await inspectDataDir({ dataDir });
  show(report);
  if (command === 'inspect') return 0;
  return recover(report, dataDir, values['allow-learner'], values.yes);
}

function show(report: DataDirReport): void {
  say(`cluster     ${report.clusterId} (uid ${report.uid})`);
  say(`member      ${report.name} (id ${report.memberId})`);
  say(
    `log         ends at term ${report.lastTerm}, index ${report.lastIndex}; known committed up to ${report.commitIndex}`,
  );
  say(`checkpoint  at index ${report.checkpointIndex}`);
  for (const { name, id, url, voter } of report.members) {
    say(`${voter ? 'voter  ' : 'learner'}     ${name} (id ${id}) ${url}`);
  }
}

async function recover(report: DataDirReport, dataDir: string, allowLearner: boolean, yes: boolean): Promise<number> {
  const others = report.members.filter(({ id }) => id !== report.memberId).map(({ name }) => name);
  say('');
  if (!yes) {
    say(
      `With --yes, '${report.name}' becomes a cluster of its own with everything its log holds, without ${others.join(', ') || 'anybody else'}.`,
    );
    say('Compare "log ends at" of all survivors first, and recover the one with the highest term, then index.');
    return 1;
  }
  const done = await recoverCluster({ dataDir, allowLearner });
  say(`'${report.name}' is now the cluster with uid ${done.uid}, from entry ${done.index} of term ${done.term} on.`);
  say(`Its former log is kept in ${done.formerLog}/ and may be deleted.`);
  if (others.length > 0)
    say(`Empty the data directories of ${others.join(', ')} before starting them: they then join again.`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const known = error instanceof CoterieError;
  process.stderr.write(`${known ? `${error.code}: ${error.message}` : String(error)}\n`);
  process.exitCode = known ? 1 : 2;
}

// The demo: a cluster of three processes under load loses its leader, and nothing else. Prints what it proved; exits 1
// if it could not.
import { readArguments, usage, type DemoArguments } from './arguments.js';
import { makeDataFolder, type DataFolder } from './data-folder.js';
import { DemoCluster } from './demo-cluster.js';
import { freePorts } from './free-ports.js';
import { inFlight, runDemo } from './run-demo.js';
import { describe, howToTalk } from './report.js';

/** Interrupted by a person: cleaned up, then the signal does its work. */
class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Everything has to be over within a minute; what is not is a failure, not a wait. */
const runMsMax = 57_000;

async function main(args: DemoArguments): Promise<number> {
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => interrupted.abort(new Interrupted(signal));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const ports = await freePorts(DemoCluster.names.length);
  const folder = makeDataFolder(args.data);
  const cluster = new DemoCluster(folder.path, ports, inFlight);
  let keepData = false;
  // The last line, for whatever the lines below have not caught.
  const onExit = (): void => {
    cluster.killAll();
    if (!keepData) folder.remove();
  };
  process.on('exit', onExit);
  try {
    const late = AbortSignal.timeout(runMsMax);
    const run = await runDemo(cluster, AbortSignal.any([interrupted.signal, cluster.failed, late]));
    console.log(`\n${describe(run, run.verdict)}\n`);
    for (const fault of run.verdict.faults) console.log(`  FAILED: ${fault}`);
    const holds = run.verdict.faults.length === 0;
    console.log(holds ? 'Everything holds.' : 'This is a bug.');
    keepData = args.keep;
    if (args.keep && holds) await leave(cluster, run.outage.successor, folder);
    return holds ? 0 : 1;
  } catch (error) {
    // Nothing of this run is wanted any more: no hand-over, no last checkpoint.
    cluster.killAll();
    if (error instanceof Interrupted) throw error;
    const why = error instanceof Error && error.name === 'TimeoutError' ? 'it was not over within a minute' : error;
    console.error(
      `\nThe demo failed: ${why instanceof Error ? (why.stack ?? why.message) : String(why)}\n${cluster.logTails()}`,
    );
    keepData = args.keep;
    return 1;
  } finally {
    await cluster.stop();
    process.off('exit', onExit);
    if (!keepData) folder.remove();
    else console.log(`The data stays in ${folder.path}`);
    for (const signal of signals) process.off(signal, onSignal);
  }
}

async function leave(cluster: DemoCluster, leader: string, folder: DataFolder): Promise<void> {
  const pids = cluster.members.map((member) => member.process?.pid).filter((pid) => pid !== undefined);
  await cluster.leaveRunning();
  console.log(`\n${howToTalk(cluster, leader, folder.path, pids)}\n`);
}

try {
  const args = readArguments(process.argv.slice(2));
  if (args.help) console.log(usage);
  else process.exitCode = await main(args);
} catch (error) {
  if (error instanceof Interrupted) {
    console.error(`\n${error.message}: the processes are stopped and the data is removed`);
    process.kill(process.pid, error.signal);
  } else {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
  }
}

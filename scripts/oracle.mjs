// `npm run oracle -- DIR`: published Raft test data against our core.
import { runOracle } from '../packages/raft/oracle/run.mjs';

process.exitCode = runOracle(process.argv.slice(2));

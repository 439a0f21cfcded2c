import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { runNode } from './child.mjs';

const sharedInputs = ['package-lock.json', 'tsconfig.base.json', 'nx.json'];

/** The folders that are built: every workspace with a build script. @param {string} root */
export function projectsOf(root) {
  const packages = fs.readdirSync(path.join(root, 'packages')).map((name) => path.join('packages', name));
  return [...packages, 'benchmarks', 'examples'].filter((dir) => fs.existsSync(path.join(root, dir, 'tsconfig.json')));
}

/** @param {string} root @param {string} dir @returns {string[]} */
function filesBelow(root, dir) {
  if (!fs.existsSync(path.join(root, dir))) return [];
  const entries = fs.readdirSync(path.join(root, dir), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** A hash over the content of all that a build reads. @param {string} root */
function inputsHash(root) {
  const hash = createHash('sha256');
  const inputs = [...sharedInputs];
  for (const dir of projectsOf(root)) {
    inputs.push(
      path.join(dir, 'package.json'),
      path.join(dir, 'tsconfig.json'),
      ...filesBelow(root, path.join(dir, 'src')),
    );
  }
  for (const file of inputs)
    hash
      .update(`${file}\n`)
      .update(fs.readFileSync(path.join(root, file)))
      .update('\n');
  return hash.digest('hex');
}

/**
 * A hash over the names, sizes and times of all that a build leaves: a deleted `dist` or a build by hand is noticed.
 * @param {string} root
 */
function outputsHash(root) {
  const hash = createHash('sha256');
  for (const dir of projectsOf(root)) {
    for (const file of filesBelow(root, path.join(dir, 'dist'))) {
      const { size, mtimeMs } = fs.statSync(path.join(root, file));
      hash.update(`${file} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

/** What nx says of a failed run without the lists of what it would have done. @param {string} line */
const isNews = (line) =>
  !/^\s*$|^- |\[local cache\]$|^ *(NX|Run duration|Cache|Critical path|Recoverable time)\b/.test(line);

/** @param {string} root */
const stampFile = (root) => path.join(root, '.nx', 'coterie-built');

/**
 * Whether the last build read what stands here now, and what it left is still there.
 *
 * nx would find that out as well, but without its daemon it answers a cache hit by deleting `dist` and copying it back,
 * under the feet of a test or a demo that another terminal runs just now.
 *
 * @param {string} root
 */
export function isBuilt(root) {
  const file = stampFile(root);
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === `${inputsHash(root)} ${outputsHash(root)}`;
}

/**
 * Builds all projects in the order of their dependencies, from nx's cache where nothing changed.
 *
 * @param {string} root
 */
export async function build(root) {
  const started = performance.now();
  fs.rmSync(stampFile(root), { force: true });
  // Taken before: a file that is edited while the build runs makes the next run build again.
  const inputs = inputsHash(root);
  const nx = path.join(root, 'node_modules', 'nx', 'dist', 'bin', 'nx.js');
  const args = ['run-many', '-t', 'build', '--parallel=2', '--output-style=static'];
  const env = { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false', FORCE_COLOR: '0', NO_COLOR: '1' };
  const { code, signal, output } = await runNode(nx, args, { cwd: root, capture: true, env });
  if (code !== 0) {
    process.stderr.write(`${output.split('\n').filter(isNews).join('\n')}\n`);
    throw new Error(`the build failed${signal === undefined ? '' : ` (${signal})`}; its output stands above`);
  }
  fs.mkdirSync(path.dirname(stampFile(root)), { recursive: true });
  fs.writeFileSync(stampFile(root), `${inputs} ${outputsHash(root)}`);
  const cache = /Cache:\s*(\d+)\/(\d+) hit/.exec(output);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`built ${projectsOf(root).length} projects in ${seconds} s (${cache?.[1] ?? 0} from the cache)`);
}

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { run, runNode } from './child.mjs';

/** @param {string} root */
const stampFile = (root) => path.join(root, 'node_modules', '.coterie-install');

/** What an install depends on: the lock file, and the platform whose binaries it picked. @param {string} root */
function wantedStamp(root) {
  const lock = fs.readFileSync(path.join(root, 'package-lock.json'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`;
}

/**
 * Whether node_modules holds what the lock file asks for, whoever put it there: a tree made by the developer's own `npm
 * ci` is as good as ours. npm writes its own lock file into node_modules as the last step of an install.
 *
 * @param {string} root
 */
function treeMatchesLock(root) {
  try {
    const read = (/** @type {string} */ file) => JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')).packages;
    const wanted = read('package-lock.json');
    const found = read('node_modules/.package-lock.json');
    return Object.entries(wanted).every(([name, { optional, version, link }]) => {
      if (!name.startsWith('node_modules/') && !name.includes('/node_modules/')) return true;
      if (found[name] === undefined) return optional === true;
      return link === true || found[name].version === version;
    });
  } catch {
    return false;
  }
}

/** @param {string} root */
export function isInstalled(root) {
  const stamp = fs.existsSync(stampFile(root)) ? fs.readFileSync(stampFile(root), 'utf8') : '';
  if (stamp === wantedStamp(root)) return true;
  if (!treeMatchesLock(root)) return false;
  fs.writeFileSync(stampFile(root), wantedStamp(root));
  return true;
}

/** @param {string} output */
function explain(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED/.test(output))
    return 'The npm registry cannot be reached. The first run needs the network (or a filled npm cache) to fetch the locked dependencies; later runs do not.';
  if (/EUSAGE|out of sync|in sync/.test(output))
    return 'package.json and package-lock.json disagree: run `npm install --package-lock-only` and commit the lock file.';
  if (/ENOSPC/.test(output)) return 'The disk is full.';
  return 'npm ci failed; its output stands above.';
}

/**
 * Installs the locked dependencies. Install scripts are off: nothing that we use needs one, and what does not run
 * cannot harm.
 *
 * @param {string} root
 */
export async function install(root) {
  console.error('installing the locked dependencies …');
  const started = performance.now();
  fs.rmSync(stampFile(root), { force: true });
  const args = ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env['npm_execpath'];
  const options = { cwd: root, capture: true };
  const result = npm?.endsWith('.js')
    ? await runNode(npm, args, options)
    : await run('npm', args, { ...options, shell: process.platform === 'win32' });
  if (result.code !== 0) {
    process.stderr.write(result.output);
    throw new Error(explain(result.output));
  }
  fs.writeFileSync(stampFile(root), wantedStamp(root));
  console.error(`installed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

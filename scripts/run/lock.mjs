import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInterrupted } from './child.mjs';

const waitMsMax = 15 * 60_000;
const pollMs = 200;

/** @param {unknown} error */
const codeOf = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;

/** @param {string} text what a lock file holds: host and pid */
function isStale(text) {
  const [host, pid] = text.split(' ');
  // Another host (a container over the same folder) cannot be asked; an empty file is one that is just being written.
  if (host !== os.hostname() || !pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} file @returns {boolean} whether it is ours now */
function tryTake(file) {
  try {
    fs.writeFileSync(file, `${os.hostname()} ${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

/**
 * Removes the lock of a process that died. Two may find it stale at once, and the slower one would remove the quicker
 * one's new lock: so only the holder of a second lock, who looks again, may remove.
 *
 * @param {string} file
 */
function removeIfStale(file) {
  const text = readIfThere(file);
  if (text === undefined || !isStale(text)) return;
  const guard = `${file}.takeover`;
  if (!tryTake(guard)) {
    const age = Date.now() - (fs.statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 10_000) fs.rmSync(guard, { force: true });
    return;
  }
  try {
    if (readIfThere(file) === text) fs.rmSync(file, { force: true });
  } finally {
    fs.rmSync(guard, { force: true });
  }
}

/**
 * Runs `fn` while no other process of this checkout runs one: installs and builds replace files under each other's
 * feet.
 *
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} fn
 * @returns {Promise<T>}
 */
export async function withLock(file, fn) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const until = Date.now() + waitMsMax;
  for (let told = false; !tryTake(file);) {
    throwIfInterrupted();
    if (Date.now() > until) throw new Error(`${file} is held for 15 minutes; if nothing else runs here, delete it`);
    removeIfStale(file);
    if (!told && fs.existsSync(file)) {
      console.error(`waiting for another run in this checkout (${readIfThere(file) ?? 'just ended'})`);
      told = true;
    }
    await sleep(pollMs);
  }
  try {
    return await fn();
  } finally {
    fs.rmSync(file, { force: true });
  }
}

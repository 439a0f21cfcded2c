import { spawn } from 'node:child_process';

/** A signal that came while we worked: unwinds everything, then does to us what it did to the child. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** @type {NodeJS.Signals | undefined} */
let received;

// Ctrl-C goes to the whole process group of a terminal: the child has it already, and a second one means "at once" to
// many programs.
const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);

/** @param {NodeJS.Signals} signal */
function endChildren(signal) {
  received = signal;
  for (const child of running) child.kill(signal);
}

/**
 * npm starts us through a shell, and a shell that is told to end does not tell its child: then our parent is another
 * one all of a sudden. Without npm a parent may leave us on purpose.
 */
function watchParent() {
  const parent = process.ppid;
  const look = () => process.ppid !== parent && received === undefined && endChildren('SIGTERM');
  if (process.env['npm_lifecycle_event'] !== undefined) setInterval(look, 500).unref();
}

/** From here on signals end the children first, and us after them. */
export function passSignalsOn() {
  watchParent();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (signal === 'SIGINT' && onTerminal) received = signal;
      else endChildren(signal);
    });
  }
}

/** @throws Interrupted when a signal came */
export function throwIfInterrupted() {
  if (received !== undefined) throw new Interrupted(received);
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, capture?: boolean, env?: Record<string, string>, shell?: boolean }} options capture: keep the
 *   output instead of showing it
 * @returns {Promise<{ code: number, signal?: NodeJS.Signals, output: string }>}
 * @throws Interrupted when a signal came while it ran
 */
export function run(command, args, { cwd, capture = false, env = {}, shell = false }) {
  throwIfInterrupted();
  return new Promise((resolve, reject) => {
    /** @type {import('node:child_process').StdioOptions} */
    const stdio = capture ? ['ignore', 'pipe', 'pipe'] : 'inherit';
    const child = spawn(command, args, { cwd, stdio, shell, env: { ...process.env, ...env } });
    running.add(child);
    /** @type {Buffer[]} */
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(chunk));
    child.once('error', (error) => {
      running.delete(child);
      reject(error);
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      if (received !== undefined) return reject(new Interrupted(received));
      resolve({ code: code ?? 1, ...(signal ? { signal } : {}), output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}

/**
 * Runs another Node program. @type {(script: string, args: readonly string[], options: Parameters<typeof run>[2]) =>
 * ReturnType<typeof run>}
 */
export const runNode = (script, args, options) => run(process.execPath, [script, ...args], options);

// Three processes over NetTransport: writes, kills one with SIGKILL in the middle, brings it back, and checks that
// nothing that was acknowledged is lost. Exit code 0 if so.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../demo/free-ports.js';
import type { Answer, MemberOptions, Question } from './member.js';

const program = fileURLToPath(new URL('./member.js', import.meta.url));
const names = ['a', 'b', 'c'];
const writes = 300;
/** For the whole run: a hang margin. */
const limitMs = 50_000;

type Asked = { readonly put: readonly [string, string] } | { readonly get: string };

/** A member's process, and the way to ask it. */
class Member {
  readonly #options: MemberOptions;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #child: ChildProcess | undefined;
  #asked = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const child = fork(program, [JSON.stringify(this.#options)]);
    this.#child = child;
    child.on('message', (message) => {
      const answer = message as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    await once(child, 'message');
  }

  ask(asked: Asked): Promise<Answer> {
    const question: Question = { id: ++this.#asked, ...asked };
    return new Promise((resolve) => {
      this.#waiting.set(question.id, resolve);
      this.#child?.send(question, () => undefined);
    });
  }

  async end(signal: 'SIGKILL' | undefined): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = once(child, 'exit');
    if (signal === undefined) child.disconnect();
    else child.kill(signal);
    await ended;
    for (const [id, settle] of this.#waiting) settle({ id, error: 'the process is gone' });
    this.#waiting.clear();
  }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-custom-transport-'));
const ports = await freePorts(names.length);
const peers = Object.fromEntries(names.map((name, i) => [name, `tcp://127.0.0.1:${ports[i]!}`]));
const members = names.map((name) => new Member({ name, dataDir: path.join(folder, name), peers }));
const [victim, ...others] = members as [Member, Member, Member];
const acknowledged = new Map<string, string>();

async function write(member: Member, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const [key, value] = [`key-${i}`, `value ${i}`];
    // Asked again until it is acknowledged: a put of the same value twice is the same.
    for (let answer = await member.ask({ put: [key, value] }); answer.error !== undefined;) {
      await sleep(50);
      answer = await member.ask({ put: [key, value] });
    }
    acknowledged.set(key, value);
  }
}

async function missing(member: Member): Promise<string[]> {
  const found = await Promise.all([...acknowledged.keys()].map((get) => member.ask({ get })));
  return [...acknowledged].flatMap(([key, value], i) => (found[i]?.value === value ? [] : [key]));
}

async function run(): Promise<number> {
  await Promise.all(members.map((member) => member.start()));
  await Promise.all(members.map((member, i) => write(member, i * writes, (i + 1) * writes)));
  const during = Promise.all(others.map((member, i) => write(member, (3 + i) * writes, (4 + i) * writes)));
  await victim.end('SIGKILL');
  await during;
  await victim.start();
  await write(victim, 5 * writes, 5 * writes + 10);
  const lost = (await Promise.all(members.map(missing))).flat();
  console.log(`${acknowledged.size} puts acknowledged over node:net, one member killed: ${lost.length} lost`);
  return lost.length === 0 ? 0 : 1;
}

const limit = new AbortController();
try {
  const late = sleep(limitMs, undefined, { signal: limit.signal }).then(() => Promise.reject(new Error('it hangs')));
  process.exitCode = await Promise.race([run(), late]);
} finally {
  limit.abort();
  await Promise.all(members.map((member) => member.end('SIGKILL')));
  fs.rmSync(folder, { recursive: true, force: true });
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../free-ports.js';
import type { MemberOptions, MemberReply, MemberRequest, MemberStatus } from './member-messages.js';

const memberFile = fileURLToPath(new URL('./member.js', import.meta.url));
const readyMsMax = 20_000;
const closeMsMax = 8_000;

/** One member process and the calls to it. */
export class BenchMember {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #nextId = 1;
  #ended = false;
  /** Resolves when the peer is open. */
  readonly opened: Promise<void>;

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.#child = spawn(process.execPath, [memberFile, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.opened = new Promise((resolve, reject) => {
      this.#child.once('message', () => resolve());
      this.#child.once('exit', () => reject(new Error(`${this.name} could not open its peer`)));
    });
    this.#child.on('message', (message: MemberReply | 'open') => {
      if (message === 'open') return;
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if ('error' in message) call?.reject(new Error(`${this.name}: ${message.error}`));
      else call?.resolve(message.result);
    });
    this.#child.once('exit', (code, signal) => {
      this.#ended = true;
      for (const call of this.#calls.values()) call.reject(new Error(`${this.name} ended (${signal ?? code ?? ''})`));
    });
  }

  /** @throws when the process has ended */
  call<T>(request: MemberRequest): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(new Error(`${this.name} has ended`));
        return;
      }
      const id = this.#nextId++;
      this.#calls.set(id, { resolve: resolve, reject });
      this.#child.send({ id, request });
    });
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#child, 'exit');
    await Promise.race([
      this.call({ type: 'close' }).catch(() => undefined),
      sleep(closeMsMax, undefined, { ref: false }),
    ]);
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Three processes on the loopback interface, each with its own data directory. */
export class BenchCluster {
  readonly members: readonly BenchMember[];

  private constructor(members: readonly BenchMember[]) {
    this.members = members;
  }

  static async start(folder: string): Promise<BenchCluster> {
    const names = ['a', 'b', 'c'];
    const ports = await freePorts(names.length);
    const peers = Object.fromEntries(names.map((name, i) => [name, `ws://127.0.0.1:${ports[i]!}`]));
    const options = names.map((name, i) => ({ name, port: ports[i]!, dataDir: path.join(folder, name), peers }));
    const cluster = new BenchCluster(options.map((each) => new BenchMember(each)));
    try {
      await Promise.all(cluster.members.map((member) => member.opened));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** The leader that all agree on. */
  async leader(signal: AbortSignal): Promise<BenchMember> {
    const until = performance.now() + readyMsMax;
    for (;;) {
      const all = await Promise.all(this.members.map((member) => member.call<MemberStatus>({ type: 'status' })));
      const name = all[0]?.leader;
      if (name !== undefined && all.every((status) => status.ready && status.leader === name)) {
        return this.members.find((member) => member.name === name)!;
      }
      if (performance.now() > until) throw new Error(`no leader within ${readyMsMax} ms: ${JSON.stringify(all)}`);
      await sleep(50, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }
}

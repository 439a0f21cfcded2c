import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ServiceClient } from './service-client.js';
import { keepMessage, peerPath, type ServiceOptions, type ServiceStatus } from './service-contract.js';

/** One of the three: its process comes and goes, its name, port and data stay. */
export interface Member {
  readonly name: string;
  readonly client: ServiceClient;
  readonly options: ServiceOptions;
  readonly logFile: string;
  process: ChildProcess | undefined;
}

const serviceFile = fileURLToPath(new URL('./service.js', import.meta.url));
const pollMs = 20;
/** An orderly close takes at most closeTimeoutMs of the peer, 5 s. */
const stopMsMax = 7_000;

/**
 * The three processes. Each is in a process group of its own, so that Ctrl-C in the terminal reaches the demo alone,
 * which then ends them in order; should the demo itself be killed, the services see their channel to it close, and end.
 */
export class DemoCluster {
  static readonly names = ['a', 'b', 'c'] as const;
  readonly members: readonly Member[];
  readonly #failed = new AbortController();
  #stopping = false;

  /** @param connectionsMax of the demo to each service */
  constructor(folder: string, ports: readonly number[], connectionsMax: number) {
    const { names } = DemoCluster;
    const peers = Object.fromEntries(names.map((name, i) => [name, `ws://127.0.0.1:${ports[i]!}${peerPath}`]));
    this.members = names.map((name, i): Member => {
      const port = ports[i]!;
      const options = { name, port, dataDir: path.join(folder, name), cluster: 'demo', peers };
      const client = new ServiceClient(name, port, connectionsMax);
      return { name, client, options, logFile: path.join(folder, `${name}.log`), process: undefined };
    });
  }

  /** Fires, with the reason, when a service ends that nobody ended. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get(name: string): Member {
    const member = this.members.find((m) => m.name === name);
    if (member === undefined) throw new Error(`there is no member '${name}'`);
    return member;
  }

  /** Resolves when the service listens. */
  async start(member: Member): Promise<void> {
    const log = fs.openSync(member.logFile, 'a');
    const child = spawn(process.execPath, [serviceFile, JSON.stringify(member.options)], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    fs.closeSync(log);
    member.process = child;
    child.once('exit', (code, signal) => {
      if (member.process === child) member.process = undefined;
      else return;
      if (!this.#stopping) this.#failed.abort(new Error(`${member.name} ended by itself (${signal ?? code ?? ''})`));
    });
    try {
      await once(child, 'message', { signal: this.failed });
    } catch (error) {
      throw this.failed.aborted ? this.failed.reason : error;
    }
  }

  /** SIGKILL: no hand-over, no last sync, nothing. */
  async kill(member: Member): Promise<void> {
    const child = member.process;
    if (child === undefined) throw new Error(`${member.name} does not run`);
    member.process = undefined;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Polls until `found` gives something. */
  async until<T>(found: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const result = await found();
      if (result !== undefined) return result;
      await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** The status of those that answer. */
  async statuses(members: readonly Member[] = this.members): Promise<ServiceStatus[]> {
    const answers = await Promise.all(members.map((member) => member.client.status()));
    return answers.filter((status) => status !== undefined);
  }

  /** Orderly first; whoever does not end in time is killed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const children = this.members.map((member) => member.process).filter((child) => child !== undefined);
    const ended = Promise.all(
      children.filter((c) => c.exitCode === null && c.signalCode === null).map((c) => once(c, 'exit')),
    );
    for (const child of children) child.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([ended, sleep(stopMsMax, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    this.killAll();
    await ended;
    for (const member of this.members) member.client.close();
  }

  /** At once and synchronous, for an exit handler. */
  killAll(): void {
    this.#stopping = true;
    for (const member of this.members) member.process?.kill('SIGKILL');
  }

  /** Lets go of the processes: they stay when the demo ends. */
  async leaveRunning(): Promise<void> {
    this.#stopping = true;
    for (const member of this.members) {
      const child = member.process;
      if (child === undefined) continue;
      await new Promise<void>((resolve, reject) => {
        child.send(keepMessage, (error) => (error === null ? resolve() : reject(error)));
      });
      child.disconnect();
      child.unref();
      member.process = undefined;
      member.client.close();
    }
  }

  /** What the services wrote last, to explain a failure. */
  logTails(): string {
    return this.members
      .filter((member) => fs.existsSync(member.logFile) && fs.statSync(member.logFile).size > 0)
      .map((member) => `--- ${member.name}\n${fs.readFileSync(member.logFile, 'utf8').slice(-4000).trimEnd()}`)
      .join('\n');
  }
}

import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../free-ports.js';
import type { Mark, WorkerStatus } from '../load/worker-messages.js';
import { startWorkers, Worker } from '../load/worker.js';
import type { CoterieMemberOptions } from './coterie-member.js';
import type { RunningSystem, System, SystemMark, SystemOptions } from './system.js';

const memberModule = new URL('./coterie-member.js', import.meta.url);
const readyMsMax = 20_000;
const names = ['a', 'b', 'c'];

/** Coterie: three processes of an application, the clients inside them. */
export const coterie: System = {
  name: 'coterie',
  members: names.length,
  unavailable: () => undefined,
  start: (options) => CoterieCluster.start(options),
};

class CoterieCluster implements RunningSystem {
  readonly #members: readonly Worker[];
  readonly #signal: AbortSignal;
  #leader: Worker;

  private constructor(members: readonly Worker[], signal: AbortSignal) {
    this.#members = members;
    this.#leader = members[0]!;
    this.#signal = signal;
  }

  static async start({ folder, signal }: SystemOptions): Promise<CoterieCluster> {
    const ports = await freePorts(names.length);
    const peers = Object.fromEntries(names.map((name, i) => [name, `ws://127.0.0.1:${ports[i]!}`]));
    const workers = names.map((name, i) => {
      const options: CoterieMemberOptions = { name, port: ports[i]!, dataDir: path.join(folder, name), peers };
      return new Worker(name, memberModule, options);
    });
    return new CoterieCluster(await startWorkers(workers), signal);
  }

  async loaders(): Promise<readonly Worker[]> {
    this.#leader = await this.#agreedLeader();
    return [this.#leader, ...this.#members.filter((member) => member !== this.#leader)];
  }

  async mark(): Promise<SystemMark> {
    const leader = this.#leader;
    if ((await this.#agreedLeader()) !== leader) throw new Error('the leader changed while it was measured');
    const loaders = await Promise.all((await this.loaders()).map((member) => member.call<Mark>({ type: 'mark' })));
    return {
      loaders,
      leader: loaders[0]!,
      cpuMicros: loaders.reduce((sum, mark) => sum + mark.cpuMicros, 0),
      checkpoints: Math.min(...loaders.map(({ counts }) => counts.checkpoints ?? 0)),
      rssBytes: Math.max(...loaders.map((mark) => mark.rssBytes)),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
  }

  async #agreedLeader(): Promise<Worker> {
    const until = performance.now() + readyMsMax;
    for (;;) {
      const all = await Promise.all(this.#members.map((member) => member.call<WorkerStatus>({ type: 'status' })));
      const name = all[0]?.leader;
      if (name !== undefined && all.every((status) => status.ready && status.leader === name)) {
        return this.#members.find((member) => member.name === name)!;
      }
      if (performance.now() > until) throw new Error(`no leader within ${readyMsMax} ms: ${JSON.stringify(all)}`);
      await sleep(50, undefined, { signal: this.#signal });
    }
  }
}

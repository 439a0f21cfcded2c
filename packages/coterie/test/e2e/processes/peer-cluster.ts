import type { PeerDiagnostics, PeerOptions, PeerStatus } from 'coterie';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePorts } from './free-ports.js';
import { PeerProcess } from './peer-process.js';
import { until } from './until.js';

type Settings = Partial<Pick<PeerOptions, 'electionTimeoutMs' | 'requestTimeoutMs' | 'closeTimeoutMs'>>;

/**
 * The peers of one static list, each in a process of its own, which comes and goes while its data and its port stay.
 */
export class PeerCluster implements AsyncDisposable {
  readonly names: readonly string[];
  readonly folder: string;
  readonly #options: ReadonlyMap<string, PeerOptions>;
  readonly #processes = new Map<string, PeerProcess>();

  private constructor(names: readonly string[], ports: readonly number[], settings: Settings) {
    this.names = names;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-e2e-'));
    const peers = Object.fromEntries(names.map((name, i) => [name, `ws://127.0.0.1:${ports[i]!}`]));
    this.#options = new Map(
      names.map((name, i) => {
        const listen = { port: ports[i]!, host: '127.0.0.1' };
        return [name, { ...settings, name, dataDir: this.dataDir(name), listen, cluster: { id: 'e2e', peers } }];
      }),
    );
  }

  /** Elections in half a second: quick, and with room for a machine that is busy with other tests. */
  static async of(names: readonly string[], settings: Settings = {}): Promise<PeerCluster> {
    return new PeerCluster(names, await freePorts(names.length), { electionTimeoutMs: 500, ...settings });
  }

  dataDir(name: string): string {
    return path.join(this.folder, name);
  }

  options(name: string): PeerOptions {
    return this.#options.get(name)!;
  }

  /** The running ones. */
  get running(): ReadonlyMap<string, PeerProcess> {
    return this.#processes;
  }

  at(name: string): PeerProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`${name} does not run`);
    return process;
  }

  /** Resolves when the peer is open. A peer that is killed meanwhile rejects. */
  async start(name: string): Promise<PeerProcess> {
    const process = new PeerProcess();
    this.#processes.set(name, process);
    await process.call('open', this.options(name));
    return process;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.start(name)));
  }

  /** Starts all and waits until each can serve. */
  async startReady(): Promise<this> {
    await this.startAll();
    await this.ready();
    return this;
  }

  async ready(names: readonly string[] = this.names): Promise<void> {
    await Promise.all(names.map((name) => this.at(name).call('ready', { timeoutMs: 30_000 })));
  }

  async kill(name: string): Promise<void> {
    const process = this.at(name);
    this.#processes.delete(name);
    await process.kill();
  }

  /** An orderly close; the peer's process is given back. */
  async close(name: string): ReturnType<PeerProcess['close']> {
    const process = this.at(name);
    this.#processes.delete(name);
    return process.close();
  }

  /** The data of a peer that does not run is gone, as from a new disk. */
  wipe(name: string): void {
    if (this.#processes.has(name)) throw new Error(`${name} still runs`);
    fs.rmSync(this.dataDir(name), { recursive: true, force: true });
  }

  status(name: string): Promise<PeerStatus> {
    return this.at(name).call<PeerStatus>('status');
  }

  /** The name of the peer that leads, seen by itself, in the latest term. */
  leader(): Promise<string> {
    return until('a leader', async () => {
      const all = await Promise.all(
        [...this.#processes.keys()].map((name) => this.status(name).catch(() => undefined)),
      );
      const known = all.filter((status) => status !== undefined).sort((a, b) => b.term - a.term);
      const leader = known.find((status) => status.role === 'leader');
      return leader !== undefined && leader.term === known[0]?.term ? leader.name : undefined;
    });
  }

  /** The state hashes of all running peers, once they stand at one index. Nobody may be writing. */
  equalIndex(): Promise<ReadonlyMap<string, PeerDiagnostics['stateHash']>> {
    return until('all peers at one index', async () => {
      const found = new Map<string, PeerDiagnostics['stateHash']>();
      for (const [name, process] of this.#processes) {
        found.set(name, (await process.call<PeerDiagnostics>('diagnostics')).stateHash);
      }
      return new Set([...found.values()].map(({ index }) => index)).size === 1 ? found : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.kill()));
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

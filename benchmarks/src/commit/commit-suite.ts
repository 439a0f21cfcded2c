import fs from 'node:fs';
import path from 'node:path';
import { measureDiskSync } from '../disk-sync.js';
import { medianRow, printRows, type Row } from '../row.js';
import type { Suite, SuiteOptions } from '../suite.js';
import { coterie } from '../systems/coterie.js';
import { etcd } from '../systems/etcd.js';
import { goBenchmark, measureGo } from '../systems/etcd-go.js';
import { floor } from '../systems/floor.js';
import type { System } from '../systems/system.js';
import { measureRow, settled, type Cell, type Pace } from './measure-row.js';
import { printRatios } from './ratios.js';

const clientCounts = [1, 64, 1000] as const;
const keys = 100_000;
const manyKeys = 1_000_000;
const fewKeys = 1_000;
const valueBytes = 256;
const systems: readonly System[] = [coterie, floor, etcd];
/** Of what the closed loops reached: an open loop at that rate is a busy and not a saturated system. */
const openShare = 0.7;
const openClientsMax = 10_000;
const burnJobs = 8;

const fullPace: Pace = { warmUpMs: 3_000, minMs: 20_000, minCheckpoints: 3, maxMs: 90_000 };
const quickPace: Pace = { warmUpMs: 1_000, minMs: 5_000, minCheckpoints: 1, maxMs: 20_000 };

/**
 * Puts per second and their latency as an application sees them: three processes on one machine, every put synced by a
 * majority before it is acknowledged; beside them, in the same run, what the machine allows and what etcd does.
 */
export const commitSuite: Suite = {
  summary: 'puts on three processes, beside the floor of this machine and etcd',
  async run(options) {
    const run = new CommitRun(options);
    const disk = measureDiskSync(options.folder, options.quick ? 500 : 2_000);
    options.print(
      `a write of 512 bytes and its fdatasync: p50 ${(disk.p50Ms * 1000).toFixed(0)} µs, p99 ${(disk.p99Ms * 1000).toFixed(0)} µs`,
    );
    for (const clients of options.clients ?? clientCounts) await run.mainRows(clients);
    await run.batchedFloor();
    await run.spread();
    await run.existingKeys();
    await run.openLoop();
    await run.sharedPool();
    const { rows } = run;
    options.print(printRows(rows));
    options.print(printRatios(rows));
    return { keys, valueBytes, disk, rows };
  },
};

class CommitRun {
  readonly rows: Row[] = [];
  readonly #options: SuiteOptions;
  readonly #pace: Pace;
  #folders = 0;

  constructor(options: SuiteOptions) {
    this.#options = options;
    this.#pace = options.quick ? quickPace : fullPace;
  }

  /** The systems one after the other, and that several times: what is compared lies close together in time. */
  async mainRows(clients: number): Promise<void> {
    if (!this.#wanted('put')) return;
    const cell: Cell = { case: 'put', clients, keys, valueBytes };
    const found = new Map<string, Row[]>();
    for (let i = 0; i < this.#options.repeat; i++) {
      for (const system of systems) {
        if (!this.#available(system)) continue;
        const row = await this.#measure(system, [cell]);
        found.set(system.name, [...(found.get(system.name) ?? []), ...row]);
      }
    }
    for (const rows of found.values()) this.rows.push(medianRow(rows));
    await this.#go(cell);
  }

  /** The floor with as many puts to a sync as coterie had. */
  async batchedFloor(): Promise<void> {
    if (!this.#wanted('put') || !this.#available(floor)) return;
    for (const { clients, opsPerSync = 1 } of this.rows.filter(({ system }) => system === coterie.name)) {
      if (clients === 1) continue;
      const batch = Math.max(1, Math.round(opsPerSync));
      const rows = await this.#measure(floor, [{ case: `put-batch-of-${clients}`, clients: batch, keys, valueBytes }]);
      this.rows.push(...rows);
    }
  }

  async spread(): Promise<void> {
    if (!this.#wanted('put-spread')) return;
    for (const clients of clientCounts.slice(1)) {
      for (const system of [coterie, etcd]) {
        if (!this.#available(system)) continue;
        const cell = { case: 'put-spread', clients, keys, valueBytes, spread: true };
        this.rows.push(...(await this.#measure(system, [cell])));
      }
    }
  }

  /** The same load on few and on many existing keys. */
  async existingKeys(): Promise<void> {
    if (!this.#wanted('put-existing') || !this.#available(coterie)) return;
    for (const existing of [fewKeys, manyKeys]) {
      const cells = [1, 64].map((clients): Cell => ({ case: 'put-existing', clients, keys: existing, valueBytes }));
      this.rows.push(...(await this.#measure(coterie, cells, existing)));
    }
  }

  async openLoop(): Promise<void> {
    const closed = this.#row('put', 1000);
    if (!this.#wanted('put-open') || closed === undefined) return;
    const perSecond = Math.round(closed.opsPerSec * openShare);
    const cell = { case: 'put-open', clients: openClientsMax, keys, valueBytes, perSecond };
    this.rows.push(...(await this.#measure(coterie, [cell])));
  }

  /** Beside an application that derives passwords, which occupies the shared pool of threads. */
  async sharedPool(): Promise<void> {
    if (!this.#wanted('put-pool') || !this.#available(coterie)) return;
    const cell = { case: 'put-pool', clients: 64, keys, valueBytes };
    const burning = { ...cell, case: 'put-pool-busy', burn: burnJobs };
    this.rows.push(...(await this.#measure(coterie, [cell, burning])));
  }

  async #go({ clients }: Cell): Promise<void> {
    const program = goBenchmark();
    const wanted = this.#options.systems?.has('etcd-go') ?? true;
    if (program === undefined || !wanted) {
      if (clients === 1 && wanted) this.#options.print('no etcd-go rows: ETCD_BENCHMARK_BIN names no program');
      return;
    }
    const seconds = (this.#options.quick ? quickPace : fullPace).minMs / 1000;
    // About as long as the others, by what etcd did through the other client.
    const puts = Math.max(1000, Math.round((this.#row('put', clients, etcd.name)?.opsPerSec ?? 500) * seconds));
    this.rows.push(
      await this.#inFolder((folder) =>
        measureGo(program, { clients, keys, valueBytes, puts }, { folder, signal: this.#options.signal }),
      ),
    );
  }

  #row(name: string, clients: number, system = coterie.name): Row | undefined {
    return this.rows.find((row) => row.case === name && row.clients === clients && row.system === system);
  }

  #wanted(name: string): boolean {
    return this.#options.cases?.has(name) ?? true;
  }

  #available(system: System): boolean {
    if (this.#options.systems?.has(system.name) === false) return false;
    const why = system.unavailable();
    if (why !== undefined && this.rows.length === 0) this.#options.print(`no ${system.name} rows: ${why}`);
    return why === undefined;
  }

  async #measure(system: System, cells: readonly Cell[], existing = 0): Promise<readonly Row[]> {
    const { signal, print } = this.#options;
    return this.#inFolder(async (folder) => {
      const running = await system.start({ folder, signal });
      try {
        if (existing > 0) {
          const loaders = await running.loaders();
          await loaders[0]!.call({ type: 'fill', fill: { keys: existing, valueBytes } });
          await settled(loaders, signal);
        }
        const rows: Row[] = [];
        for (const cell of cells) {
          const row = await measureRow(system, running, cell, this.#pace, signal);
          rows.push(row);
          print(
            `  ${row.case}, ${row.system}, ${row.clients} clients, ${row.keys} keys: ${Math.round(row.opsPerSec)} op/s, ` +
              `p50 ${row.p50Us} µs, p99 ${row.p99Us} µs (${row.seconds.toFixed(0)} s)`,
          );
        }
        return rows;
      } finally {
        await running.close();
      }
    });
  }

  async #inFolder<T>(act: (folder: string) => Promise<T>): Promise<T> {
    const folder = path.join(this.#options.folder, String(++this.#folders));
    fs.mkdirSync(folder);
    try {
      return await act(folder);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }
}

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
const goSystem = 'etcd-go';
const cases = ['put', 'put-spread', 'put-existing', 'put-open', 'put-pool'] as const;
type Case = (typeof cases)[number];
/** The closed loops whose rate the open loop goes by. */
const closedClients = 1000;
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
  cases,
  systems: [...systems.map(({ name }) => name), goSystem],
  async run(options) {
    const run = new CommitRun(options);
    const disk = measureDiskSync(options.folder, options.quick ? 500 : 2_000);
    options.print(
      `a write of 512 bytes and its fdatasync: p50 ${(disk.p50Ms * 1000).toFixed(0)} µs, p99 ${(disk.p99Ms * 1000).toFixed(0)} µs`,
    );
    const { rows } = run;
    try {
      for (const clients of options.clients ?? clientCounts) await run.mainRows(clients);
      await run.batchedFloor();
      await run.spread();
      await run.existingKeys();
      await run.openLoop();
      await run.sharedPool();
    } finally {
      // Also before an error: what was measured for an hour is not lost with the row that failed.
      for (const text of rows.length === 0 ? [] : [printRows(rows), printRatios(rows)]) options.print(text);
    }
    return { keys, valueBytes, disk, rows };
  },
};

class CommitRun {
  readonly rows: Row[] = [];
  readonly #options: SuiteOptions;
  readonly #pace: Pace;
  readonly #unavailable = new Map<System, string | undefined>();
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
    const there = systems.filter((system) => this.#available(system));
    try {
      for (let i = 0; i < this.#options.repeat; i++) {
        for (const system of there) {
          const rows = found.get(system.name) ?? [];
          found.set(system.name, rows);
          await this.#measure(system, [cell], rows);
        }
      }
    } finally {
      for (const rows of found.values()) if (rows.length > 0) this.rows.push(medianRow(rows));
    }
    await this.#go(cell);
  }

  /** The floor with as many puts to a sync as coterie had. */
  async batchedFloor(): Promise<void> {
    if (!this.#wanted('put') || !this.#available(floor)) return;
    const ofCoterie = this.rows.filter(({ system }) => system === coterie.name);
    if (ofCoterie.length === 0) this.#without('put-batch-of-N', `the row put of ${coterie.name}`);
    for (const { clients, opsPerSync = 1 } of ofCoterie) {
      if (clients === 1) continue;
      const batch = Math.max(1, Math.round(opsPerSync));
      await this.#measure(floor, [{ case: `put-batch-of-${clients}`, clients: batch, keys, valueBytes }]);
    }
  }

  async spread(): Promise<void> {
    if (!this.#wanted('put-spread')) return;
    const there = [coterie, etcd].filter((system) => this.#available(system));
    if (there.length === 0) this.#without('put-spread', `${coterie.name} or ${etcd.name}`);
    for (const clients of clientCounts.slice(1)) {
      for (const system of there) {
        await this.#measure(system, [{ case: 'put-spread', clients, keys, valueBytes, spread: true }]);
      }
    }
  }

  /** The same load on few and on many existing keys. */
  async existingKeys(): Promise<void> {
    if (!this.#wantedOfCoterie('put-existing')) return;
    for (const existing of [fewKeys, manyKeys]) {
      const cells = [1, 64].map((clients): Cell => ({ case: 'put-existing', clients, keys: existing, valueBytes }));
      await this.#measure(coterie, cells, this.rows, existing);
    }
  }

  async openLoop(): Promise<void> {
    if (!this.#wantedOfCoterie('put-open')) return;
    const closed = this.#row('put', closedClients);
    if (closed === undefined) {
      this.#without('put-open', `the row put of ${closedClients} clients, of whose rate it takes ${openShare * 100} %`);
      return;
    }
    const perSecond = Math.round(closed.opsPerSec * openShare);
    await this.#measure(coterie, [{ case: 'put-open', clients: openClientsMax, keys, valueBytes, perSecond }]);
  }

  /** Beside an application that derives passwords, which occupies the shared pool of threads. */
  async sharedPool(): Promise<void> {
    if (!this.#wantedOfCoterie('put-pool')) return;
    const cell = { case: 'put-pool', clients: 64, keys, valueBytes };
    const burning = { ...cell, case: 'put-pool-busy', burn: burnJobs };
    await this.#measure(coterie, [cell, burning]);
  }

  async #go({ clients }: Cell): Promise<void> {
    const program = goBenchmark();
    const wanted = this.#options.systems?.has(goSystem) ?? true;
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

  #wanted(name: Case): boolean {
    return this.#options.cases?.has(name) ?? true;
  }

  #wantedOfCoterie(name: Case): boolean {
    if (!this.#wanted(name)) return false;
    const there = this.#available(coterie);
    if (!there) this.#without(name, coterie.name);
    return there;
  }

  /** Says why a case that was asked for has no rows. */
  #without(name: string, needed: string): void {
    this.#options.print(`no ${name} rows, which need what is not measured in this run: ${needed}`);
  }

  #available(system: System): boolean {
    if (this.#options.systems?.has(system.name) === false) return false;
    if (!this.#unavailable.has(system)) {
      const why = system.unavailable();
      this.#unavailable.set(system, why);
      if (why !== undefined) this.#options.print(`no ${system.name} rows: ${why}`);
    }
    return this.#unavailable.get(system) === undefined;
  }

  /** Measures the cells one after the other on one start of a system; each row is in `rows` as soon as it is there. */
  async #measure(system: System, cells: readonly Cell[], rows: Row[] = this.rows, existing = 0): Promise<void> {
    const { signal, print } = this.#options;
    await this.#inFolder(async (folder) => {
      const running = await system.start({ folder, signal });
      try {
        if (existing > 0) {
          const loaders = await running.loaders();
          await loaders[0]!.call({ type: 'fill', fill: { keys: existing, valueBytes } });
          await settled(loaders, signal);
        }
        for (const cell of cells) {
          const row = await measureRow(system, running, cell, this.#pace, signal);
          rows.push(row);
          print(
            `  ${row.case}, ${row.system}, ${row.clients} clients, ${row.keys} keys: ${Math.round(row.opsPerSec)} op/s, ` +
              `p50 ${row.p50Us} µs, p99 ${row.p99Us} µs (${row.seconds.toFixed(0)} s)`,
          );
        }
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

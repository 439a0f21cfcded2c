import { StageProfile } from './stage-profile.js';
import { mainThread, type ThreadTimes } from './thread-times.js';

/**
 * What a process spent its processor time on, in µs: the event loop by stage, every other kind of thread as a whole.
 */
export type Spent = Readonly<Record<string, number>>;

/** Takes one process's share of a budget. */
export class Budget {
  readonly #times: ThreadTimes;
  #profile = new StageProfile();
  #before: ReturnType<ThreadTimes['read']> = new Map();

  constructor(times: ThreadTimes) {
    this.#times = times;
  }

  async start(): Promise<void> {
    this.#profile = new StageProfile();
    await this.#profile.start();
    this.#before = this.#times.read();
  }

  async stop(): Promise<Spent> {
    const after = this.#times.read();
    const stages = await this.#profile.stop();
    const sampled = Object.values(stages).reduce((sum, micros) => sum + micros, 0);
    const spent: Record<string, number> = {};
    for (const [kind, micros] of after) {
      const used = micros - (this.#before.get(kind) ?? 0);
      if (kind !== mainThread) spent[kind] = used;
      // Samples tell where the loop was, the kernel for how long it had a processor.
      else for (const [stage, part] of Object.entries(stages)) spent[stage] = (used * part) / Math.max(1, sampled);
    }
    return spent;
  }
}

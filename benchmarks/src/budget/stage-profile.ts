import { Session, type Profiler } from 'node:inspector/promises';
import { stageOf, stageOfStack, stageWithoutStack } from './stages.js';

const samplingMicros = 500;

/** Samples the thread of JavaScript it is started on, and tells how long that thread was in each stage. */
export class StageProfile {
  readonly #session = new Session();

  async start(): Promise<void> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.setSamplingInterval', { interval: samplingMicros });
    await this.#session.post('Profiler.start');
  }

  /** @returns µs by stage, as V8's samples have them: of time, so with what the thread waited for a processor */
  async stop(): Promise<Readonly<Record<string, number>>> {
    const { profile } = await this.#session.post('Profiler.stop');
    this.#session.disconnect();
    return stageMicros(profile);
  }
}

/** The time of a profile's samples by stage, in µs. */
export function stageMicros({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Record<string, number> {
  const parents = new Map<number, Profiler.ProfileNode>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  const stages = new Map(nodes.map((node) => [node.id, stageOfNode(node, parents)]));
  const micros: Record<string, number> = {};
  samples.forEach((id, i) => {
    const stage = stages.get(id);
    // A sample stands for the time until the next one.
    if (stage !== undefined) micros[stage] = (micros[stage] ?? 0) + (timeDeltas[i + 1] ?? 0);
  });
  return micros;
}

function stageOfNode(
  leaf: Profiler.ProfileNode,
  parents: ReadonlyMap<number, Profiler.ProfileNode>,
): string | undefined {
  const frames: string[] = [];
  for (let node: Profiler.ProfileNode | undefined = leaf; node !== undefined; node = parents.get(node.id)) {
    const stage = stageOf(node.callFrame.url);
    if (stage !== undefined) frames.push(stage);
  }
  return stageOfStack(frames) ?? stageWithoutStack(leaf.callFrame.functionName);
}

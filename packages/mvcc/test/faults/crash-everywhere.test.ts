import { beforeAll, expect, test } from 'vitest';
import { CoterieError } from '@coterie/errors';
import type { DiskStrike } from '../../src/files/sim-strike.js';
import { seeded } from '../store/fixture.js';
import { Hardware, type Crash, type Loss, type Moment } from './hardware.js';
import { Member, Promised } from './member.js';
import { record, type Recording } from './recording.js';

/** `COTERIE_FAULTS=all`: every call, each in every way, instead of a share that another seed draws each time. */
const all = process.env['COTERIE_FAULTS'] === 'all';
const seed = Number(process.env['COTERIE_FAULTS_SEED'] ?? Date.now() % 1_000_000);
const hangMs = 1_800_000;
/** Shown of one kind. */
const failuresMax = 5;

const order = 5;
const length = 72;
let recording: Recording;
/** Calls of ports, and completions, of a life that nothing happens to. */
let calls = 0;
let completions = 0;

beforeAll(async () => {
  recording = await record(3, length, [20, 50]);
  const hardware = new Hardware(order, 1);
  await live(hardware, new Promised());
  calls = hardware.calls;
  completions = hardware.completions;
});

type Ending = 'end' | 'died' | 'stopped';

/** Lives until the recording is through, the process is struck, or it stops by itself with a documented error. */
async function live(
  hardware: Hardware,
  promised: Promised,
  errors: readonly string[] = [],
  faults: () => number = () => 0,
): Promise<Ending> {
  const life = hardware.boot();
  const member = new Member(life, recording, promised);
  try {
    await member.open();
    await member.run();
    await member.checkEnd();
    await member.close();
  } catch (error) {
    // Whatever a struck process stumbles over, nobody sees.
    if (life.dead) return 'died';
    const told = member.failures[0] ?? error;
    if (faults() > 0 && told instanceof CoterieError && errors.includes(told.code)) return 'stopped';
    throw told;
  }
  return life.dead ? 'died' : 'end';
}

/** What it did after it came up again is as durable as all before. */
async function goesOn(hardware: Hardware, promised: Promised): Promise<void> {
  expect(await live(hardware, promised)).toBe('end');
  hardware.strike('power');
  expect(await live(hardware, promised)).toBe('end');
}

/** A life that is struck, perhaps a second one that is struck as it opens, and one that goes on to the end. */
async function crash(chance: number, first: Crash, second?: Crash): Promise<Ending> {
  const hardware = new Hardware(order, chance);
  const promised = new Promised();
  hardware.crashAt(first);
  const ending = await live(hardware, promised);
  if (second !== undefined) {
    hardware.crashAt(second);
    await live(hardware, promised);
    hardware.spare();
  }
  await goesOn(hardware, promised);
  return ending;
}

async function fault(chance: number, call: number, strike: DiskStrike, loss: Loss): Promise<Ending> {
  const hardware = new Hardware(order, chance);
  const promised = new Promised();
  hardware.strikeAt(call, strike);
  const errors = strike.kind === 'error' ? ['ERR_STORAGE', 'ERR_NO_SPACE'] : ['ERR_CORRUPT', 'ERR_STORAGE'];
  const ending = await live(hardware, promised, errors, () => 1);
  hardware.strike(loss);
  await goesOn(hardware, promised);
  return ending;
}

interface Job {
  readonly name: string;
  readonly run: () => Promise<Ending>;
}

/** Some of the jobs that `at` makes for each number up to `count`, or all of them. */
async function each(
  count: number,
  share: number,
  at: (number: number) => readonly Job[],
): Promise<Map<Ending, number>> {
  const random = seeded(seed);
  const endings = new Map<Ending, number>();
  let jobs = Array.from({ length: count }, (_, number) => at(number + 1)).flat();
  if (!all) jobs = Array.from({ length: share }, () => jobs[random.nextInt(jobs.length)] as Job);
  const failures: Error[] = [];
  for (const { name, run } of jobs) {
    try {
      const ending = await run();
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    } catch (cause) {
      failures.push(new Error(`COTERIE_FAULTS_SEED=${seed}, ${name} of ${calls}: ${String(cause)}`, { cause }));
      if (failures.length === failuresMax) break;
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('\n'));
  return endings;
}

const moments: readonly Moment[] = ['before', 'middle', 'after'];
const losses: readonly Loss[] = ['power', 'process'];

test('the recorded workload has all that a fault is to fall into', () => {
  const { steps, truths } = recording;
  expect(steps.filter(({ kind }) => kind === 'snapshot').length).toBe(2);
  expect([...truths.values()].at(-1)?.compactRevision).toBeGreaterThan(20);
  expect(calls).toBeGreaterThan(300);
});

test(
  'a crash at any call of a port loses nothing acknowledged and leaves nothing half',
  { timeout: hangMs },
  async () => {
    const leftovers = all ? [1, 2] : [1];
    const endings = await each(calls, 150, (call) =>
      moments.flatMap((when) =>
        losses.flatMap((loss) =>
          leftovers.map((leftover) => ({
            name: `call ${call}, ${when}, ${loss}, ${leftover}`,
            run: () => crash(seed + call * 7 + leftover, { call, when, loss }),
          })),
        ),
      ),
    );
    expect([...endings.keys()]).toEqual(['died']);
  },
);

test('nor does a second crash at any call of the start that follows', { timeout: hangMs }, async () => {
  const random = seeded(seed + 1);
  await each(all ? calls * 2 : calls, 100, (number) => {
    const [when, then] = [moments[random.nextInt(3)] as Moment, moments[random.nextInt(3)] as Moment];
    const [loss, lost] = [losses[random.nextInt(2)] as Loss, losses[random.nextInt(2)] as Loss];
    const first = { call: 1 + (number % calls), when, loss };
    const second = { call: 1 + random.nextInt(40), when: then, loss: lost };
    const run = (): Promise<Ending> => crash(seed + number, first, second);
    return [{ name: JSON.stringify([first, second]), run }];
  });
});

test(
  'a failed call stops the member with an error that is documented, and the next start has it all',
  { timeout: hangMs },
  async () => {
    const endings = await each(calls, 100, (call) =>
      (['EIO', 'ENOSPC'] as const).flatMap((code) =>
        losses.map((loss) => ({
          name: `call ${call}, ${code}, then ${loss}`,
          run: () => fault(seed + call, call, { kind: 'error', code }, loss),
        })),
      ),
    );
    expect(endings.get('stopped')).toBeGreaterThan(10);
  },
);

test(
  'a read that shows a wrong bit, or an end that is none, is refused or makes no difference',
  { timeout: hangMs },
  async () => {
    await each(calls, 60, (call) =>
      (['flip', 'short'] as const).map((kind) => ({
        name: `call ${call}, ${kind}`,
        run: () => fault(seed + call, call, { kind }, 'process'),
      })),
    );
  },
);

test(
  'an operation that takes for ever holds back what waits for it, and nothing is lost',
  { timeout: hangMs },
  async () => {
    await each(completions, 60, (completion) => [
      {
        name: `completion ${completion} stalls`,
        run: async () => {
          const hardware = new Hardware(order, seed + completion);
          const promised = new Promised();
          hardware.stall(completion);
          const ending = await live(hardware, promised);
          hardware.strike('power');
          await goesOn(hardware, promised);
          return ending;
        },
      },
    ]);
  },
);

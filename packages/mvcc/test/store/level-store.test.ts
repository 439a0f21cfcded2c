import { expect, test } from 'vitest';
import { World, Writer, bytes, text } from './fixture.js';

test('what was committed is there before and behind a checkpoint, and after a restart', async () => {
  const world = new World(1);
  const store = await world.open();
  const writer = new Writer(store);
  for (let at = 0; at < 40; at++) writer.apply([[`key-${String(at).padStart(3, '0')}`, bytes(`value ${at}`)]]);
  store.logDurable(writer.index);
  await world.schedule.drain();
  expect(writer.failures).toEqual([]);
  expect(writer.checkpoints.length).toBeGreaterThan(0);
  const record = await world.schedule.until(store.get('key-003'));
  expect(text(record?.value)).toBe('value 3');
  await world.schedule.until(store.close());

  const again = await world.open();
  const state = again.recovered();
  expect(state).toEqual(writer.checkpoints.at(-1));
  const view = again.view();
  const keys: string[] = [];
  await world.schedule.until(
    (async () => {
      for await (const page of view.scan({ range: { start: '' }, reverse: false, pageBytes: 300 })) {
        keys.push(...page.map(({ key }) => key));
      }
    })(),
  );
  expect(keys.length).toBe(state.revision - 1);
  expect(keys).toEqual([...keys].sort());
});

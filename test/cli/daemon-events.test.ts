// `latido events --follow` may be left alone for months.
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { eventsCommand } from '../../controller/cli/daemon-events.ts';
import { contextOf } from './fake-context.ts';

test('following leaves nothing behind on the signal that ends it', async () => {
  const person = new AbortController();
  const listeners: number[] = [];
  const ask = () => {
    listeners.push(getEventListeners(person.signal, 'abort').length);
    const last = listeners.length;
    if (last === 20) person.abort();
    return Promise.resolve({ ok: true, events: [{ at: 0, type: 'in-sync', message: `look ${last}` }], last });
  };
  const { context, told } = contextOf({}, {}, person.signal);
  const asked = { ...context, world: { ...context.world, daemon: { ...context.world.daemon, ask } } };
  expect(await eventsCommand({ follow: true, json: true, limit: 1 }, asked)).toBe(0);
  expect(told.out.split('\n').filter((line) => line !== '').length).toBeGreaterThanOrEqual(19);
  expect(Math.max(...listeners)).toBeLessThanOrEqual(1);
});

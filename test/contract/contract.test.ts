// Holds the simulator to the recorded answers of a real cluster. `npx tsx test/contract/show.ts` shows the differences.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { apiTables } from '../../controller/pve/api-tables.ts';
import { controllerMethods } from './controller-paths.ts';
import { counted, type Counts } from './counts.ts';
import { floors, finished } from './floors.ts';
import { knownDifferences } from './known-differences.ts';
import { recordedExchanges, topics } from './recorded.ts';

const all: Counts[] = [];

beforeAll(async () => {
  for (const topic of topics) all.push(await counted(topic));
});

describe.each(topics)('%s', (topic) => {
  const counts = () => all.find((one) => one.topic === topic)!;

  test('as many exchanges as ever are answered alike', () => {
    expect(counts().equal).toBeGreaterThanOrEqual(floors[topic]);
  });

  test.runIf(finished.includes(topic))('every difference is listed with its reason', () => {
    expect(counts().unlisted.map((exchange) => exchange.id)).toEqual([]);
  });

  test('no listed difference has gone', () => {
    expect(counts().stale).toEqual([]);
  });
});

test('listed differences are recorded exchanges', () => {
  const ids = new Set(topics.flatMap((topic) => recordedExchanges(topic).map((exchange) => exchange.id)));
  expect(Object.keys(knownDifferences).filter((id) => !ids.has(id))).toEqual([]);
});

test('the methods that the controller calls exist', () => {
  const tables = apiTables(JSON.parse(readFileSync(new URL('../../schema/pve/9.2.json', import.meta.url), 'utf8')));
  const known = new Set(tables.all.map((method) => `${method.method} ${method.path}`));
  expect(controllerMethods.filter((method) => !known.has(method))).toEqual([]);
});

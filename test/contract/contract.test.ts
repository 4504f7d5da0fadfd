// Holds the simulator to the recorded answers of a real cluster. `npx tsx test/contract/show.ts` shows the differences.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { apiTables, type ApiTables } from '../../controller/pve/api-tables.ts';
import { controllerMethods } from './controller-paths.ts';
import { counted, table, type Counts } from './counts.ts';
import { floors } from './floors.ts';
import { faultsOfTheRecording, knownDifferences } from './known-differences.ts';
import { recordedExchanges, topics, type Exchange } from './recorded.ts';

const SHARE_EQUAL_MIN = 0.9;

const all: Counts[] = [];
let tables: ApiTables;

beforeAll(async () => {
  tables = apiTables(JSON.parse(readFileSync(new URL('../../schema/pve/9.2.json', import.meta.url), 'utf8')));
  for (const topic of topics) all.push(await counted(topic));
});

describe.each(topics)('%s', (topic) => {
  const counts = () => all.find((one) => one.topic === topic)!;

  test('as many exchanges as ever are answered alike', () => {
    expect(counts().equal).toBeGreaterThanOrEqual(floors[topic]);
  });

  test('every difference is listed with its reason', () => {
    expect(counts().unlisted.map((exchange) => exchange.id)).toEqual([]);
  });

  test('no listed difference has gone', () => {
    expect(counts().stale).toEqual([]);
  });
});

test('nine of ten exchanges are answered alike', () => {
  const [equal, total] = [all.reduce((sum, one) => sum + one.equal, 0), all.reduce((sum, one) => sum + one.exchanges, 0)];
  expect(equal / total).toBeGreaterThanOrEqual(SHARE_EQUAL_MIN);
});

test('what the controller calls is answered alike, but for lines of logs and faults of the recording', () => {
  const wrong = all.flatMap((one) => one.differing).filter((exchange) => controllerMethods.includes(methodOf(exchange)))
    .filter((exchange) => !exchange.path.endsWith('/log') && !faultsOfTheRecording.includes(knownDifferences[exchange.id] ?? ''));
  expect(wrong.map((exchange) => exchange.id)).toEqual([]);
});

test('what the controller calls is modelled', () => {
  const missing = all.flatMap((one) => one.notModelled).filter((exchange) => controllerMethods.includes(methodOf(exchange)));
  // A task of an operation that is not modelled has neither status nor log here.
  expect(missing.map((exchange) => exchange.id).filter((id) => !/-task-(status|log)$/.test(id))).toEqual([]);
});

test('listed differences are recorded exchanges', () => {
  const ids = new Set(topics.flatMap((topic) => recordedExchanges(topic).map((exchange) => exchange.id)));
  expect(Object.keys(knownDifferences).filter((id) => !ids.has(id))).toEqual([]);
});

test('the methods that the controller calls exist', () => {
  const known = new Set(tables.all.map((method) => `${method.method} ${method.path}`));
  expect(controllerMethods.filter((method) => !known.has(method))).toEqual([]);
});

test('README.md tells the counts', () => {
  expect(readFileSync(new URL('README.md', import.meta.url), 'utf8')).toContain(table(all));
});

/** `GET /nodes/{node}/qemu/{vmid}/config`. */
function methodOf(exchange: Exchange): string {
  const path = decodeURIComponent(exchange.path.replace(/^\/api2\/\w+/, ''));
  return `${exchange.method} ${tables.match(exchange.method, path)?.method.path ?? path}`;
}

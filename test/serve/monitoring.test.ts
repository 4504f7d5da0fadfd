// The dashboard and the alert rules of examples/monitoring name metrics; here they are compared with those there are.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { View } from '../../controller/daemon/outlook.ts';
import { isObject } from '../../controller/model/json.ts';
import { ENDPOINTS } from '../../controller/serve/listener.ts';
import { Metrics } from '../../controller/serve/metrics.ts';
import { WEB } from '../daemon/daemon-world.ts';
import { ServeWorld, TOKENS } from './serve-world.ts';

const FOLDER = new URL('../../examples/monitoring/', import.meta.url).pathname;
const read = (name: string) => readFileSync(`${FOLDER}${name}`, 'utf8');
const metrics = new Metrics('1.2.3', () => ({ cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 }));
/** Of Prometheus itself. */
const NOT_OURS = new Set(['up']);

const dashboard: unknown = JSON.parse(read('grafana-dashboard.json'));
const rules: unknown = parse(read('prometheus-rules.yaml'));
const used = { dashboard: namesIn([...texts(dashboard, 'expr'), ...texts(dashboard, 'query')]), rules: namesIn(texts(rules, 'expr')) };

/** Every text below a key of this name. */
function texts(value: unknown, key: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each) => texts(each, key));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, each]) => (name === key && typeof each === 'string' ? [each] : texts(each, key)));
}

function namesIn(expressions: readonly string[]): readonly string[] {
  const found = expressions.flatMap((expression) => expression.match(/\b(?:latido|process)_[a-z_]+/g) ?? []);
  return [...new Set(found.map((name) => (metrics.names().includes(name) ? name : name.replace(/_(?:bucket|count|sum)$/, ''))))].sort();
}

describe.each(Object.entries(used))('the %s', (_, names) => {
  test('names metrics, and only those there are', () => {
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !metrics.names().includes(name) && !NOT_OURS.has(name))).toEqual([]);
  });
});

test('every endpoint is in the table of the README', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const table = readme.slice(readme.indexOf('| endpoint | right |'), readme.indexOf('Send a token as'));
  const told = [...table.matchAll(/(?:GET |POST |`)(\/[a-z0-9/]+)/g)].map((match) => match[1] ?? '').sort();
  expect(told).toEqual(ENDPOINTS.map(({ path }) => path).sort());
});

test('every metric is in the table of its README, and nothing else is', () => {
  const told = [...read('README.md').matchAll(/^\| `((?:latido|process)_[a-z_]+)`/gm)].map((match) => match[1] ?? '').sort();
  expect(told).toEqual([...metrics.names()].sort());
});

test('labels are few: no name of an object, and no more of them for more objects', async () => {
  const series = async (guests: number) => {
    const world = new ServeWorld();
    world.source.push(Array.from({ length: guests }, (_, at) => WEB.replace('name: web', `name: web${at}`).replace('101', String(200 + at))).join('\n'));
    const daemon = world.serve();
    await world.pass(300);
    const { text } = await world.ask('GET', '/metrics', { token: TOKENS.metrics });
    await daemon.stop();
    expect(text).toMatch(new RegExp(`^latido_objects\\{kind="VirtualMachine",condition="Ready"\\} ${guests}$`, 'm'));
    expect(text).toMatch(new RegExp(`^latido_steps_total\\{kind="VirtualMachine",result="done"\\} [1-9]`, 'm'));
    expect(text).not.toContain('web0');
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  };
  expect(await series(6)).toBe(await series(2));
});

test('what a round found is told by kind and code; a second look counts nothing twice', async () => {
  const view: View = {
    phase: 'waiting', cluster: 'lab', isLeader: true, isLeaseUnknown: false, quietMs: 0, stuckMs: 900_000, checkedAt: 1, conditions: [], objects: [], plan: undefined,
    records: new Map([['VirtualMachine/a', { drift: { since: 1, what: 'memory' } }], ['VirtualMachine/b', { drift: { since: 1, what: 'cores' } }], ['Pool/c', {}]]),
    failures: 0, isCommitRefused: true, isSourceAway: false, suspensions: 2, stepsRunning: 0, causesWaiting: 1, traffic: { calls: 10, bytes: 20 },
  };
  metrics.call({ method: 'GET', result: 'ok', durationMs: 30 });
  metrics.round({ outcome: 'broken', durationMs: 1000, at: 5000 });
  await metrics.text(view);
  const text = await metrics.text(view);
  for (const line of ['latido_drifted_objects{kind="VirtualMachine"} 2', 'latido_commit_refused 1', 'latido_suspensions 2', 'latido_api_exchanges_total 10', 'latido_queue_causes 1', 'latido_rounds_total{outcome="broken"} 1', 'latido_last_success_timestamp_seconds 3', 'latido_info{version="1.2.3",cluster="lab"} 1', 'latido_api_call_duration_seconds_bucket{le="0.05",method="GET",result="ok"} 1']) expect(text.split('\n')).toContain(line);
});

// In: the recorded exchanges of a topic. Out: for each, whether a fresh simulation answers the same.
// Requests go in their recorded order; virtual time passes where the recording shows that it did. Must never repair an answer.
import { readFileSync } from 'node:fs';
import { apiTables, type ApiTables } from '../../controller/pve/api-tables.ts';
import type { HttpResponse } from '../../controller/model/doors.ts';
import type { Json } from '../../controller/model/json.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { LAB_PASSWORD, LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { differences, shapesOf, type Difference } from './compare.ts';
import { GeneratedValues } from './generated.ts';
import { presupposed } from './presuppose.ts';
import { dataOf, operationOf, recordedAt, recordedExchanges, type Exchange, type Topic } from './recorded.ts';
import { requestFor, type Secrets } from './requests.ts';
import { worldBefore } from './world.ts';

export type Verdict = 'equal' | 'different' | 'not modelled';
export interface Replayed { readonly exchange: Exchange; readonly verdict: Verdict; readonly differences: readonly Difference[]; readonly simulated: HttpResponse }

interface Run {
  readonly sim: Simulation;
  readonly values: GeneratedValues;
  readonly tokens: Map<string, string>;
  readonly unmodelled: Set<string>;
  secrets: Secrets;
}

/** Used where no answer of a topic tells when it was recorded. */
const SOME_HOUR = Date.UTC(2026, 10, 22, 17) / 1000;
/** No task of the recording took longer. */
const TASK_LIMIT_MS = 900_000;
const POLL_MS = 100;

let tables: ApiTables | undefined;
function tablesOf92(): ApiTables {
  tables ??= apiTables(JSON.parse(readFileSync(new URL('../../schema/pve/9.2.json', import.meta.url), 'utf8')));
  return tables;
}

export async function replay(topic: Topic): Promise<readonly Replayed[]> {
  const exchanges = recordedExchanges(topic);
  const { cluster, before, startedAt } = presupposed(topic, exchanges);
  const firstAt = startedAt ?? exchanges.map(recordedAt).find((at) => at !== undefined) ?? SOME_HOUR;
  const sim = new Simulation({ seed: 1, tables: tablesOf92(), startMs: firstAt * 1000, cluster });
  const tokens = new Map<string, string>();
  const run: Run = { sim, values: new GeneratedValues(), tokens, unmodelled: new Set(), secrets: await secretsOf(sim, tokens) };
  await sim.clock.run(Promise.resolve(before?.(sim)));
  const replayed: Replayed[] = [];
  for (const exchange of exchanges) replayed.push(await replayOne(run, exchange));
  return replayed;
}

async function secretsOf(sim: Simulation, tokens: Map<string, string>): Promise<Secrets> {
  const response = await sim.clock.run(sim.handle('pve1', {
    method: 'POST', url: '/api2/json/access/ticket', headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `username=root%40pam&password=${encodeURIComponent(LAB_PASSWORD)}`,
  }));
  const data = dataOf(parsed(response.body) ?? null) as { readonly ticket?: string; readonly CSRFPreventionToken?: string } | undefined;
  return { labToken: LAB_TOKEN.secret, rootTicket: { ticket: data?.ticket ?? '', csrf: data?.CSRFPreventionToken ?? '' }, password: LAB_PASSWORD, tokens };
}

async function replayOne(run: Run, exchange: Exchange): Promise<Replayed> {
  const world = worldBefore(exchange.id);
  await passTime(run, exchange);
  for (const event of world.events) await run.sim.clock.run(Promise.resolve(event(run.sim)));
  if (world.waitMs) await run.sim.clock.advance(world.waitMs);
  const response = await run.sim.clock.run(ask(run, exchange, world.node ?? 'pve1'));
  if (isUnmodelled(response) || run.unmodelled.has(operationOf(exchange.id))) {
    run.unmodelled.add(operationOf(exchange.id));
    return { exchange, verdict: 'not modelled', differences: [], simulated: response };
  }
  const found = compare(run, exchange, response);
  rememberToken(run, response);
  return { exchange, verdict: found.length === 0 ? 'equal' : 'different', differences: found, simulated: response };
}

async function ask(run: Run, exchange: Exchange, node: string): Promise<HttpResponse> {
  if (exchange.id.endsWith('-task-status') && statusOf(exchange.body) === 'stopped') await awaitTask(run, exchange);
  return run.sim.handle(node, requestFor(exchange, run.values, run.secrets));
}

/** A recorded end was waited for: so do we. */
async function awaitTask(run: Run, exchange: Exchange): Promise<void> {
  for (let waitedMs = 0; waitedMs < TASK_LIMIT_MS; waitedMs += POLL_MS) {
    const response = await run.sim.handle('pve1', requestFor({ ...exchange, as: 'the lab' }, run.values, run.secrets));
    if (statusOf(parsed(response.body) ?? null) !== 'running') return;
    await run.sim.clock.sleep(POLL_MS);
  }
}

function statusOf(body: Json): string | undefined {
  const data = dataOf(body);
  return data !== null && typeof data === 'object' && !Array.isArray(data) ? String((data as { readonly status?: Json }).status) : undefined;
}

/** Moves on to the recorded moment; never back. */
async function passTime(run: Run, exchange: Exchange): Promise<void> {
  const wait = (recordedAt(exchange) ?? 0) * 1000 - run.sim.clock.now();
  if (wait > 0) await run.sim.clock.advance(wait);
}

function isUnmodelled(response: HttpResponse): boolean {
  return response.status === 501 && response.reason.endsWith('is not simulated');
}

/** Lists of what happened before the recording began: only what an entry looks like can be compared. */
function showsHistory(exchange: Exchange): boolean {
  return exchange.path === '/cluster/log' || exchange.path.endsWith('/rrddata');
}

/** How many tasks there ever were is more than the recording shows. */
function countsHistory(exchange: Exchange, { at, recorded, simulated }: Difference): boolean {
  return at === '.total' && exchange.path.endsWith('/tasks') && typeof recorded === typeof simulated;
}

/** The recorded cluster's status daemon could not read running containers, and told of them what it liked. */
function isContainerFigure(exchange: Exchange, { at }: Difference): boolean {
  if (exchange.path !== '/cluster/resources') return false;
  const vmid = /^\.data\[lxc\/(\d+)\]\./.exec(at)?.[1];
  return vmid !== undefined && !/\.(id|node|type|vmid|hastate|lock|pool|tags)$/.test(at);
}

function compare(run: Run, exchange: Exchange, response: HttpResponse): readonly Difference[] {
  const found: Difference[] = [];
  if (exchange.status !== response.status) found.push({ at: 'status', recorded: exchange.status, simulated: response.status });
  if (!run.values.sameText(exchange.reasonPhrase, response.reason)) found.push({ at: 'reason', recorded: exchange.reasonPhrase, simulated: response.reason });
  const type = exchange.headers['Content-Type'];
  if (type !== response.headers['content-type']) found.push({ at: 'content-type', recorded: type, simulated: response.headers['content-type'] });
  return [...found, ...compareBodies(run, exchange, response)];
}

function compareBodies(run: Run, exchange: Exchange, response: HttpResponse): readonly Difference[] {
  const body = parsed(response.body);
  if (exchange.body === null) return compareRaw(exchange, response);
  if (body === undefined) return [{ at: 'body', recorded: exchange.body, simulated: response.body }];
  if (!showsHistory(exchange)) return differences(exchange.body, body, run.values).filter((found) => !countsHistory(exchange, found) && !isContainerFigure(exchange, found));
  const known = shapesOf(dataOf(exchange.body) ?? null);
  const strange = [...shapesOf(dataOf(body) ?? null)].filter((shape) => !known.has(shape));
  return strange.map((shape) => ({ at: 'shape', recorded: [...known], simulated: shape }));
}

/** Texts that are not JSON. A web page is compared by being there; of the picture nothing was recorded. */
function compareRaw(exchange: Exchange, response: HttpResponse): readonly Difference[] {
  if (exchange.headers['Content-Type'] === 'image/png') return [];
  if (exchange.headers['Content-Type']?.startsWith('text/html')) return response.body === '' ? [{ at: 'body', recorded: 'a page', simulated: '' }] : [];
  const text = exchange.bodyRaw ?? '';
  return text === response.body ? [] : [{ at: 'body', recorded: text, simulated: response.body }];
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** A new token's secret is told once; later requests are made with it. */
function rememberToken(run: Run, response: HttpResponse): void {
  const data = dataOf(parsed(response.body) ?? null) as { readonly 'full-tokenid'?: string; readonly value?: string } | null | undefined;
  if (data && typeof data === 'object' && data['full-tokenid'] !== undefined && data.value !== undefined) run.tokens.set(data['full-tokenid'], data.value);
}

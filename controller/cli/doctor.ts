// `latido doctor`: whether latido could work on the cluster, and with --config whether its daemon could, check by check; reads only.
import { readConfig } from '../config/read.ts';
import type { ClusterSpec, DesiredObject } from '../model/desired.ts';
import { ConnectionError, PveError, type Env } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';
import type { Context, ExitCode, World } from './context.ts';
import { clusterIn } from './daemon-source.ts';
import { clusterOf, readCommitOf } from './manifests.ts';
import { stateOf } from './plan.ts';
import { privilegesFor } from './privileges.ts';
import type { DoctorOptions } from './program.ts';
import { hanging, jsonText, paint, safe, type Style } from './terminal-text.ts';

export interface Check { readonly name: string; readonly state: 'ok' | 'warning' | 'error'; readonly fact: string; readonly fix?: string }

export async function doctorCommand(dir: string | undefined, options: DoctorOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  if (options.config !== undefined && (dir !== undefined || options.cluster !== undefined || options.state !== undefined)) throw failure('USAGE', '--config says which cluster, where it comes from and where its state is', { fix: 'leave DIR, --cluster and --state out' });
  const { name, checks } = options.config === undefined ? await manifestsChecks(dir ?? '.', options, world) : await configChecks(options.config, world);
  terminal.out(options.json
    ? `${jsonText({ format: 'latido.doctor/v1', cluster: name, healthy: isHealthy(checks), checks: checks.map((check) => ({ ...check })) })}\n`
    : checksText(checks, name, terminal.style()));
  return isHealthy(checks) ? 0 : 1;
}

interface Checked { readonly name: string; readonly checks: readonly Check[] }

async function manifestsChecks(dir: string, options: DoctorOptions, world: World): Promise<Checked> {
  const cluster = clusterOf(await readCommitOf(dir, options.cluster), world);
  return { name: cluster.ref.name, checks: await checksOf(cluster, options, world) };
}

/** The daemon's own things first: without a commit nobody knows where the cluster is. */
async function configChecks(file: string, world: World): Promise<Checked> {
  const config = readConfig(await world.readText(file), file);
  const { daemonChecks } = await import('./doctor-daemon.ts');
  const { checks, commit } = await daemonChecks(config, world);
  const ofCluster = commit === undefined ? [] : await checked('cluster', async () => checksOf(clusterIn(commit, config.cluster, world), config, world));
  return { name: config.cluster, checks: [...checks, ...ofCluster] };
}

/** What the cluster itself says. */
export async function checksOf(cluster: DesiredObject<ClusterSpec>, options: Pick<DoctorOptions, 'state'>, world: World): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const endpoint of cluster.spec.endpoints) checks.push(await endpointCheck(endpoint, cluster, options, world));
  if (checks.some(({ state }) => state === 'ok')) checks.push(...await clusterChecks(cluster, options, world));
  return checks;
}

export function isHealthy(checks: readonly Check[]): boolean {
  return checks.every(({ state }) => state !== 'error');
}

export function checksText(checks: readonly Check[], cluster: string, style: Style): string {
  const count = (state: Check['state']) => checks.filter((check) => check.state === state).length;
  const [errors, warnings] = [count('error'), count('warning')];
  const verdict = errors === 0 ? paint(style, 'green', 'latido can work on') : paint(style, 'red', 'latido cannot work well on');
  return `${checks.flatMap((check) => checkLines(check, style)).join('\n')}\n\n${verdict} ${safe(cluster)}: ${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}.\n`;
}

/** Each endpoint alone, so that one that answers does not hide one that does not. */
async function endpointCheck(endpoint: string, cluster: DesiredObject<ClusterSpec>, options: Pick<DoctorOptions, 'state'>, world: World): Promise<Check> {
  const name = `endpoint ${endpoint}`;
  try {
    const { env, close } = await world.open({ ...cluster, spec: { ...cluster.spec, endpoints: [endpoint] } }, stateOf(options));
    try {
      const startedAt = env.clock.now();
      const version = textOf(await env.pve.get('/version'), 'version');
      const { note } = world.kindsFor(version);
      return { name, state: note === undefined ? 'ok' : 'warning', fact: `Proxmox VE ${version}, answers in ${env.clock.now() - startedAt} ms${note === undefined ? '' : `; ${note}`}` };
    } finally {
      await close();
    }
  } catch (error) {
    return failed(name, error);
  }
}

async function clusterChecks(cluster: DesiredObject<ClusterSpec>, options: Pick<DoctorOptions, 'state'>, world: World): Promise<readonly Check[]> {
  const { env, close } = await world.open(cluster, stateOf(options));
  try {
    return [
      ...await checked('quorum', () => quorumChecks(env, cluster.spec)),
      ...await checked('privileges', () => privilegeChecks(env)),
      ...await checked('clocks', () => clockChecks(env)),
    ];
  } finally {
    await close();
  }
}

export async function checked(name: string, check: () => Promise<readonly Check[]>): Promise<readonly Check[]> {
  try {
    return await check();
  } catch (error) {
    return [failed(name, error)];
  }
}

function failed(name: string, error: unknown): Check {
  if (error instanceof Failure) {
    const [finding] = error.findings;
    return { name, state: 'error', fact: `${finding?.code ?? ''} ${finding?.fact ?? error.message}`.trim(), ...(finding?.fix === undefined ? {} : { fix: finding.fix }) };
  }
  if (error instanceof PveError) return { name, state: 'error', fact: `${error.status} ${error.message.trim()}`, ...(error.status === 401 ? { fix: 'check the token: user@realm!id=secret' } : {}) };
  if (error instanceof ConnectionError) return { name, state: 'error', fact: error.message, ...(error.code === 'tls' ? { fix: 'write the certificate\'s fingerprint into tls.fingerprint, after comparing it on the node' } : {}) };
  throw error;
}

async function quorumChecks(env: Env, spec: ClusterSpec): Promise<readonly Check[]> {
  const rows = rowsOf(await env.pve.get('/cluster/status'));
  // /cluster/status can say quorate for a minute after it was lost; the HA status asks corosync.
  const asked = rowsOf(await env.pve.get('/cluster/ha/status/current')).find((row) => row['type'] === 'quorum');
  const members = rows.filter((row) => row['type'] === 'node');
  const quorate = rows.find((row) => row['type'] === 'cluster');
  const gone = members.filter((row) => row['online'] !== 1).map((row) => String(row['name'])).sort(compareText);
  const two = members.length === 2 ? await thirdVote(env, spec) : [];
  return [
    quorate === undefined || asked?.['quorate'] === 1
      ? { name: 'quorum', state: 'ok', fact: quorate === undefined ? 'a single node, without a cluster' : `quorate, ${members.length} nodes` }
      : { name: 'quorum', state: 'error', fact: 'the cluster is not quorate: nothing can be written', fix: 'bring back the nodes that are offline' },
    ...(gone.length > 0 ? [{ name: 'nodes', state: 'warning' as const, fact: `offline: ${gone.join(', ')}`, fix: 'what is on them is left alone until they are back' }] : []),
    ...two,
  ];
}

async function thirdVote(env: Env, spec: ClusterSpec): Promise<readonly Check[]> {
  const answer = await env.pve.get('/cluster/config/qdevice').catch(() => ({}));
  const state = isObject(answer) ? answer['State'] : undefined;
  if (state === 'Connected') return [{ name: 'third vote', state: 'ok', fact: 'a QDevice is connected' }];
  return [{ name: 'third vote', state: 'warning', fact: `two nodes and no third vote${spec.qdevice === true ? ', though the Cluster asks for one' : ''}: when one node is lost, the other cannot write and HA cannot act`, fix: 'add a QDevice' }];
}

async function privilegeChecks(env: Env): Promise<readonly Check[]> {
  const answer = await env.pve.get('/access/permissions', { query: { path: '/' } });
  const root = isObject(answer) && isObject(answer['/']) ? answer['/'] : {};
  const release = textOf(await env.pve.get('/version'), 'version');
  const missing = privilegesFor(release).filter(({ name }) => root[name] === undefined);
  if (missing.length === 0) return [{ name: 'privileges', state: 'ok', fact: 'all that latido needs, on /' }];
  const cannotRead = missing.filter(({ name }) => name.endsWith('.Audit'));
  return [{
    name: 'privileges', state: cannotRead.length > 0 ? 'error' : 'warning', fact: `missing on /: ${missing.map(({ name, to }) => `${name} (${to})`).join(', ')}`,
    fix: `${cannotRead.length > 0 ? 'without the Audit privileges a cluster looks empty; ' : ''}give the token and its user a role with them on /, propagated`,
  }];
}

// Corosync tolerates more; tickets and certificates of a cluster do not.
const CLOCK_MS_MAX = 5000;

async function clockChecks(env: Env): Promise<readonly Check[]> {
  const nodes = rowsOf(await env.pve.get('/nodes')).filter((row) => row['status'] === 'online').map((row) => String(row['node'])).sort(compareText);
  const off = await Promise.all(nodes.map(async (node) => {
    const before = env.clock.now();
    const answer = await env.pve.get(`/nodes/${encodeURIComponent(node)}/time`, { node });
    const there = isObject(answer) && typeof answer['time'] === 'number' ? answer['time'] * 1000 : undefined;
    // A node tells whole seconds; half of the way is taken as the way.
    return { node, ms: there === undefined ? undefined : there + 500 - (before + env.clock.now()) / 2 };
  }));
  const wrong = off.filter(({ ms }) => ms !== undefined && Math.abs(ms) > CLOCK_MS_MAX).map(({ node, ms = 0 }) => `${node} ${ms > 0 ? '+' : ''}${Math.round(ms / 1000)} s`);
  return [wrong.length === 0
    ? { name: 'clocks', state: 'ok', fact: `${nodes.length} ${nodes.length === 1 ? 'node agrees' : 'nodes agree'} with this machine` }
    : { name: 'clocks', state: 'warning', fact: `differ from this machine: ${wrong.join(', ')}`, fix: 'let all of them take the time from the same servers' }];
}

function rowsOf(answer: Json): readonly JsonObject[] {
  return Array.isArray(answer) ? answer.filter((row): row is JsonObject => isObject(row)) : [];
}

function textOf(answer: Json, key: string): string {
  return isObject(answer) && typeof answer[key] === 'string' ? answer[key] : '';
}

function checkLines(check: Check, style: Style): readonly string[] {
  const word = { ok: 'ok', warning: 'warning', error: 'error' }[check.state];
  const color = ({ ok: 'green', warning: 'yellow', error: 'red' } as const)[check.state];
  return [
    ...hanging('', `${word.padEnd(8)}${safe(check.name)}: ${safe(check.fact)}`, style.width - 8).map((line, at) => at === 0 ? line.replace(word, paint(style, color, word)) : `        ${line}`),
    ...(check.fix === undefined ? [] : hanging('        fix: ', safe(check.fix), style.width)),
  ];
}

// What the commands of the daemon print, over a daemon that runs in virtual time.
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../controller/cli/commands.ts';
import type { Context, World } from '../../controller/cli/context.ts';
import { momentOf } from '../../controller/cli/daemon-commands.ts';
import { planToJson } from '../../controller/cli/plan-json.ts';
import { runCli } from '../../controller/cli/run.ts';
import { failure } from '../../controller/model/finding.ts';
import { DaemonWorld, vm, WEB } from '../daemon/daemon-world.ts';
import type { Running } from '../daemon/daemon-world.ts';

async function latido(daemon: DaemonWorld, running: Running, ...args: string[]) {
  const told = { out: '', err: '' };
  const missing = () => Promise.reject(failure('USAGE', 'not in this test'));
  const style = () => ({ color: false, width: 120, rows: 40 });
  const world: World = {
    clock: daemon.sim.clock, version: '1', reportTo: undefined, tableVersions: [], tables: () => { throw new Error('no tables'); }, kindsFor: () => { throw new Error('no kinds'); },
    readText: missing, writeText: missing, open: missing, machine: missing, lab: missing, demo: missing, simulate: missing,
    daemon: { store: () => { throw new Error('no store'); }, open: missing, ask: (_, request) => running.ask(request), onReload: () => () => undefined, ownAddresses: () => Promise.resolve([]), warn: () => undefined, random: () => 0.5, https: { check: missing, listen: missing }, newToken: () => 'lat_test', readSecret: missing, outbound: missing, usage: () => ({ cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 }) },
  };
  const context: Context = {
    terminal: { out: (text) => void (told.out += text), err: (text) => void (told.err += text), style, errStyle: style, interactive: false, live: false, ask: () => Promise.resolve(undefined), ticker: () => () => undefined },
    world, interruptible: (work) => work(AbortSignal.abort()),
  };
  const code = await runCli(args, context, COMMANDS, false);
  return { code, ...told };
}

async function started() {
  const daemon = new DaemonWorld();
  daemon.source.push(WEB + vm('db', 102, 'memory: 256', '', 'latido/drift: report'));
  const running = daemon.start({ publishPlan: (plan) => ({ plan: planToJson(plan), text: `Plan ${plan.fingerprint}\n` }) });
  await daemon.pass(60);
  return { daemon, running };
}

describe('status and get', () => {
  test('in sync', async () => {
    const { daemon, running } = await started();
    const { out, code } = await latido(daemon, running, 'status');
    expect(out).toMatch(/^✓ InSync {2}lab: the cluster is as the commit asks\n {2}commit {3}main@sha1:0000001\n {2}plan {5}plan-\w{12}\n {2}daemon {3}waiting, looked .* ago\n/);
    expect(code).toBe(0);
    expect((await latido(daemon, running, 'get', 'VirtualMachine')).out).toMatch(/^✓ VirtualMachine\/db {3}InSync \(.*\)\n✓ VirtualMachine\/web {2}InSync \(.*\)\n$/);
    expect((await latido(daemon, running, 'get', 'Pool')).out).toBe('No objects of Pool.\n');
    await running.stop();
  });

  test('what waits is listed with its reason, since when, and what is suspended', async () => {
    const { daemon, running } = await started();
    expect((await latido(daemon, running, 'suspend', 'VirtualMachine/web', '--reason', 'works', '--until', '2h')).out).toMatch(/^VirtualMachine\/web is suspended until 20.*Z\.\n$/);
    daemon.set(102, 'memory', '4096');
    await daemon.pass(400);
    const { out } = await latido(daemon, running, 'status');
    expect(out).toContain('suspended VirtualMachine/web until 20');
    expect(out).toMatch(/! VirtualMachine\/db {2}Drifted \(.*\)\n {4}config\.memory was changed by hand.*held since/s);
    const json = JSON.parse((await latido(daemon, running, 'get', 'VirtualMachine/db', '--json')).out) as { objects: readonly { conditions: readonly { type: string; status: string; reason: string; revision: string }[] }[] };
    expect(json.objects[0]?.conditions.map(({ type, status }) => `${type} ${status}`)).toEqual(['Ready False', 'Reconciling False', 'Stalled False']);
    await running.stop();
  });
});

test('events, history and the plan of the daemon', async () => {
  const { daemon, running } = await started();
  const { out } = await latido(daemon, running, 'events');
  expect(out).toMatch(/Z {2}started {4}the daemon started\n/);
  expect(out).toMatch(/Z {2}step {7}VirtualMachine\/web: create it/);
  const events = JSON.parse((await latido(daemon, running, 'events', '--json', '--limit', '2')).out) as { format: string; events: readonly { seq: number }[] };
  expect(events.format).toBe('latido.events/v1');
  expect(events.events).toHaveLength(2);
  expect((await latido(daemon, running, 'history')).out).toMatch(/Z {2}applied {6}main@sha1:0000001 {2}2 done, .*\(start\)\n/);
  expect((await latido(daemon, running, 'plan', '--from-daemon')).out).toMatch(/^Plan plan-\w{12}\n$/);
  const plan = await latido(daemon, running, 'plan', '--from-daemon', '--json', '--detailed-exitcode');
  expect(JSON.parse(plan.out)).toMatchObject({ format: 'latido.plan/v1', inSync: true });
  expect(plan.code).toBe(0);
  await running.stop();
});

test('what the daemon refuses is told as any other finding', async () => {
  const { daemon, running } = await started();
  const { err, code } = await latido(daemon, running, 'approve', 'plan-000000000000');
  expect(err).toMatch(/^PLAN_CHANGED: the plan is plan-\w{12}, not plan-000000000000\n {2}fix: /);
  expect(code).toBe(1);
  expect((await latido(daemon, running, 'resume', 'VirtualMachine/web')).err).toMatch(/^USAGE: VirtualMachine\/web is not suspended\n/);
  expect((await latido(daemon, running, 'suspend', 'all')).err).toMatch(/--reason/);
  expect((await latido(daemon, running, 'reconcile')).code).toBe(0);
  await running.stop();
});

test.each([['90m', 5_400_000], ['2h', 7_200_000], ['3d', 259_200_000], ['1970-01-01T01:00Z', 3_600_000]])('%s is a moment', (text, at) => {
  expect(momentOf(text, 0)).toBe(at);
});

test.each(['soon', '2', '-1h', '5y'])('%s is none', (text) => {
  expect(() => momentOf(text, 0)).toThrow(/USAGE/);
});

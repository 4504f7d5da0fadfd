// The whole of latido, once through: real git over real ssh, the lab over HTTPS, two daemons with one lease, and what may happen to them.
// Each step goes on where the one before it ended.
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import { isObject } from '../../controller/model/json.ts';
import type { JsonObject } from '../../controller/model/json.ts';
import { byHand } from '../../controller/sim/stage.ts';
import type { TaskState } from '../../controller/sim/state.ts';
import { noFaults } from '../../controller/sim/script.ts';
import { SSHD } from '../sources/sshd.ts';
import { openStage, type Daemon, type Stage } from './stage.ts';

/** Virtual seconds in a real one: the 120 s of the lease are less than three. */
const SPEED = 50;
const FOLDER = 'clusters/lab';
const TEN_MINUTES_MS = 10 * 60_000;

let stage: Stage;
let one: Daemon;
let two: Daemon;

const cluster = () => `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec: { endpoints: ${JSON.stringify(stage.endpoints)}, tls: { fingerprint: "${stage.fingerprint}" }, credentials: { tokenFile: ${stage.tokenFile} } }
`;
/** Its disk takes more than three minutes to copy: longer than the lease of a dead daemon lasts. */
const TEMPLATE = `apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: golden }
spec: { vmid: 9000, placement: { node: pve1 }, template: true, config: { memory: 512, scsi0: { storage: shared, size: 40G } } }
`;
/** Its memory takes as long. */
const web = (node: string, description = 'first') => `apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec: { vmid: 101, placement: { node: ${node} }, power: running, config: { memory: 20480, description: ${description}, cipassword: { secret: web/password }, scsi0: { storage: shared, size: 8G } } }
`;
const copy = (name: string, vmid: number) => `apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${name} }
spec: { vmid: ${vmid}, placement: { node: pve1 }, power: stopped, source: { template: golden } }
`;

describe.skipIf(SSHD === undefined)(`the story of a cluster${SSHD === undefined ? ' (this machine has no sshd)' : ''}`, () => {
  let isBroken = false;
  const step = (name: string, work: () => Promise<void>) => test(name, async (context) => {
    if (isBroken) context.skip('a step before it failed');
    isBroken = true;
    onTestFailed(() => { for (const daemon of [one, two]) process.stderr.write(`--- ${daemon.name}\n${daemon.log().slice(-8_000)}\n`); });
    await work();
    isBroken = false;
  }, 300_000);

  beforeAll(async () => {
    stage = await openStage(SPEED);
    one = stage.daemon('one', 'pve1', 'direct');
    two = stage.daemon('two', 'pve2', 'ssh');
  });
  afterAll(() => stage?.close());

  step('what is pushed is converged to', async () => {
    stage.write({ [`${FOLDER}/cluster.yaml`]: cluster(), [`${FOLDER}/golden.yaml`]: TEMPLATE });
    await stage.commit();
    expect(await stage.push()).toMatchObject({ code: 0, remote: expect.stringContaining('+ VirtualMachine/golden') });
    one.start();
    await stage.until('the first daemon works', async () => (await phaseOf(one)) === 'waiting');
    two.start();
    await stage.until('the second stands by', async () => (await phaseOf(two)) === 'stand-by');

    stage.write({ [`${FOLDER}/web.yaml`]: web('pve1') });
    await stage.commit();
    const pushed = stage.push();
    const effectMs = await stage.until('the first effect', () => tasksOf('qmcreate', 101).length > 0 && performance.timeOrigin + performance.now());
    const { code, startedMs, endedMs } = await pushed;
    expect(code).toBe(0);
    process.stdout.write(`push to first effect at speed ${SPEED}: ${Math.round(effectMs - startedMs)} ms from its start, ${Math.round(effectMs - endedMs)} ms from its end\n`);
    await inSync();
    expect(guest(101)).toMatchObject({ node: 'pve1', isRunning: true });
    expect(guest(9000)).toMatchObject({ node: 'pve1' });
    expect([doneOnce('qmcreate', 9000), doneOnce('qmcreate', 101)]).toEqual([true, true]);
  });

  step('an invalid push is refused with its findings, and nothing comes of it', async () => {
    const count = Object.keys(stage.sim.state.tasks).length;
    stage.write({ [`${FOLDER}/web.yaml`]: web('pve1').replace('memory', 'memroy') });
    await stage.commit();
    const { code, remote } = await stage.push();
    expect(remote).toMatch(/OPTION_UNKNOWN clusters\/lab\/web\.yaml:4:\d+ VirtualMachine\/web/);
    expect(remote).toContain('Refused: nothing was changed.');
    expect(code).toBe(1);
    stage.write({ [`${FOLDER}/web.yaml`]: web('pve1') });
    await stage.commit('--amend', '--allow-empty');
    expect(Object.keys(stage.sim.state.tasks).length).toBe(count);
    await inSync();
  });

  step('what a hand changed is put back', async () => {
    await byHand(stage.sim, 'PUT', '/nodes/pve1/qemu/101/config', { description: 'by hand' });
    await stage.until('the description is put back', () => describes(101, 'first'));
    await inSync();
    expect(await eventsOf(await active())).toContainEqual(expect.objectContaining({ type: 'drift' }));
  });

  step('the active daemon killed in the middle of a clone: the other takes over, and it is cloned once', async () => {
    stage.write({ [`${FOLDER}/copy.yaml`]: copy('copy', 201) });
    await stage.commit();
    expect((await stage.push()).code).toBe(0);
    await stage.until('the clone runs', () => isRunning('qmclone', 9000));
    const killed = await killActive();
    await stage.until('the other takes over', async () => (await active()) !== killed);
    await inSync();
    expect(guest(201)).toMatchObject({ node: 'pve1', isRunning: false });
    expect(doneOnce('qmclone', 9000)).toBe(true);
    killed.start();
    await stage.until('the killed one is back', () => isBack(killed));
  });

  step('the active daemon killed in the middle of a migration: the other takes over, and it is moved once', async () => {
    stage.write({ [`${FOLDER}/web.yaml`]: web('pve2') });
    await stage.commit();
    expect((await stage.push()).code).toBe(0);
    await stage.until('the migration runs', () => isRunning('qmigrate', 101));
    const killed = await killActive();
    await stage.until('the other takes over', async () => (await active()) !== killed);
    await inSync();
    expect(guest(101)).toMatchObject({ node: 'pve2', isRunning: true });
    expect(doneOnce('qmigrate', 101)).toBe(true);
    expect(doneOnce('qmstart', 101)).toBe(true);
    killed.start();
    await stage.until('the killed one is back', () => isBack(killed));
  });

  step('the API away for ten minutes: a push is accepted meanwhile, and followed afterwards', async () => {
    const away = new ConnectionError('refused', false, 'nobody listens');
    stage.sim.faults = { onRequest: () => ({ do: 'break', error: away }) };
    const backAtMs = stage.sim.clock.now() + TEN_MINUTES_MS;
    stage.write({ [`${FOLDER}/web.yaml`]: web('pve2', 'second') });
    await stage.commit();
    expect(await stage.push()).toMatchObject({ code: 0, remote: expect.stringContaining('the commit is accepted all the same') });
    await stage.until('the trouble is told', async () => readyIn(await statusOf(await active()))['reason'] === 'ClusterTrouble');
    await stage.until('ten minutes have passed', () => stage.sim.clock.now() >= backAtMs);
    expect(describes(101, 'first')).toBe(true);
    stage.sim.faults = noFaults();
    await stage.until('the commit is followed', () => describes(101, 'second'));
    await inSync();
  });

  step('the repository away: the last commit stays in force, and drift is still undone', async () => {
    await rename(stage.bare, `${stage.bare}.away`);
    await (await active()).ask({ do: 'reconcile' });
    await stage.until('it is told', async () => isObject((await statusOf(await active()))['sourceUnreachable']));
    await byHand(stage.sim, 'PUT', '/nodes/pve2/qemu/101/config', { description: 'by hand' });
    await stage.until('the description is put back', () => describes(101, 'second'));
    await rename(`${stage.bare}.away`, stage.bare);
    await stage.until('the source answers again', async () => !isObject((await statusOf(await active()))['sourceUnreachable']));
    await inSync();
  });

  step('history rewritten: it is told, and the commit is followed', async () => {
    stage.write({ [`${FOLDER}/copy.yaml`]: copy('copy', 201).replace('source:', 'config: { description: rewritten }, source:') });
    const id = await stage.commit('--amend');
    expect(await stage.push('--force')).toMatchObject({ code: 0, remote: expect.stringContaining('Note: this rewrites history') });
    await stage.until('it is followed', () => describes(201, 'rewritten'));
    await inSync(id);
    expect(await eventsOf(await active())).toContainEqual(expect.objectContaining({ type: 'source', message: expect.stringContaining('the history of main was rewritten') }));
  });

  step('told to stop in the middle of a step: it ends in time, and the other waits for the step', async () => {
    stage.write({ [`${FOLDER}/second.yaml`]: copy('second', 202) });
    await stage.commit();
    expect((await stage.push()).code).toBe(0);
    await stage.until('the clone runs', () => isRunning('qmclone', 9000));
    const stopped = await active();
    stopped.kill('SIGTERM');
    expect(await stopped.ended()).toBe(0);
    expect(isRunning('qmclone', 9000)).toBe(true);
    await stage.until('the other takes over', async () => (await active()) !== stopped);
    await inSync();
    expect(tasksOf('qmclone', 9000).map(({ exitstatus }) => exitstatus)).toEqual(['OK', 'OK']);
    expect(guest(202)).toMatchObject({ node: 'pve1' });
    stopped.start();
    await stage.until('the stopped one is back', () => isBack(stopped));
  });

  step('told to reload: the same process begins anew', async () => {
    const reloaded = await active();
    const { pid } = reloaded;
    reloaded.kill('SIGHUP');
    await stage.until('it has begun anew', async () => (await eventsOf(reloaded)).findLast(({ type }) => type === 'started' || type === 'stopped')?.['type'] === 'started'
      && (await eventsOf(reloaded)).some(({ type, message }) => type === 'stopped' && String(message).includes('read its configuration again')));
    await inSync();
    expect(reloaded.pid).toBe(pid);
  });

  step('without its state folder a daemon knows all from Git and the cluster: nothing is to be done', async () => {
    const emptied = await active();
    const other = emptied === one ? two : one;
    const count = Object.keys(stage.sim.state.tasks).length;
    emptied.kill('SIGTERM');
    expect(await emptied.ended()).toBe(0);
    await stage.until('the other takes over', async () => (await active()) === other);
    await inSync();
    await rm(emptied.state, { recursive: true });
    emptied.start();
    await stage.until('the emptied one is back', () => isBack(emptied));
    other.kill('SIGTERM');
    expect(await other.ended()).toBe(0);
    await stage.until('the emptied one takes over', async () => (await active()) === emptied);
    await inSync();
    expect(Object.keys(stage.sim.state.tasks).length).toBe(count);
    other.start();
    await stage.until('the other is back', () => isBack(other));
  });

  step('in sync at the end, and nothing left behind', async () => {
    const planned = await stage.latido('plan', join(stage.work, FOLDER), '--detailed-exitcode', '--state', (await active()).state);
    expect(planned).toMatchObject({ code: 0 });
    for (const daemon of [one, two]) daemon.kill('SIGTERM');
    expect(await Promise.all([one.ended(), two.ended()])).toEqual([0, 0]);
    expect(await stage.files('pve3').list('priv/lock')).toEqual({ ok: true, value: [] });
    for (const daemon of [one, two]) {
      expect(await daemon.journal()).toMatchObject({ open: [], torn: 0 });
      expect((await readdir(daemon.state)).filter((name) => name.endsWith('.sock') || name.endsWith('.tmp'))).toEqual([]);
      expect(await readdir(join(daemon.state, 'lock'))).toEqual([]);
    }
    expect(Object.values(stage.sim.state.tasks).filter(({ exitstatus }) => exitstatus !== 'OK')).toEqual([]);
    expect(Object.values(stage.sim.state.guests).map(({ vmid, node, config }) => [vmid, node, config['lock']])).toEqual([
      [101, 'pve2', undefined], [201, 'pve1', undefined], [202, 'pve1', undefined], [9000, 'pve1', undefined],
    ]);
  });

  step('no secret is in anything that was written', async () => {
    expect(stage.sim.state.guests[101]?.config['cipassword']).toBeDefined();
    const token = (await readFile(stage.tokenFile, 'utf8')).trim().split('=').at(-1) ?? '';
    const [written, texts] = await everythingWritten();
    expect(written).toEqual(expect.arrayContaining([expect.stringContaining('journal.jsonl'), expect.stringContaining('inventory.json'), expect.stringContaining('events.jsonl')]));
    const forms = [stage.secret, token].flatMap((value) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), Buffer.from(value).toString('base64').replace(/=+$/, ''), Buffer.from(value).toString('hex')]);
    for (const form of new Set(forms)) expect(texts.filter(([, text]) => text.includes(form)).map(([name]) => name)).toEqual([]);
  });
});

// -- the lab --------------------------------------------------------------------------------------------------------

function tasksOf(type: string, vmid: number): readonly TaskState[] {
  return Object.values(stage.sim.state.tasks).filter((task) => task.type === type && task.id === String(vmid));
}

function doneOnce(type: string, vmid: number): boolean {
  const tasks = tasksOf(type, vmid);
  return tasks.length === 1 && tasks[0]?.exitstatus === 'OK';
}

function isRunning(type: string, vmid: number): boolean {
  return tasksOf(type, vmid).some(({ endtime }) => endtime === undefined);
}

function guest(vmid: number): { readonly node: string; readonly isRunning: boolean } | undefined {
  const found = stage.sim.state.guests[vmid];
  return found && { node: found.node, isRunning: found.process !== undefined };
}

function describes(vmid: number, text: string): boolean {
  return String(stage.sim.state.guests[vmid]?.config['description'] ?? '').includes(text);
}

/** Files of the state folders and the repositories, unpacked, and what the daemons said; without the places where secrets lie. */
async function everythingWritten(): Promise<readonly [names: readonly string[], texts: readonly (readonly [name: string, text: string])[]]> {
  const { execa } = await import('execa');
  const names = (await readdir(stage.dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
    .filter((name) => ![stage.tokenFile, join(stage.dir, 'secrets.yaml')].includes(name) && !name.includes('/latido/') && !name.includes('/ssh/'));
  const texts = await Promise.all(names.map(async (name) => [name, await readFile(name, 'latin1')] as const));
  const history = (await execa('git', ['-C', stage.bare, 'log', '--all', '-p'])).stdout;
  return [names, [...texts, ['history', history], ['one', one.log()], ['two', two.log()]]];
}

// -- the daemons ----------------------------------------------------------------------------------------------------

async function statusOf(daemon: Daemon): Promise<JsonObject> {
  const status = (await daemon.ask({ do: 'status' }))?.['status'];
  return isObject(status) ? (status as JsonObject) : {};
}

async function phaseOf(daemon: Daemon): Promise<unknown> {
  return (await statusOf(daemon))['phase'];
}

/** It stands by, as a rule; on a machine so slow that the other lost the lease it works. */
async function isBack(daemon: Daemon): Promise<boolean> {
  const phase = await phaseOf(daemon);
  return phase !== undefined && phase !== 'starting';
}

async function eventsOf(daemon: Daemon): Promise<readonly JsonObject[]> {
  const events = (await daemon.ask({ do: 'events' }))?.['events'];
  return Array.isArray(events) ? events.filter((event): event is JsonObject => isObject(event)) : [];
}

function readyIn({ conditions }: JsonObject): JsonObject {
  const found = Array.isArray(conditions) ? conditions.find((each) => isObject(each) && each['type'] === 'Ready') : undefined;
  return isObject(found) ? (found as JsonObject) : {};
}

/** The one that has the lease; waited for, because for a while there may be none. */
function active(): Promise<Daemon> {
  return stage.until('a daemon has the lease', async () => {
    for (const daemon of [one, two]) {
      const phase = await phaseOf(daemon);
      if (phase === 'working' || phase === 'waiting') return daemon;
    }
    return undefined;
  });
}

async function killActive(): Promise<Daemon> {
  const daemon = await active();
  daemon.kill('SIGKILL');
  await daemon.ended();
  return daemon;
}

/** The active one says so, of the commit that the branch has. */
async function inSync(id?: string): Promise<void> {
  const head = id ?? (await headOf());
  await stage.until(`in sync with ${head}`, async () => {
    const status = await statusOf(await active());
    const ready = readyIn(status);
    return status['phase'] === 'waiting' && ready['reason'] === 'InSync' && String(ready['revision']).endsWith(head);
  });
}

async function headOf(): Promise<string> {
  const { execa } = await import('execa');
  return (await execa('git', ['-C', stage.bare, 'rev-parse', 'refs/heads/main'])).stdout;
}

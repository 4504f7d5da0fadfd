// A secret through the whole product on the simulated cluster: what is planned, what is sent, what is remembered, and that
// nothing of what was written anywhere tells it.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { planTexts } from '../../controller/cli/plan-json.ts';
import { renderPlan } from '../../controller/cli/render-plan.ts';
import { createLogger } from '../../controller/env/log.ts';
import { machineSecrets } from '../../controller/env/secret-files.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { ConnectionError, PveError } from '../../controller/model/doors.ts';
import type { PveApi, Store } from '../../controller/model/doors.ts';
import { Failure } from '../../controller/model/finding.ts';
import { isInSync } from '../../controller/model/plan.ts';
import { applyRound, planRound } from '../../controller/reconcile.ts';
import { createVault } from '../../controller/secrets/vault.ts';
import { START_MS } from '../sim/lab.ts';
import { warmSecrets } from '../harness/warm-secrets.ts';
import { CLUSTER, kindsFor, World } from '../harness/world.ts';

const FIRST = 'Tr0ub4dor & "three" ñ/+=';
const SECOND = 'another pass phrase, 2nd';

const MANIFESTS = `${CLUSTER}---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec:
  vmid: 100
  config: { ostype: l26, memory: 512, scsi0: { storage: local, size: 1G }, ciuser: admin, cipassword: { secret: web/password } }
---
apiVersion: latido/v1
kind: Storage
metadata: { name: offsite }
spec: { type: pbs, config: { server: b.example.org, datastore: d, username: u@pbs, password: { secret: web/password } } }
`;

let folder = '';
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'latido-secrets-')); });
afterEach(async () => rm(folder, { recursive: true, force: true }));

const commit = (text = MANIFESTS) => ({ parsed: parseFiles([{ path: 'cluster.yaml', text }]), revision: 'main@sha1:0000000' });

/** Real files, written at once: virtual time does not wait for a disk. */
function fileStore(dir: string): Store {
  mkdirSync(dir, { recursive: true });
  return {
    read: (name) => Promise.resolve(existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : undefined),
    write: (name, text) => Promise.resolve(writeFileSync(join(dir, name), text)),
    append: (name, line) => Promise.resolve(appendFileSync(join(dir, name), `${line}\n`)),
  };
}

/** A world whose secrets stand in the environment; `values` may be changed on the way. */
function worldWith(values: Record<string, string>, store = fileStore(join(folder, 'state'))) {
  const vault = createVault({ machine: machineSecrets({ config: {}, environment: values }), random: () => 0.25 });
  const world = new World({}, { store, secrets: vault });
  const plan = async (text = MANIFESTS) => {
    await warmSecrets(vault, commit(text).parsed);
    await world.sim.clock.advance(30_000);
    // A version that was remembered by another process is compared by threads as well.
    const inventory = JSON.parse((await store.read('inventory.json')) ?? '{"memories":[]}') as { memories: { secrets?: Record<string, string> }[] };
    await vault.open([], new Map([['web/password', inventory.memories.flatMap(({ secrets = {} }) => Object.values(secrets))]]));
    return world.run(planRound(world.env, commit(text), kindsFor));
  };
  const apply = async (text = MANIFESTS) => {
    const round = await plan(text);
    const result = await world.run(applyRound(world.env, round));
    expect([...result.failed, ...result.unsettled]).toEqual([]);
    return round;
  };
  return { world, vault, plan, apply, store };
}

const ENV = 'LATIDO_SECRET_WEB_PASSWORD';
const changed = ({ plan }: Awaited<ReturnType<ReturnType<typeof worldWith>['plan']>>) => plan.changes.flatMap(({ ref, fields }) => fields.map(({ path }) => `${ref.kind}/${ref.name} ${path}`));

describe('a secret', () => {
  test('is sent with its value, and then the plan is empty', async () => {
    const { world, plan, apply } = worldWith({ [ENV]: FIRST });
    await apply();
    expect(world.guest(100).config.cipassword).toBe(FIRST);
    expect(isInSync((await plan()).plan)).toBe(true);
  });

  test('that changed is a change on every object that names it, and on nothing else', async () => {
    const values: Record<string, string> = { [ENV]: FIRST };
    const { world, plan, apply } = worldWith(values);
    await apply();
    values[ENV] = SECOND;
    expect(changed(await plan())).toEqual(['Storage/offsite config.password', 'VirtualMachine/web config.cipassword']);
    await apply();
    expect(world.guest(100).config.cipassword).toBe(SECOND);
    expect(isInSync((await plan()).plan)).toBe(true);
  });

  test('is known again by another process, from the inventory', async () => {
    const first = worldWith({ [ENV]: FIRST });
    await first.apply();
    const vault = createVault({ machine: machineSecrets({ config: {}, environment: { [ENV]: FIRST } }), random: () => 0.75 });
    const inventory = JSON.parse((await first.store.read('inventory.json')) ?? '') as { memories: { secrets?: Record<string, string> }[] };
    const versions = [...new Set(inventory.memories.flatMap(({ secrets = {} }) => Object.values(secrets)))];
    expect(versions).toHaveLength(1);
    expect((await vault.open([], new Map([['web/password', versions]]))).versions.get('web/password')).toBe(versions[0]);
  });

  test('is not written again when the inventory is lost, and is remembered by the next apply', async () => {
    const values: Record<string, string> = { [ENV]: FIRST };
    const { plan, apply } = worldWith(values);
    await apply();
    await rm(join(folder, 'state', 'inventory.json'));
    expect(isInSync((await plan()).plan)).toBe(true);
    await apply();
    values[ENV] = SECOND;
    expect(changed(await plan())).toEqual(['Storage/offsite config.password', 'VirtualMachine/web config.cipassword']);
  });

  test('that somebody took away is written again', async () => {
    const { world, plan, apply } = worldWith({ [ENV]: FIRST });
    await apply();
    delete world.guest(100).config.cipassword;
    expect(changed(await plan())).toEqual(['VirtualMachine/web config.cipassword']);
  });

  test('whose write failed is planned again', async () => {
    const values: Record<string, string> = { [ENV]: FIRST };
    const { world, plan, apply, vault } = worldWith(values);
    await apply();
    values[ENV] = SECOND;
    const round = await plan();
    const pve: PveApi = { get: (...args) => world.env.pve.get(...args), write: () => Promise.reject(new PveError(500, `refused '${SECOND}'`)), learnNodes: () => {}, stats: world.env.pve.stats };
    const result = await world.run(applyRound({ ...world.env, pve }, round));
    expect(result.failed).toHaveLength(2);
    expect(JSON.stringify(result.failed)).not.toContain(SECOND);
    expect(JSON.stringify(result.failed)).toContain('refused \'<secret>\'');
    expect(vault.hide(`${SECOND} ${Buffer.from(SECOND).toString('base64')}`)).toBe('<secret> <secret>');
    expect(changed(await plan())).toEqual(['Storage/offsite config.password', 'VirtualMachine/web config.cipassword']);
  });

  test('is in no file, plan, log or page that was written, however spelled', async () => {
    const lines: string[] = [];
    const values: Record<string, string> = { [ENV]: FIRST };
    const { world, vault, plan, apply } = worldWith(values);
    const log = createLogger({ clock: { now: () => START_MS, sleep: () => Promise.resolve() }, level: 'debug', format: 'json', write: (text) => lines.push(text), hide: (text) => vault.hide(text) });
    for (const value of [FIRST, SECOND]) {
      values[ENV] = value;
      const round = await plan();
      await writeFile(join(folder, `plan-${value.length}.json`), [...planTexts(round.plan)].join(''));
      await writeFile(join(folder, `plan-${value.length}.txt`), renderPlan(round.plan, { color: false, width: 100, verbose: true }));
      await apply();
      log.info({ answer: `it said ${value}`, form: encodeURIComponent(value) }, `told ${Buffer.from(value).toString('hex')}`);
    }
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')));
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['inventory.json', 'journal.jsonl', `plan-${FIRST.length}.json`]));
    const all = [...texts, ...lines].join('\n');
    expect(all).toContain('web/password');
    expect(lines).toHaveLength(2);
    for (const value of [FIRST, SECOND]) {
      const bytes = Buffer.from(value);
      const spelled = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), new URLSearchParams({ v: value }).toString().slice(2), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')];
      for (const one of spelled) expect(all).not.toContain(one);
    }
    // And yet it arrived.
    expect(world.guest(100).config.cipassword).toBe(SECOND);
  });
});

describe('a finding', () => {
  const findings = async (text: string, values: Record<string, string> = {}) => {
    const { world } = worldWith(values);
    const error: unknown = await world.run(planRound(world.env, commit(text), kindsFor)).catch((thrown: unknown) => thrown);
    return error instanceof Failure ? error.findings.filter(({ severity }) => severity === 'error').map(({ code, place, fact }) => `${code} ${place?.line}:${place?.column} ${fact}`) : error;
  };

  test('names the place of each use of a secret that is missing', async () => {
    expect(await findings(MANIFESTS)).toEqual([
      "SECRET_MISSING 19:84 there is no secret 'web/password'",
      "SECRET_MISSING 14:91 there is no secret 'web/password'",
    ]);
  });

  test('says that a value which Proxmox shows cannot be a secret', async () => {
    expect(await findings(MANIFESTS.replace('ciuser: admin', 'ciuser: { secret: web/user }'), { [ENV]: FIRST })).toEqual([
      'OPTION_INVALID 14:76 config.ciuser cannot be a secret: Proxmox shows it to everybody who may look at VirtualMachine/web',
    ]);
  });

  test('says that a name is none', async () => {
    expect(await findings(MANIFESTS.replace('cipassword: { secret: web/password }', 'cipassword: { secret: "../x" }'), { [ENV]: FIRST })).toEqual([expect.stringContaining("'../x' is no name of a secret")]);
  });
});

test('a password in clear is warned of', async () => {
  const { plan } = worldWith({});
  const { plan: { warnings } } = await plan(MANIFESTS.replaceAll('{ secret: web/password }', 'hunter22'));
  expect(warnings.filter(({ fact }) => fact.includes('in clear')).map(({ fix }) => fix)).toEqual(['write { secret: NAME }, or use ssh keys (ssh-public-keys, sshkeys)', 'write { secret: NAME }']);
});

test('a lost connection is told without the value', async () => {
  const vault = createVault({ machine: machineSecrets({ config: {}, environment: { [ENV]: FIRST } }), random: () => 0.5 });
  const opened = await vault.open([], new Map([['web/password', []]]));
  const pve: PveApi = { get: () => Promise.resolve([{ t: `line with ${FIRST}` }]), write: () => Promise.reject(new ConnectionError('closed', true, `while ${FIRST}`)), learnNodes: () => {}, stats: { calls: 0, bytes: 0 } };
  const wire = opened.wire(pve);
  await expect(wire.write('PUT', '/x', { password: { secret: 'web/password' } })).rejects.toThrow('while <secret>');
  await expect(wire.write('PUT', '/x', { password: { secret: 'other' } })).rejects.toThrow('SECRET_MISSING');
  expect(await wire.get('/nodes/pve1/tasks/UPID:1/log')).toEqual([{ t: 'line with <secret>' }]);
});

// The first steps on a new machine, up to a daemon that could be started: a real lab behind sockets, real git, a `pveum` that notes its words.
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Terminal } from '../../controller/cli/context.ts';
import { initCommand } from '../../controller/cli/init.ts';
import { commandText, configText, differenceLines } from '../../controller/cli/init-text.ts';
import { readCommitOf, validateCommit } from '../../controller/cli/manifests.ts';
import { privilegesFor } from '../../controller/cli/privileges.ts';
import type { InitOptions } from '../../controller/cli/program.ts';
import { readConfig } from '../../controller/config/read.ts';
import { loadApiTables } from '../../controller/env/api-tables.ts';
import { realClock } from '../../controller/env/clock.ts';
import { createLogger } from '../../controller/env/log.ts';
import { thisMachine } from '../../controller/env/machine.ts';
import { createRealEnv } from '../../controller/env/world.ts';
import type { Machine } from '../../controller/model/doors.ts';
import { labCertificate, serve } from '../../controller/sim/server.ts';
import type { Served } from '../../controller/sim/server.ts';
import { Simulation } from '../../controller/sim/simulation.ts';
import { makePlace } from '../sources/repositories.ts';
import type { Place } from '../sources/repositories.ts';
import { contextOf } from './fake-context.ts';

const START = Date.UTC(2026, 0, 5, 8);
const SECRET = '00000000-0000-4000-8000-00000000beef';
const PROGRAM = ['/usr/bin/node', '/opt/latido/main.js'];
const PRIVILEGES = privilegesFor('9.2').map(({ name }) => name);

let place: Place;
let lab: Served;
let certificate: Awaited<ReturnType<typeof labCertificate>>;
const path = process.env['PATH'];

beforeEach(async () => {
  place = makePlace();
  const sim = new Simulation({ seed: 1, tables: loadApiTables('9.2'), startMs: START, cluster: {} });
  const { access } = sim.state;
  access.users['latido@pve'] = { enable: 1, expire: 0 };
  access.tokens['latido@pve!gitops'] = { secret: SECRET, privsep: 1, expire: 0 };
  access.roles['Latido'] = PRIVILEGES;
  access.acl.push({ path: '/', type: 'user', ugid: 'latido@pve', roleid: 'Latido', propagate: 1 }, { path: '/', type: 'token', ugid: 'latido@pve!gitops', roleid: 'Latido', propagate: 1 });
  certificate = await labCertificate(new Date(START));
  lab = await serve(sim, { port: 0, speed: 1, certificate });
});
afterEach(async () => {
  process.env['PATH'] = path;
  await lab.close();
  place.remove();
});

/** A `pveum` and a `pveversion` that come first on the PATH; what was run is in `calls`. */
function programs(answers: Readonly<Record<string, string>> = {}): () => readonly string[] {
  mkdirSync(place.path('bin'));
  const all = { 'role list': '[]', 'user list': '[{"userid":"root@pam"}]', 'user token list': '[]', 'user token add': JSON.stringify({ 'full-tokenid': 'latido@pve!gitops', info: { privsep: '1' }, value: SECRET }), ...answers };
  const cases = Object.entries(all).sort(([a], [b]) => b.length - a.length).map(([words, answer]) => `  "${words} "*) echo '${answer}';;\n`).join('');
  writeFileSync(place.path('bin', 'pveum'), `#!/bin/sh\nprintf '%s\\n' "$*" >> '${place.path('calls')}'\ncase "$* " in\n${cases}esac\n`);
  writeFileSync(place.path('bin', 'pveversion'), '#!/bin/sh\necho "pve-manager/9.2.11/abc (running kernel: 6.17)"\n');
  for (const name of ['pveum', 'pveversion']) chmodSync(place.path('bin', name), 0o755);
  process.env['PATH'] = `${place.path('bin')}:${path}`;
  return () => (existsSync(place.path('calls')) ? readFileSync(place.path('calls'), 'utf8').trimEnd().split('\n') : []);
}

const first = () => lab.endpoints[0]?.url ?? '';
/** A single node, as its cluster file system tells it; the lab answers in its place. */
const onNode = (pem = certificate.cert): Machine => ({
  ...thisMachine(process.env, 'lock'),
  read: (file) => {
    if (file === '/etc/pve/.members') return Promise.resolve({ ok: true, value: '{"nodename":"pve1","version":3,"cluster":{"name":"unq","quorate":1},"nodelist":{"pve2":{"id":2,"online":0,"ip":"10.0.0.2"},"pve1":{"id":1,"online":1,"ip":"127.0.0.1"}}}' });
    if (file === '/etc/pve/nodes/pve1/pve-ssl.pem') return Promise.resolve({ ok: true, value: pem });
    return file.startsWith('/etc/pve') ? Promise.resolve({ ok: false, errno: 'ENOENT' }) : thisMachine(process.env, 'lock').read(file);
  },
});
const elsewhere = (): Machine => ({ ...onNode(), read: (file) => (file.startsWith('/etc/pve') ? Promise.resolve({ ok: false, errno: 'ENOENT' }) : thisMachine(process.env, 'lock').read(file)) });

/** Answers by the first words of the question; one that is not expected ends the input. */
async function init(options: InitOptions, machine: Machine, answers?: Readonly<Record<string, string>>) {
  const hidden: string[] = [];
  const terminal: Partial<Terminal> = answers === undefined ? {} : {
    interactive: true,
    ask: (question, how) => {
      const found = Object.entries(answers).find(([start]) => question.startsWith(start))?.[1];
      if (how?.hidden === true) hidden.push(question);
      told.err += `${question}\n`;
      return Promise.resolve(found);
    },
  };
  const { context, told } = contextOf({
    clock: realClock, machine: () => Promise.resolve(machine),
    async open(cluster) {
      const env = await createRealEnv(cluster.spec, { stateDir: place.path('state'), log: createLogger({ clock: realClock, level: 'silent' }) });
      return { env, close: () => env.close() };
    },
  }, terminal);
  const code = await initCommand({ config: place.path('etc/config.yaml'), tokenFile: place.path('etc/unq.token'), ...options }, PROGRAM, context);
  return { code, hidden, ...told };
}
const flags = (): InitOptions => ({ endpoint: [first()], repository: place.path('infra.git'), manifests: place.path('infra'), yes: true });
const config = () => readFileSync(place.path('etc/config.yaml'), 'utf8');

describe('on a node', () => {
  test('everything is made with one yes, and doctor finds that it is enough', async () => {
    const calls = programs();
    const { code, out } = await init({ ...flags() }, onNode());
    expect(calls()).toEqual([
      'role list --output-format json', 'user list --output-format json',
      `role add Latido --privs ${PRIVILEGES.join(',')}`, 'user add latido@pve', 'acl modify / --users latido@pve --roles Latido',
      'user token add latido@pve gitops --privsep 1 --output-format json', 'acl modify / --tokens latido@pve!gitops --roles Latido',
    ]);
    expect(readFileSync(place.path('etc/unq.token'), 'utf8')).toBe(`latido@pve!gitops=${SECRET}\n`);
    expect(statSync(place.path('etc/unq.token')).mode & 0o777).toBe(0o600);
    expect(readConfig(config(), 'c')).toEqual({ cluster: 'unq', source: { repository: place.path('infra.git'), branch: 'main' } });
    expect(readFileSync(place.path('infra.git/hooks/pre-receive'), 'utf8')).toContain("'/opt/latido/main.js' receive-hook");
    const commit = await readCommitOf(place.path('infra'), 'unq');
    expect(validateCommit(commit, contextOf({}).context.world).desired?.cluster).toMatchObject({ ref: { name: 'unq' }, spec: { version: '9.2', endpoints: [first()], tls: { fingerprint: lab.fingerprint }, credentials: { tokenFile: place.path('etc/unq.token') } } });
    expect(out).toMatch(/ok +privileges: all that latido needs/);
    expect(out).toContain(`latido run --config ${place.path('etc/config.yaml')}`);
    expect(out).not.toContain(SECRET);
    expect(code).toBe(0);
  });

  test('a second time nothing is made again', async () => {
    const calls = programs();
    await init(flags(), onNode());
    const count = calls().length;
    const { out } = await init(flags(), onNode());
    expect(calls()).toHaveLength(count);
    expect(out).toMatch(/^Kept .*config\.yaml\.\nKept the token in .*\nKept the bare repository/);
  });

  test('a role that lacks something gets that, and keeps what it has', async () => {
    const calls = programs({ 'role list': JSON.stringify([{ roleid: 'Latido', privs: PRIVILEGES.filter((name) => name !== 'SDN.Use').concat('VM.Backup').join(',') }]), 'user list': '[{"userid":"latido@pve"}]' });
    await init(flags(), onNode());
    expect(calls()).toContain('role modify Latido --privs SDN.Use --append 1');
    expect(calls()).not.toContain('user add latido@pve');
  });

  test('a token whose secret nobody has is not replaced', async () => {
    const calls = programs({ 'user list': '[{"userid":"latido@pve"}]', 'user token list': '[{"tokenid":"gitops"}]' });
    await expect(init(flags(), onNode())).rejects.toThrow(/latido@pve!gitops exists already/);
    expect(calls().join()).not.toMatch(/ add | modify | remove /);
    expect(existsSync(place.path('etc'))).toBe(false);
  });

  test('a token that cannot be kept is removed again', async () => {
    const calls = programs();
    const machine = onNode();
    await expect(init(flags(), { ...machine, write: (file, text, mode) => (file.endsWith('.token') ? Promise.resolve({ ok: false, errno: 'ENOSPC' }) : machine.write(file, text, mode)) })).rejects.toThrow(/ENOSPC.*was removed again/);
    expect(calls().at(-1)).toBe('user token remove latido@pve gitops');
  });

  test('a node that shows another certificate than its own file is refused', async () => {
    programs();
    const other = await labCertificate(new Date(START));
    await expect(init(flags(), onNode(other.cert))).rejects.toThrow(/TLS_UNTRUSTED.* not the one that \/etc\/pve has for pve1/);
  });

  test('without a yes nothing is done', async () => {
    const calls = programs();
    await expect(init({ ...flags(), yes: false }, onNode(), { 'Name of the cluster': '', 'Do this?': 'no' })).rejects.toThrow(/not confirmed; nothing was changed/);
    expect(calls().join()).not.toMatch(/ add | modify /);
    expect(existsSync(place.path('etc'))).toBe(false);
  });
});

describe('elsewhere', () => {
  const answers = (): Readonly<Record<string, string>> => ({
    'Name of the cluster': 'unq', 'Addresses of its nodes': first(), 'Does `pvenode cert info`': 'yes', Which: '1', Path: place.path('infra.git'),
    'File for the API token': '', 'Folder for the first': '', 'The token,': `latido@pve!gitops=${SECRET}`, 'Do this?': 'yes',
  });
  test('each thing is asked, the commands for a node are shown, and the token is not', async () => {
    const { code, out, err, hidden } = await init({}, elsewhere(), answers());
    expect(err).toContain(lab.fingerprint);
    expect(err).toMatch(/ {2}pveum role add Latido --privs Sys\.Audit,/);
    expect(err).toContain("  pveum acl modify / --tokens 'latido@pve!gitops' --roles Latido");
    expect(hidden).toHaveLength(1);
    expect(out + err).not.toContain(SECRET);
    expect(readFileSync(place.path('etc/unq.token'), 'utf8')).toBe(`latido@pve!gitops=${SECRET}\n`);
    expect(out).toContain('The first manifest, for clusters/unq/cluster.yaml of your repository:');
    expect(code).toBe(0);
  });
  test('a certificate that is not confirmed ends it', async () => {
    await expect(init({}, elsewhere(), { ...answers(), 'Does `pvenode cert info`': 'no' })).rejects.toThrow(/TLS_UNTRUSTED.*was not confirmed/);
    expect(existsSync(place.path('etc'))).toBe(false);
  });
  test('on a pipe all that is missing is named at once', async () => {
    await expect(init({}, elsewhere())).rejects.toThrow(/it is not said: name of the cluster \(--cluster NAME\), addresses .*\(--endpoint URL…\), where commits come from \(--repository.*, that all of it is to be done \(--yes\)/);
  });
  test('--yes trusts nobody', async () => {
    await expect(init({ ...flags(), cluster: 'unq' }, elsewhere())).rejects.toThrow(/the certificate of .*, which shows [0-9A-F:]{95} \(--fingerprint SHA256…\)/);
    await expect(init({ ...flags(), cluster: 'unq', fingerprint: ['00:'.repeat(31).concat('00')] }, elsewhere())).rejects.toThrow(/TLS_UNTRUSTED.* not one that --fingerprint names/);
  });
  test('a configuration that says something else stays', async () => {
    mkdirSync(place.path('etc'));
    writeFileSync(place.path('etc/config.yaml'), 'cluster: other\nsource: { directory: /x }\n');
    writeFileSync(place.path('etc/unq.token'), `latido@pve!gitops=${SECRET}\n`, { mode: 0o600 });
    const all = { ...flags(), cluster: 'unq', fingerprint: [lab.fingerprint] };
    await expect(init(all, elsewhere())).rejects.toThrow(/is there and says something else/);
    expect(config()).toContain('cluster: other');
    expect((await init({ ...all, force: true }, elsewhere())).code).toBe(0);
    expect(config()).toContain('cluster: unq');
  });
});

describe('texts', () => {
  test('every setting that is switched on in the written configuration is valid', () => {
    const text = configText({ cluster: 'unq', source: { repository: '/srv/git/unq.git' } }).replaceAll(/^#(?=[a-z]| {2})/gm, '');
    expect(Object.keys(readConfig(text, 'c'))).toEqual(['cluster', 'source', 'intervalSeconds', 'state', 'follow', 'listen', 'notify', 'forge', 'secrets']);
  });
  test('Proxmox VE 7 has no SDN.Use', () => expect(privilegesFor('7.4').map(({ name }) => name)).toEqual(PRIVILEGES.filter((name) => name !== 'SDN.Use')));
  test('a command can be pasted', () => expect(commandText(['a', "it's", 'x!y', '/'])).toBe(`a 'it'\\''s' 'x!y' /`));
  test('a difference shows both', () => expect(differenceLines('a\nb\nc\n', 'a\nx\nc\nd\n')).toEqual(['- b', '+ x', '+ d']));
});

// In: the configuration of the daemon. Out: what stands in its way on this machine, check by check. Reads only.
// Must never fetch into the daemon's own folder, take its lease, nor show a secret.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DaemonConfig, FollowConfig, ListenConfig, SourceConfig } from '../config/schema.ts';
import { countFindings } from '../manifests/render-findings.ts';
import { parseFiles } from '../manifests/parse.ts';
import type { Machine, SourceCommit, Store } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import type { World } from './context.ts';
import { isRemote, sourceOf } from './daemon-source.ts';
import { rowsOf, text } from './daemon-status.ts';
import { checked } from './doctor.ts';
import type { Check } from './doctor.ts';
import { validateCommit } from './manifests.ts';
import { bytesText } from './terminal-text.ts';

export interface DaemonChecks { readonly checks: readonly Check[]; /** Absent: none could be had. */ readonly commit?: SourceCommit }

/** The journal and the copy of a repository are far smaller; a full disk stops the daemon from writing down what it does. */
const FREE_BYTES_MIN = 100 * 1024 * 1024;
const DAY_MS = 86_400_000;
/** Proxmox renews its own certificates two weeks before their end. */
const EXPIRES_SOON_DAYS = 14;

export async function daemonChecks(config: DaemonConfig, world: World): Promise<DaemonChecks> {
  const machine = await world.machine();
  const programs = await checked('programs', () => programChecks(config, machine));
  let commit: SourceCommit | undefined;
  const source = await checked('source', async () => {
    commit = await newestCommit(config, world);
    return commitChecks(commit, world);
  });
  const running = await isRunning(config, world);
  return {
    ...(commit === undefined ? {} : { commit }),
    checks: [
      ...programs, ...source,
      ...await checked('state', () => stateChecks(config, machine, world)),
      ...await checked('daemon', () => leaseChecks(config, running, machine, world)),
      ...(config.follow === undefined ? [] : await checked('follow', () => followChecks(config.follow as FollowConfig, config.source, machine, world))),
      ...(config.listen === undefined ? [] : await checked('listener', () => listenChecks(config.listen as ListenConfig, running, machine, world))),
      ...await secretChecks(config, machine),
    ],
  };
}

async function programChecks({ source }: DaemonConfig, machine: Machine): Promise<readonly Check[]> {
  const isOverSsh = source.repository !== undefined && isRemote(source.repository) && !/^https:/i.test(source.repository);
  const wanted: readonly (readonly [string, readonly string[], string])[] = [
    ...(source.directory === undefined ? [['git', ['git', '--version'], 'git'] as const] : []),
    ...(isOverSsh ? [['ssh', ['ssh', '-V'], 'openssh-client'] as const] : []),
    ...(source.signers?.allowedSigners === undefined ? [] : [['ssh-keygen', ['ssh-keygen', '-?'], 'openssh-client'] as const]),
    ...(source.signers?.keyring === undefined ? [] : [['gpg', ['gpg', '--version'], 'gnupg'] as const]),
  ];
  return Promise.all(wanted.map(async ([name, argv, parcel]): Promise<Check> => {
    const ran = await machine.run(argv);
    if (ran === undefined) return { name, state: 'error', fact: 'there is no such program', fix: `apt install ${parcel}` };
    const version = /\d+\.\d+[\w.]*/.exec(`${ran.stdout}\n${ran.stderr}`)?.[0];
    return { name, state: 'ok', fact: name === 'ssh-keygen' || version === undefined ? 'is there' : `version ${version}` };
  }));
}

/** Into a folder of its own, which is gone afterwards; nothing is remembered. */
async function newestCommit(config: DaemonConfig, world: World): Promise<SourceCommit> {
  const folder = await mkdtemp(join(tmpdir(), 'latido-doctor-'));
  const nothing: Store = { read: () => Promise.resolve(undefined), write: () => Promise.resolve(), append: () => Promise.resolve() };
  try {
    return await (await sourceOf(config, { store: nothing, folder }, world)).latest();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function commitChecks(commit: SourceCommit, world: World): readonly Check[] {
  const { findings } = validateCommit({ revision: commit.revision, parsed: parseFiles(commit.files) }, world);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return [{ name: 'source', state: 'ok', fact: `${commit.revision} is valid` }];
  const where = first.place === undefined ? '' : `${first.place.file}:${first.place.line}:${first.place.column} `;
  return [{ name: 'source', state: 'error', fact: `${commit.revision} is not valid, ${countFindings(errors)}: ${where}${first.code} ${first.fact}`, fix: first.fix ?? 'latido validate shows all of it' }];
}

async function stateChecks({ cluster, state }: DaemonConfig, machine: Machine, world: World): Promise<readonly Check[]> {
  const { folder } = world.daemon.store(cluster, state);
  let place = folder;
  let found = await machine.folder(place);
  // Where it is not there yet it will be made, so what is above counts.
  while (found === undefined && dirname(place) !== place) found = await machine.folder(place = dirname(place));
  if (found?.isWritable !== true) return [{ name: 'state', state: 'error', fact: `${place} cannot be written to`, fix: `give the user that runs latido the folder ${folder}` }];
  if (found.freeBytes < FREE_BYTES_MIN) return [{ name: 'state', state: 'warning', fact: `${place} has ${bytesText(found.freeBytes)} left`, fix: 'make room: on a full disk the daemon stops to act' }];
  return [{ name: 'state', state: 'ok', fact: `${folder}${place === folder ? '' : ' can be made'}, ${bytesText(found.freeBytes)} free` }];
}

/** What the daemon says of itself; undefined: none answers. */
async function isRunning({ cluster, state }: DaemonConfig, world: World): Promise<string | undefined> {
  const answer = await world.daemon.ask({ cluster, ...(state === undefined ? {} : { stateDir: state }) }, { do: 'status' }).catch(() => undefined);
  if (answer === undefined) return undefined;
  const status = isObject(answer['status']) ? answer['status'] : {};
  const ready = rowsOf(status['conditions']).find(({ type }) => type === 'Ready');
  if (status['phase'] === 'stand-by') return `runs here and stands by: ${text(ready?.['message'])}`;
  return `runs here: ${text(status['phase']) || 'running'}`;
}

async function leaseChecks({ cluster, state }: DaemonConfig, running: string | undefined, machine: Machine, world: World): Promise<readonly Check[]> {
  if (running !== undefined) return [{ name: 'daemon', state: 'ok', fact: running }];
  const here = await machine.workersIn(world.daemon.store(cluster, state).folder);
  if (here.length > 0) return [{ name: 'daemon', state: 'warning', fact: `none answers here, and ${here.join(', ')} works with its state folder`, fix: 'wait until it has ended' }];
  const lock = await machine.folder(`/etc/pve/priv/lock/latido-${cluster}`);
  return [{ name: 'daemon', state: 'ok', fact: lock === undefined ? 'none runs here, and nobody has the lease' : 'none runs here; a node of the cluster has the lease, or had it within the last two minutes' }];
}

async function followChecks({ address }: FollowConfig, { repository = '' }: SourceConfig, machine: Machine, { daemon }: World): Promise<readonly Check[]> {
  if (await machine.folder('/etc/pve/priv/lock') === undefined) return [{ name: 'follow', state: 'error', fact: 'here no /etc/pve can be used, through which the daemons of the nodes agree who works', fix: 'run latido-node.service, as root on a node; or remove follow' }];
  const isHere = (await daemon.ownAddresses()).includes(address);
  const who: Check = { name: 'follow', state: 'ok', fact: isHere ? `${address} is on this node: its daemon is the one to work` : `${address} is not on this node: its daemon stands by` };
  if (isRemote(repository)) return [who];
  return [who, { name: 'follow', state: 'warning', fact: 'commits come from this machine: the daemon of another node follows others, and these are away when this node is', fix: 'let the daemons of all nodes follow one repository, over ssh or https' }];
}

async function listenChecks({ address = '127.0.0.1', port = 8420, certificate, key }: ListenConfig, running: string | undefined, machine: Machine, world: World): Promise<readonly Check[]> {
  const trouble = running === undefined ? await machine.portTrouble(address, port) : undefined;
  const [chain, secret] = [await machine.read(certificate), await machine.read(key)];
  return [
    trouble === undefined
      ? { name: 'listener', state: 'ok', fact: `${address}:${port} is ${running === undefined ? 'free' : 'the daemon\'s'}` }
      : { name: 'listener', state: 'error', fact: `${address}:${port} cannot be listened on: ${trouble}`, fix: trouble === 'EADDRINUSE' ? 'choose another listen.port, or end who has it' : 'name an address of this machine in listen.address' },
    chain.ok ? certificateCheck(chain.value, secret.ok ? secret.value : undefined, certificate, world.clock.now()) : { name: 'certificate', state: 'error', fact: `${certificate} could not be read: ${chain.errno}`, fix: 'let the user that runs latido read it' },
    ...(secret.ok ? [] : [{ name: 'key', state: 'error', fact: `${key} could not be read: ${secret.errno}`, fix: 'let the user that runs latido read it' } as const]),
  ];
}

function certificateCheck(pem: string, key: string | undefined, file: string, nowMs: number): Check {
  const name = 'certificate';
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return { name, state: 'error', fact: `${file} holds no certificate in PEM`, fix: 'write the chain there, the certificate of this machine first' };
  }
  const days = Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS);
  if (days < 0) return { name, state: 'error', fact: `${file} expired ${-days} days ago`, fix: 'renew it; on a node: pvecm updatecerts --force' };
  if (key !== undefined && !key.includes('PRIVATE KEY')) return { name, state: 'error', fact: 'listen.key holds no private key in PEM', fix: 'name the file of the key' };
  if (days < EXPIRES_SOON_DAYS) return { name, state: 'warning', fact: `${file} expires in ${days} days`, fix: 'renew it; on a node: pvecm updatecerts --force' };
  return { name, state: 'ok', fact: `${file} is good for ${days} days` };
}

type Place = { readonly file: string } | { readonly env: string };

/** All that the configuration names; each is read and forgotten. */
async function secretChecks({ source, listen, notify = [], forge, secrets }: DaemonConfig, machine: Machine): Promise<readonly Check[]> {
  const named: readonly (readonly [string, Place | undefined])[] = [
    ['the token of the repository', source.https?.token], ['the secret of the webhook', listen?.webhook?.secret],
    ...notify.flatMap((channel) => [
      [`the address of ${channel.name}`, 'url' in channel ? channel.url : undefined], [`the secret of ${channel.name}`, 'secret' in channel ? channel.secret : undefined],
      [`the token of ${channel.name}`, 'token' in channel ? channel.token : undefined], [`the password of ${channel.name}`, 'password' in channel ? channel.password : undefined],
    ] as const),
    ['the token of the forge', forge?.token], ['the age key', secrets?.ageKey],
  ];
  const wanted = named.flatMap(([what, place]) => (place === undefined ? [] : [[what, place] as const]));
  const results = await Promise.all(wanted.map(([what, place]) => checked(what, () => machine.checkSecret(place, what).then(() => []))));
  const trouble = results.flat();
  return wanted.length === 0 || trouble.length > 0 ? trouble : [{ name: 'secrets', state: 'ok', fact: `${wanted.length === 1 ? 'the one' : `all ${wanted.length}`} that the configuration names can be read` }];
}

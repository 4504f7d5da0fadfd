// In: a way to run commands, and the nodes to ask. Out: what each tells of its DRBD, LVM and addresses. Reads only.
// Must never take silence for absence: a node that does not answer, or whose answer is not understood, is `unread`.
import { ADDRESSES, parseAddresses } from '../drbd/addresses.ts';
import { parseGenerations } from '../drbd/generations.ts';
import { LVS, parseGroups, parsePhysical, parseVolumes, PVS, VGS } from '../drbd/lvm.ts';
import { parseResFile } from '../drbd/res-file.ts';
import type { ResFile } from '../drbd/res-file.ts';
import { parseStatus8 } from '../drbd/status-8.ts';
import type { KernelReplica } from '../drbd/status-8.ts';
import { parseStatus9 } from '../drbd/status-9.ts';
import { ConnectionError } from '../model/doors.ts';
import type { Ssh, SshResult } from '../model/doors.ts';
import type { NodeStorageFact, ReplicaFact } from '../model/node-facts.ts';
import { READ_VERIFIES, script } from '../drbd/scripts.ts';
import { parseVerifies } from '../drbd/verify-notes.ts';
import { parseVirtualIp } from '../virtual-ip/report.ts';
import { READ_VIRTUAL_IP } from '../virtual-ip/scripts.ts';
import { NODE_LOCK_BUSY, underNodeLock } from './node-lock.ts';

/** Reads end at once or not at all; LVM may wait for a lock of its own. */
const READ_MS = 30_000;
const RES_FOLDER = '/etc/drbd.d';
/** Every line of every file with its name before it, and nothing that a shell has to expand. Exit 1: no line, 2: no folder. */
const RES_FILES = ['grep', '-r', '-H', '--include=*.res', '', RES_FOLDER];
const VERSION = ['cat', '/sys/module/drbd/version'];
/** One call for both programs. A node that does not answer it is unknown to VirtualIPs alone. */
const VIRTUAL_IP = script(READ_VIRTUAL_IP);
/** Only where a file names a checksum to compare by. */
const VERIFIES = script(READ_VERIFIES);
const FILTER = ['lvmconfig', 'devices/global_filter'];

/** `drbd`: the copies as the kernel and their metadata have them; `drift`: what drbdadm says of their files. */
export type Part = 'drbd' | 'drift' | 'lvm' | 'addresses';
const ALL: ReadonlySet<Part> = new Set(['drbd', 'drift', 'lvm', 'addresses']);

/**
 * @param ssh absent: every node is unread
 * @param parts a part that is not asked is empty in the answer, which says nothing of it
 */
export async function readNodes(ssh: Ssh | undefined, nodes: readonly string[], parts: ReadonlySet<Part> = ALL): Promise<ReadonlyMap<string, NodeStorageFact>> {
  return new Map(await Promise.all(nodes.map(async (node) => [node, ssh ? await readNode(ssh, node, parts) : silent(node, 'there is no way to it over ssh')] as const)));
}

function silent(node: string, why: string): NodeStorageFact {
  return { node, unread: why, replicas: new Map(), resFiles: new Map(), groups: [], volumes: [], physical: [], addresses: [] };
}

/** Why a node cannot be described. */
class Unread extends Error {}

async function readNode(ssh: Ssh, node: string, parts: ReadonlySet<Part>): Promise<NodeStorageFact> {
  const run = (argv: readonly string[]) => ssh.run(node, argv, { timeoutMs: READ_MS });
  try {
    // What a killed latido began may still run: its end is waited for.
    const lock = await run(underNodeLock(['true']));
    if (lock.code === NODE_LOCK_BUSY) throw new Unread('a command of latido still runs there');
    const [drbd, lvm, addresses] = await Promise.all([
      parts.has('drbd') ? readDrbd(run, node, parts.has('drift')) : { replicas: new Map(), resFiles: new Map() },
      parts.has('lvm') ? readLvm(run) : { groups: [], volumes: [], physical: [] },
      parts.has('addresses') ? readAddresses(run) : { addresses: [] },
    ]);
    return { node, ...drbd, ...lvm, ...addresses };
  } catch (error) {
    if (!(error instanceof Unread) && !(error instanceof ConnectionError)) throw error;
    return silent(node, error.message);
  }
}

type Run = (argv: readonly string[]) => Promise<SshResult>;

async function readDrbd(run: Run, node: string, isDriftAsked: boolean): Promise<Pick<NodeStorageFact, 'drbdVersion' | 'resFiles' | 'replicas' | 'configTrouble' | 'verifies'>> {
  const [version, files] = await Promise.all([run(VERSION), run(RES_FILES)]);
  const resFiles = textsOf(files);
  if (version.code !== 0) return { resFiles, replicas: new Map() };
  const drbdVersion = version.stdout.trim();
  const kernel = await readKernel(run, drbdVersion, node, resFiles);
  const [replicas, verifies] = await Promise.all([
    readReplicas(run, node, kernel, resFiles, drbdVersion, isDriftAsked),
    isDriftAsked && [...resFiles.values()].some((text) => text.includes('verify-alg')) ? readVerifies(run, kernel) : {},
  ]);
  return { drbdVersion, resFiles, ...replicas, ...verifies };
}

/** A node that does not tell keeps everything else: only nothing is compared then. */
async function readVerifies(run: Run, kernel: readonly KernelReplica[]): Promise<Pick<NodeStorageFact, 'verifies'>> {
  const { code, stdout } = await run(VERIFIES);
  return code === 0 ? { verifies: parseVerifies(stdout, (name) => kernel.find(({ resource }) => resource === name)?.minor) } : {};
}

async function readLvm(run: Run): Promise<Pick<NodeStorageFact, 'groups' | 'volumes' | 'physical' | 'lvmFilter'>> {
  const [groups, volumes, physical, filter] = await Promise.all([run(VGS), run(LVS), run(PVS), run(FILTER)]);
  return {
    groups: understood('vgs', groups, parseGroups), volumes: understood('lvs', volumes, parseVolumes), physical: understood('pvs', physical, parsePhysical),
    ...(filter.code === 0 ? { lvmFilter: filter.stdout.trim().replace(/^global_filter=/, '') } : {}),
  };
}

async function readAddresses(run: Run): Promise<Pick<NodeStorageFact, 'addresses' | 'virtualIp'>> {
  const [addresses, programs] = await Promise.all([run(ADDRESSES), run(VIRTUAL_IP)]);
  const virtualIp = programs.code === 0 ? parseVirtualIp(programs.stdout) : undefined;
  return { addresses: understood('ip', addresses, parseAddresses), ...(virtualIp ? { virtualIp } : {}) };
}

function understood<T>(what: string, { code, stdout, stderr }: SshResult, parse: (text: string) => T | undefined): T {
  const value = code === 0 ? parse(stdout) : undefined;
  if (value === undefined) throw new Unread(`${what} ended with exit code ${code}${firstLine(stderr)}`);
  return value;
}

function firstLine(text: string): string {
  const line = text.split('\n').find((each) => each.trim() !== '');
  return line === undefined ? '' : `: ${line.trim()}`;
}

function textsOf({ code, stdout, stderr }: SshResult): ReadonlyMap<string, string> {
  if (code > 2 || (code === 2 && !/No such file/.test(stderr))) throw new Unread(`${RES_FOLDER} could not be read${firstLine(stderr)}`);
  const texts = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const [, name, text = ''] = /^\/etc\/drbd\.d\/([^/:]+)\.res:(.*)$/.exec(line) ?? [];
    if (name !== undefined) texts.set(name, `${texts.get(name) ?? ''}${text}\n`);
  }
  return texts;
}

async function readKernel(run: Run, version: string, node: string, resFiles: ReadonlyMap<string, string>): Promise<readonly KernelReplica[]> {
  if (!version.startsWith('8.')) return understood('drbdsetup', await run(['drbdsetup', 'status', '--json']), parseStatus9);
  const [events, proc] = await Promise.all([run(['drbdsetup', 'events2', '--now', '--statistics']), run(['cat', '/proc/drbd'])]);
  const files = configured(resFiles);
  return understood('drbdsetup', events, (text) => parseStatus8(text, proc.stdout, (name) => files.get(name)?.hosts.find((host) => host.name !== node)?.name));
}

/** Files that are not understood are passed by: drbdadm itself says what is wrong with them. */
function configured(resFiles: ReadonlyMap<string, string>): ReadonlyMap<string, ResFile> {
  return new Map([...resFiles.values()].flatMap((text) => {
    const files = parseResFile(text);
    return typeof files === 'string' ? [] : files.map((file) => [file.name, file] as const);
  }));
}

async function readReplicas(run: Run, node: string, kernel: readonly KernelReplica[], resFiles: ReadonlyMap<string, string>, version: string, isDriftAsked: boolean): Promise<Pick<NodeStorageFact, 'replicas' | 'configTrouble'>> {
  const files = configured(resFiles);
  const here = [...files.values()].filter(({ hosts }) => hosts.some(({ name }) => name === node));
  const names = [...new Set([...kernel.map(({ resource }) => resource), ...here.map(({ name }) => name)])].sort();
  if (names.length === 0) return { replicas: new Map() };
  const [nop, ...replicas] = await Promise.all([
    // One broken file makes drbdadm refuse all of them.
    isDriftAsked ? run(['drbdadm', 'sh-nop']) : undefined,
    ...names.map(async (name) => [name, await readReplica(run, node, name, kernel.find(({ resource }) => resource === name), files.get(name), version, isDriftAsked)] as const),
  ]);
  const configTrouble = nop === undefined || nop.code === 0 ? undefined : firstLine(nop.stderr).replace(/^: /, '') || `drbdadm ended with exit code ${nop.code}`;
  return { replicas: new Map(replicas), ...(configTrouble === undefined ? {} : { configTrouble }) };
}

async function readReplica(run: Run, node: string, name: string, kernel: KernelReplica | undefined, file: ResFile | undefined, version: string, isDriftAsked: boolean): Promise<ReplicaFact> {
  const [adjust, generations] = await Promise.all([isDriftAsked ? run(['drbdadm', 'adjust', '-d', name]) : undefined, run(['drbdadm', 'get-gi', name])]);
  const peers = version.startsWith('8.') ? [] : (file?.hosts ?? []).filter((host) => host.name !== node).map((host) => host.name);
  const found = parseGenerations(generations.stdout, peers);
  const metadata = found.length > 0 ? 'present' : await metadataOf(run, name);
  // The dry run prints the shared secret as it is.
  const lines = (adjust?.stdout ?? '').replaceAll(/--shared-secret=\S+/g, '--shared-secret=…').split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return {
    resource: name, isUp: kernel !== undefined, generations: found, metadata,
    role: kernel?.role ?? 'Unknown', disk: kernel?.disk ?? 'Diskless', peers: kernel?.peers ?? [],
    ...(kernel?.minor === undefined ? {} : { minor: kernel.minor }), ...(kernel?.sizeBytes === undefined ? {} : { sizeBytes: kernel.sizeBytes }),
    ...(kernel?.suspended === undefined ? {} : { suspended: kernel.suspended }), ...(kernel?.quorum === undefined ? {} : { quorum: kernel.quorum }),
    ...(adjust?.code === 0 ? { adjust: lines } : {}),
  };
}

/** `create-md` overwrites only with force, and still it is never tried on what may hold a history. */
async function metadataOf(run: Run, name: string): Promise<ReplicaFact['metadata']> {
  const { code, stdout, stderr } = await run(['drbdadm', 'dump-md', name]);
  const said = `${stdout}\n${stderr}`;
  if (code === 0 || /is "unclean"/.test(said) || code === 20) return 'present';
  return /No valid meta data found/i.test(said) ? 'absent' : 'unknown';
}

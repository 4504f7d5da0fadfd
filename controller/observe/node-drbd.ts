// In: a node's answers. Out: its resource files, and its copies as the kernel, their metadata and drbdadm tell of them. Reads only.
// Must never take silence for absence. What can be asked together is asked together: it goes there in one session.
import { parseGenerations } from '../drbd/generations.ts';
import { parseResFile } from '../drbd/res-file.ts';
import type { ResFile } from '../drbd/res-file.ts';
import { commandsWithoutSecret } from '../drbd/res-text.ts';
import { READ_VERIFIES, script } from '../drbd/scripts.ts';
import { parseStatus8 } from '../drbd/status-8.ts';
import type { KernelReplica } from '../drbd/status-8.ts';
import { parseStatus9 } from '../drbd/status-9.ts';
import { parseVerifies } from '../drbd/verify-notes.ts';
import type { SshResult } from '../model/doors.ts';
import type { NodeStorageFact, ReplicaFact } from '../model/node-facts.ts';
import type { Run } from './batched.ts';
import { firstLine, understood, Unread } from './node-answers.ts';

const RES_FOLDER = '/etc/drbd.d';
/** Every line of every file with its name before it, and nothing that a shell has to expand. Exit 1: no line, 2: no folder. */
const RES_FILES = ['grep', '-r', '-H', '--include=*.res', '', RES_FOLDER];
const VERSION = ['cat', '/sys/module/drbd/version'];
/** Only where a file names a checksum to compare by. */
const VERIFIES = script(READ_VERIFIES);

export interface DrbdFiles {
  /** Absent: the kernel has no drbd module. */
  readonly version?: string;
  readonly texts: ReadonlyMap<string, string>;
}
type DrbdFacts = Pick<NodeStorageFact, 'drbdVersion' | 'resFiles' | 'replicas' | 'configTrouble' | 'verifies'>;

export async function readDrbdFiles(run: Run): Promise<DrbdFiles> {
  const [version, files] = await Promise.all([run(VERSION), run(RES_FILES)]);
  return { ...(version.code === 0 ? { version: version.stdout.trim() } : {}), texts: textsOf(files) };
}

export async function readReplicas(run: Run, node: string, { version, texts }: DrbdFiles, isDriftAsked: boolean): Promise<DrbdFacts> {
  // Without the module drbdsetup and drbdadm would load it.
  if (version === undefined) return { resFiles: texts, replicas: new Map() };
  const files = configured(texts);
  const here = [...files.values()].filter(({ hosts }) => hosts.some(({ name }) => name === node)).map(({ name }) => name);
  const ask = (name: string) => askOf(run, name, isDriftAsked);
  const [kernel, nop, inFiles, notes] = await Promise.all([
    readKernel(run, version, node, files),
    // One broken file makes drbdadm refuse all of them.
    isDriftAsked && texts.size > 0 ? run(['drbdadm', 'sh-nop']) : undefined,
    Promise.all(here.map(ask)),
    // After the kernel's states, because a session asks in this order: what ended between the two would else look as if it was broken off.
    isDriftAsked && [...texts.values()].some((text) => text.includes('verify-alg')) ? run(VERIFIES) : undefined,
  ]);
  const lost = await Promise.all(kernel.map(({ resource }) => resource).filter((name) => !here.includes(name)).map(ask));
  const asked = [...inFiles, ...lost].sort((a, b) => (a.name < b.name ? -1 : 1));
  const replicas = await Promise.all(asked.map(async (one) => [one.name, await replicaOf(run, node, one, kernel.find(({ resource }) => resource === one.name), files.get(one.name), version)] as const));
  const configTrouble = nop === undefined || nop.code === 0 ? undefined : firstLine(nop.stderr).replace(/^: /, '') || `drbdadm ended with exit code ${nop.code}`;
  return {
    drbdVersion: version, resFiles: texts, replicas: new Map(replicas), ...(configTrouble === undefined ? {} : { configTrouble }),
    // A node that does not tell keeps everything else: only nothing is compared then.
    ...(notes?.code === 0 ? { verifies: parseVerifies(notes.stdout, (name) => kernel.find(({ resource }) => resource === name)?.minor) } : {}),
  };
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

/** Files that are not understood are passed by: drbdadm itself says what is wrong with them. */
function configured(texts: ReadonlyMap<string, string>): ReadonlyMap<string, ResFile> {
  return new Map([...texts.values()].flatMap((text) => {
    const files = parseResFile(text);
    return typeof files === 'string' ? [] : files.map((file) => [file.name, file] as const);
  }));
}

async function readKernel(run: Run, version: string, node: string, files: ReadonlyMap<string, ResFile>): Promise<readonly KernelReplica[]> {
  if (!version.startsWith('8.')) return understood('drbdsetup', await run(['drbdsetup', 'status', '--json']), parseStatus9);
  const [events, proc] = await Promise.all([run(['drbdsetup', 'events2', '--now', '--statistics']), run(['cat', '/proc/drbd'])]);
  return understood('drbdsetup', events, (text) => parseStatus8(text, proc.stdout, (name) => files.get(name)?.hosts.find((host) => host.name !== node)?.name));
}

interface Asked { readonly name: string; readonly adjust: SshResult | undefined; readonly generations: SshResult }

async function askOf(run: Run, name: string, isDriftAsked: boolean): Promise<Asked> {
  const [adjust, generations] = await Promise.all([isDriftAsked ? run(['drbdadm', 'adjust', '-d', name]) : undefined, run(['drbdadm', 'get-gi', name])]);
  return { name, adjust, generations };
}

async function replicaOf(run: Run, node: string, { name, adjust, generations }: Asked, kernel: KernelReplica | undefined, file: ResFile | undefined, version: string): Promise<ReplicaFact> {
  const peers = version.startsWith('8.') ? [] : (file?.hosts ?? []).filter((host) => host.name !== node).map((host) => host.name);
  const found = parseGenerations(generations.stdout, peers);
  const metadata = found.length > 0 ? 'present' : await metadataOf(run, name);
  const lines = commandsWithoutSecret(adjust?.stdout ?? '').split('\n').map((line) => line.trim()).filter((line) => line !== '');
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

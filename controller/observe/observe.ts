// In: the desired state, what we remember, and the API's door. Out: Facts, and Observed for every subject.
// Two beats: a handful of bulk calls, then the union of all kinds' reads, each asked once. Must never write.
import type { AnyKind, Registry } from '../model/kind.ts';
import type { Answer, Memory, Observed, Read, Subject } from '../model/change.ts';
import type { Desired } from '../model/desired.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Env, PveApi } from '../model/doors.ts';
import type { Facts } from '../model/facts.ts';
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { refText } from '../model/ref.ts';
import { readNodes } from './node-reads.ts';
import { BULK, networkPath, parseFacts } from './parse-facts.ts';

export interface Observation {
  readonly facts: Facts;
  readonly subjects: readonly Subject[];
  /** By `refText` of the subject. */
  readonly observed: ReadonlyMap<string, Observed>;
  readonly calls: number;
}

/** Bridges are asked of at most so many nodes, so that a plan stays within its 20 bulk calls. */
const BRIDGE_NODES_MAX = 5;

export async function observeFacts(env: Env, version: string): Promise<Facts> {
  const observedAt = env.clock.now();
  const paths = Object.values(BULK).filter((path) => path !== (Number(version) >= 9 ? BULK.haGroups : BULK.haRules));
  const answers = await ask(env.pve, paths.map((path) => ({ path })));
  requireBasics(answers);
  const facts = parseFacts(version, observedAt, answers, env.pve.asRoot);
  env.pve.learnNodes(Object.fromEntries(facts.nodes.flatMap((node) => (node.address ? [[node.name, node.address]] : []))));
  const online = facts.nodes.filter((node) => node.online);
  if (online.length > BRIDGE_NODES_MAX) return facts;
  const networks = await ask(env.pve, online.map((node) => ({ path: networkPath(node.name), node: node.name })));
  return parseFacts(version, observedAt, new Map([...answers, ...[...networks].filter(([, answer]) => answer.ok)]), env.pve.asRoot);
}

/** Asks the nodes themselves, over ssh, where some object needs it; the others cost nothing. */
export async function observeNodes(env: Env, desired: Desired, kinds: Registry, facts: Facts, memories: readonly Memory[]): Promise<Facts> {
  const isLeftover = memories.some((memory) => kinds.get(memory.ref.kind)?.isOnNodes && !desired.objects.some(({ ref }) => refText(ref) === refText(memory.ref)));
  const named = desired.objects.flatMap((object) => kinds.get(object.ref.kind)?.nodesToAsk?.(object) ?? []);
  const isForAll = isLeftover || desired.objects.some(({ ref }) => kinds.get(ref.kind)?.asksAllNodes);
  const nodes = [...new Set([...named, ...(isForAll ? facts.nodes.map(({ name }) => name) : [])])].sort();
  if (nodes.length === 0) return facts;
  env.ssh?.learnNodes(Object.fromEntries(facts.nodes.flatMap((node) => (node.address ? [[node.name, node.address]] : []))));
  const told = { ...facts, storageNodes: await readNodes(env.ssh, nodes) };
  const more = desired.objects.flatMap((object) => kinds.get(object.ref.kind)?.nodesNamedThere?.(object, told) ?? []).filter((name) => !nodes.includes(name));
  return more.length === 0 ? told : { ...told, storageNodes: new Map([...told.storageNodes, ...await readNodes(env.ssh, [...new Set(more)].sort())]) };
}

export async function observe(env: Env, desired: Desired, kinds: Registry, facts: Facts, memories: readonly Memory[], mark: string): Promise<Observation> {
  const before = env.pve.stats.calls;
  const subjects = subjectsOf(desired, kinds, facts, memories, mark);
  const reads = subjects.flatMap((subject) => kindOf(kinds, subject).reads(subject, facts, desired));
  const answers = await ask(env.pve, reads);
  const unasked: Answer = { ok: false, status: 0, message: 'was not asked' };
  const observed = new Map<string, Observed>();
  for (const subject of subjects) {
    observed.set(refText(subject.ref), kindOf(kinds, subject).observe(subject, facts, (path) => answers.get(path) ?? unasked, mark, desired));
  }
  return { facts, subjects, observed, calls: env.pve.stats.calls - before };
}

/** Everything to look at: what the manifests want, what we remember, and what carries our mark in the cluster. */
export function subjectsOf(desired: Desired, kinds: Registry, facts: Facts, memories: readonly Memory[], mark: string): readonly Subject[] {
  const subjects: Subject[] = [];
  const taken = new Set<string>();
  const key = (kind: AnyKind, id: string) => `${kind.idSpace}\0${id}`;
  const remembered = new Map<string, Memory>();
  for (const memory of memories) {
    const kind = kinds.get(memory.ref.kind);
    if (kind) remembered.set(key(kind, memory.id), memory);
  }
  const named = new Set<string>();
  const add = (kind: AnyKind, subject: Subject) => {
    if (taken.has(key(kind, subject.id))) return;
    taken.add(key(kind, subject.id));
    // Two guests may have one name (a copy has that of its origin), and all that is known of a subject is kept by its ref.
    const ref = named.has(refText(subject.ref)) ? { kind: subject.ref.kind, name: `${subject.ref.name} (${subject.id})` } : subject.ref;
    named.add(refText(ref));
    subjects.push({ ...subject, ref });
  };
  for (const object of desired.objects) {
    const kind = kinds.get(object.ref.kind);
    if (!kind) continue;
    const id = kind.id(object);
    const memory = remembered.get(key(kind, id));
    add(kind, { ref: object.ref, id, desired: object, ...(memory ? { memory } : {}) });
  }
  for (const kind of kinds.values()) {
    if (kind.neverPruned) continue;
    for (const marked of kind.marked(facts, mark)) {
      const memory = remembered.get(key(kind, marked.id));
      add(kind, { ref: memory?.ref ?? marked.ref, id: marked.id, ...(memory ? { memory } : {}) });
    }
  }
  for (const memory of memories) {
    const kind = kinds.get(memory.ref.kind);
    if (kind && !kind.neverPruned) add(kind, { ref: memory.ref, id: memory.id, memory });
  }
  return subjects;
}

/** Asks each path once, all at a time (the client bounds how many are under way). A lost connection is an answer too: unknown. */
async function ask(pve: PveApi, reads: readonly Read[]): Promise<ReadonlyMap<string, Answer>> {
  const unique = new Map(reads.map((read) => [read.path, read]));
  const entries = await Promise.all([...unique.values()].map(async (read) => [read.path, await askOne(pve, read)] as const));
  return new Map(entries);
}

async function askOne(pve: PveApi, read: Read): Promise<Answer> {
  try {
    return { ok: true, data: await pve.get(read.path, read.node ? { node: read.node } : {}) };
  } catch (error) {
    if (error instanceof PveError) return { ok: false, status: error.status, message: error.message.trim() };
    if (error instanceof ConnectionError) return { ok: false, status: 0, message: error.message };
    throw error;
  }
}

/** Without these nothing can be planned; a weak token would make a full cluster look empty. */
function requireBasics(answers: ReadonlyMap<string, Answer>): void {
  for (const path of [BULK.resources, BULK.status, BULK.haStatus] as const) {
    const answer = answers.get(path);
    if (answer?.ok) continue;
    const message = answer && !answer.ok ? answer.message : 'no answer';
    if (answer && !answer.ok && answer.status === 401) throw failure('AUTH_FAILED', `the cluster refused the credentials: ${message}`, { fix: 'check the token in spec.credentials' });
    if (answer && !answer.ok && answer.status === 403) throw failure('PERMISSION_DENIED', `${path}: ${message}`, { fix: 'give the token the privileges that the README lists' });
    throw failure('ENDPOINT_UNREACHABLE', `${path}: ${message}`, { fix: 'check spec.endpoints, the network and pveproxy on the nodes' });
  }
}

const NEEDED_PRIVILEGES: readonly (readonly [path: string, privilege: string])[] = [
  ['/', 'Sys.Audit'], ['/vms', 'VM.Audit'], ['/storage', 'Datastore.Audit'], ['/pool', 'Pool.Audit'],
];

/** A token without audit rights sees fewer objects, not errors (lists are filtered): then absence proves nothing, so we refuse to plan. */
export async function requireSight(pve: PveApi): Promise<void> {
  const granted = await pve.get('/access/permissions');
  const missing = NEEDED_PRIVILEGES.filter(([path, privilege]) => !grants(granted, path, privilege));
  if (missing.length === 0) return;
  throw failure('PERMISSION_DENIED', `the token lacks ${missing.map(([path, privilege]) => `${privilege} on ${path}`).join(', ')}, so it cannot see all that exists`, {
    fix: "give it (with a privilege-separated token: the user and the token) a role with these privileges on /, with propagation; the README's commands do",
  });
}

/** Proxmox always tells these paths, and leaves out one where there is no right at all; 0: granted here only, which does not show what is below. */
function grants(granted: unknown, path: string, privilege: string): boolean {
  if (!isObject(granted)) return false;
  const has = (rights: unknown, ...values: readonly unknown[]) => isObject(rights) && values.includes(rights[privilege]);
  // An object with rights of its own may be hidden although all others are shown.
  const below = path === '/' ? [] : Object.entries(granted).filter(([where]) => where.startsWith(`${path}/`));
  return has(granted[path], 1) && below.every(([, rights]) => has(rights, 0, 1));
}

function kindOf(kinds: Registry, subject: Subject): AnyKind {
  const kind = kinds.get(subject.ref.kind);
  if (!kind) throw new Error(`no kind ${subject.ref.kind}`);
  return kind;
}

// In: the guests that a step touches. Out: fresh knowledge about this moment. Reads only.
// Bulk figures are up to ten seconds old, so a guest that is about to be touched is asked itself (status/current).
import type { Answer } from '../model/change.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import type { Env } from '../model/doors.ts';
import type { GuestFact } from '../model/facts.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Condition } from '../model/step.ts';
import { readNodes } from '../observe/node-reads.ts';
import type { Part } from '../observe/node-reads.ts';
import { BULK, parseFacts, parseQuorate, rows } from '../observe/parse-facts.ts';
import type { Now } from '../safety/conditions.ts';

/** One bulk look serves all steps that start within this time. */
const FRESH_MS = 1_500;
const SLOW_MS = 3_000;
const PATHS = [BULK.resources, BULK.status, BULK.haStatus, BULK.haResources, BULK.tasks, BULK.managerStatus] as const;

export interface Looker {
  look(conditions: readonly Condition[]): Promise<Now>;
  /** The uuids of these guests, as far as they tell them. */
  identities(vmids: readonly number[]): Promise<ReadonlyMap<number, string>>;
  /** After an effect of ours what was seen before it says nothing any more. */
  forget(): void;
}

export function createLooker(env: Env, version: string): Looker {
  let last: { readonly at: number; readonly now: Promise<Now> } | undefined;
  const bulk = (): Promise<Now> => {
    const at = env.clock.now();
    if (!last || at - last.at >= FRESH_MS) last = { at, now: lookAll(env, version) };
    return last.now;
  };
  return {
    forget: () => { last = undefined; },
    identities: async (vmids) => {
      let now = await bulk();
      for (const vmid of vmids) now = await readConfig(env, vmid, now);
      return now.identities ?? new Map();
    },
    look: async (conditions) => {
      let now = await bulk();
      for (const vmid of new Set(conditions.flatMap((condition) => (OF_CONFIG.has(condition.is) && 'vmid' in condition ? [condition.vmid] : [])))) now = await readConfig(env, vmid, now);
      for (const vmid of new Set(conditions.flatMap((condition) => ('vmid' in condition && condition.is !== 'vmid-free' ? [condition.vmid] : [])))) now = await lookAt(env, vmid, now);
      const asked = conditions.flatMap((condition) => askedOf(condition) ?? []);
      const nodes = [...new Set(asked.flatMap((one) => one.nodes))].sort();
      if (nodes.length > 0) now = { ...now, storageNodes: await readNodes(env.ssh, nodes, new Set(asked.map(({ part }) => part))) };
      return env.clock.now() - (last?.at ?? 0) > SLOW_MS ? withQuorum(env, now) : now;
    },
  };
}

/** Which nodes only tell over ssh whether it holds, and what of them it takes: a wait asks again and again. */
function askedOf(condition: Condition): { readonly nodes: readonly string[]; readonly part: Part } | undefined {
  switch (condition.is) {
    case 'drbd-in-sync': case 'drbd-connected': case 'drbd-not-split': case 'drbd-new': case 'drbd-dispensable': return { nodes: condition.nodes, part: 'drbd' };
    case 'drbd-role': case 'drbd-uptodate': case 'drbd-usable': return { nodes: [condition.node], part: 'drbd' };
    case 'drbd-generations': return { nodes: Object.keys(condition.generations), part: 'drbd' };
    case 'volume-absent': case 'volume-is': case 'group-unused': return { nodes: [condition.node], part: 'lvm' };
    case 'address-held': return { nodes: condition.nodes, part: 'addresses' };
    default: return undefined;
  }
}

/** Asked again at the end of a look that took its time: nodes that answer late, or not at all, are how a quorum is lost. */
async function withQuorum(env: Env, now: Now): Promise<Now> {
  const answer = await ask(env, BULK.haStatus);
  return { ...now, quorate: parseQuorate(rows(new Map([[BULK.haStatus, answer]]), BULK.haStatus)) };
}

async function lookAll(env: Env, version: string): Promise<Now> {
  const answers = await Promise.all(PATHS.map(async (path) => [path, await ask(env, path)] as const));
  return parseFacts(version, env.clock.now(), new Map<string, Answer>(answers));
}

async function lookAt(env: Env, vmid: number, now: Now): Promise<Now> {
  const guest = now.guests.get(vmid);
  if (!guest) return now;
  const answer = await ask(env, `/nodes/${guest.node}/${guest.type}/${vmid}/status/current`, guest.node);
  if (!answer.ok) return { ...now, guests: new Map([...now.guests].filter(([id]) => id !== vmid)), unread: new Map([...now.unread, ['/cluster/resources', `guest ${vmid}: ${answer.message}`]]) };
  const { status, lock, template } = isObject(answer.data) ? answer.data : {};
  const { lock: _old, ...rest } = guest;
  const fresh: GuestFact = { ...rest, status: typeof status === 'string' ? status : 'unknown', template: guest.template || Number(template ?? 0) === 1, ...(typeof lock === 'string' && lock !== '' ? { lock } : {}) };
  return { ...now, guests: new Map([...now.guests, [vmid, fresh]]) };
}

/** What only its configuration tells. */
const OF_CONFIG: ReadonlySet<Condition['is']> = new Set(['guest-identity', 'slot-holds', 'guest-unchanged', 'guest-remnant']);

async function readConfig(env: Env, vmid: number, now: Now): Promise<Now> {
  const guest = now.guests.get(vmid);
  const answer = guest && await ask(env, `/nodes/${guest.node}/${guest.type}/${vmid}/config`, guest.node);
  if (!answer?.ok || !isObject(answer.data)) return now;
  const config = answer.data as JsonObject;
  const uuid = /uuid=([0-9a-f-]{36})/i.exec(String(config.smbios1 ?? ''))?.[1]?.toLowerCase();
  return {
    ...now, configs: new Map([...(now.configs ?? []), [vmid, config]]),
    ...(uuid === undefined ? {} : { identities: new Map([...(now.identities ?? []), [vmid, uuid]]) }),
  };
}

async function ask(env: Env, path: string, node?: string): Promise<Answer> {
  try {
    return { ok: true, data: await env.pve.get(path, node ? { node } : {}) };
  } catch (error) {
    if (error instanceof PveError) return { ok: false, status: error.status, message: error.message.trim() };
    if (error instanceof ConnectionError) return { ok: false, status: 0, message: error.message };
    throw error;
  }
}

// In: a Condition and what is known now. Out: nothing when it holds, else the reason as a sentence. Pure.
// Missing knowledge is unsafe: a fact that could not be read never lets a condition hold.
import type { Facts, GuestFact, TaskFact } from '../model/facts.ts';
import type { JsonObject } from '../model/json.ts';
import type { Condition } from '../model/step.ts';
import { indispensable } from './dispensable.ts';
import { addressElsewhere, groupUsed, notConnected, notInSync, notNew, notUpToDate, otherGenerations, otherLogicalVolume, otherRole, split, unusable, volumeThere } from './drbd.ts';

/** Fresh knowledge about one moment; guests that were asked singly replace what the bulk call said. */
export type Now = Pick<Facts, 'quorate' | 'nodes' | 'guests' | 'storages' | 'haResources' | 'haLeaving' | 'tasks' | 'unread' | 'storageNodes'> & {
  /** uuids of the guests that were asked for theirs. */
  readonly identities?: ReadonlyMap<number, string>;
  /** Configurations of the guests that were asked for theirs. */
  readonly configs?: ReadonlyMap<number, JsonObject>;
};

export function unmet(condition: Condition, now: Now): string | undefined {
  switch (condition.is) {
    case 'quorate': return now.quorate ? undefined : 'the cluster is not quorate';
    case 'node-online': return offline(condition.node, now);
    // A guest that is not there has nothing to do.
    case 'guest-idle': return busy(condition.vmid, now) ?? unread('/cluster/resources', now);
    case 'guest-is': return notTheGuest(condition, now);
    case 'guest-identity': return another(condition.vmid, condition.identity, now);
    case 'slot-holds': return otherVolume(condition, now);
    case 'guest-unchanged': return changed(condition.vmid, condition.digest, now);
    case 'guest-remnant': return notRemnant(condition, now);
    case 'guest-status': return otherStatus(condition.vmid, condition.status, now);
    case 'guest-on': return elsewhere(condition.vmid, condition.nodes, now);
    case 'guest-template': return withGuest(condition.vmid, now, (guest) => (guest.template ? undefined : `guest ${condition.vmid} is not a template yet`));
    case 'vmid-free': return taken(condition.vmid, now);
    case 'ha-state': return otherHaState(condition.sid, condition.states, now);
    case 'ha-absent': return stillInHa(condition.sid, now);
    case 'storage-has': return lacksRoom(condition, now);
    case 'maintenance': return wrongMaintenance(condition.node, condition.active, now);
    case 'drbd-in-sync': return notInSync(condition, now);
    case 'drbd-connected': return notConnected(condition, now);
    case 'drbd-new': return notNew(condition, now);
    case 'drbd-role': return otherRole(condition, now);
    case 'drbd-uptodate': return notUpToDate(condition, now);
    case 'drbd-usable': return unusable(condition, now);
    case 'drbd-dispensable': return indispensable(condition.node, now)?.reason;
    case 'drbd-not-split': return split(condition, now);
    case 'drbd-generations': return otherGenerations(condition, now);
    case 'volume-absent': return volumeThere(condition, now);
    case 'volume-is': return otherLogicalVolume(condition, now);
    case 'group-unused': return groupUsed(condition, now);
    case 'address-held': return addressElsewhere(condition, now);
    default: return unknownCondition(condition);
  }
}

export function offline(name: string, now: Pick<Now, 'nodes'>): string | undefined {
  const node = now.nodes.find((candidate) => candidate.name === name);
  if (!node) return `the cluster has no node ${name}`;
  return node.online ? undefined : `node ${name} is offline`;
}

/** Proxmox's own tasks of a guest carry its VMID as id; a lock stands in its configuration. */
export function busy(vmid: number, now: Pick<Now, 'guests' | 'tasks' | 'unread'>): string | undefined {
  const lock = now.guests.get(vmid)?.lock;
  return lock ? `guest ${vmid} is locked (${lock})` : taskOn(vmid, now);
}

export function taskOn(vmid: number, now: Pick<Now, 'tasks' | 'unread'>): string | undefined {
  const task = now.tasks.find((running) => running.id === String(vmid) && !isConsole(running));
  return task ? `task ${task.type} of ${task.user} is running on guest ${vmid} (${task.upid})` : unread('/cluster/tasks', now);
}

/** A console window is a task as well, for hours, and changes nothing. */
function isConsole(task: TaskFact): boolean {
  return /^(vncproxy|vncshell|spiceproxy|spiceshell|termproxy)$/.test(task.type);
}

/** Proxmox writes the lock before anything else, so that nobody takes the VMID, and takes it off with the rest in place. */
export function isRemnant(config: JsonObject): boolean {
  return config.lock === 'create' && Object.keys(config).every((key) => key === 'lock' || key === 'digest');
}

function notRemnant(condition: Extract<Condition, { is: 'guest-remnant' }>, now: Now): string | undefined {
  const { vmid, type, node } = condition;
  const config = now.configs?.get(vmid);
  if (config === undefined) return `guest ${vmid} did not tell its configuration`;
  return notTheGuest({ is: 'guest-is', vmid, type, node }, now) ?? (isRemnant(config) ? taskOn(vmid, now) : `guest ${vmid} is more than what a cut-off creation leaves`);
}

function withGuest(vmid: number, now: Now, check: (guest: GuestFact) => string | undefined): string | undefined {
  const blind = unread('/cluster/resources', now);
  if (blind) return blind;
  const guest = now.guests.get(vmid);
  return guest ? check(guest) : `guest ${vmid} does not exist`;
}

function notTheGuest(condition: Extract<Condition, { is: 'guest-is' }>, now: Now): string | undefined {
  return withGuest(condition.vmid, now, (guest) => {
    if (guest.type !== condition.type) return `VMID ${condition.vmid} is now a ${guest.type === 'lxc' ? 'container' : 'virtual machine'}`;
    if (guest.node !== condition.node) return `guest ${condition.vmid} moved to ${guest.node}`;
    if (condition.mark !== undefined && !guest.tags.includes(condition.mark)) return `guest ${condition.vmid} no longer carries the tag ${condition.mark}`;
    return offline(guest.node, now);
  });
}

function another(vmid: number, identity: string, now: Now): string | undefined {
  const live = now.identities?.get(vmid);
  if (live === undefined) return `guest ${vmid} did not tell its uuid`;
  return live === identity ? undefined : `guest ${vmid} is another one than was planned on (uuid ${live}, not ${identity})`;
}

function otherVolume({ vmid, slot, volume }: Extract<Condition, { is: 'slot-holds' }>, now: Now): string | undefined {
  const config = now.configs?.get(vmid);
  if (config === undefined) return `guest ${vmid} did not tell its configuration`;
  const live = String(config[slot] ?? 'nothing');
  return live.split(',').some((part) => part.replace(/^(?:file|volume)=/, '') === volume) ? undefined : `${slot} of guest ${vmid} holds ${live}, not ${volume}`;
}

function changed(vmid: number, digest: string, now: Now): string | undefined {
  const live = now.configs?.get(vmid)?.digest;
  if (live === undefined) return `guest ${vmid} did not tell its configuration`;
  return live === digest ? undefined : `somebody changed the configuration of guest ${vmid} since the plan`;
}

function stillInHa(sid: string, now: Now): string | undefined {
  if (now.haResources.has(sid)) return `${sid} is still an HA resource`;
  if (now.haLeaving?.has(sid)) return `the HA manager has not let go of ${sid} yet`;
  return unread('/cluster/ha/resources', now) ?? unread('/cluster/ha/status/current', now);
}

function otherStatus(vmid: number, status: string, now: Now): string | undefined {
  return withGuest(vmid, now, (guest) => (guest.status === status ? undefined : `guest ${vmid} is ${guest.status}, not ${status}`));
}

function elsewhere(vmid: number, nodes: readonly string[], now: Now): string | undefined {
  return withGuest(vmid, now, (guest) => (nodes.includes(guest.node) ? undefined : `guest ${vmid} is on ${guest.node}, not on ${nodes.join(' or ')}`));
}

function taken(vmid: number, now: Now): string | undefined {
  const guest = now.guests.get(vmid);
  return guest ? `VMID ${vmid} is taken by ${guest.name || 'a guest'} on ${guest.node}` : unread('/cluster/resources', now);
}

function otherHaState(sid: string, states: readonly string[], now: Now): string | undefined {
  const resource = now.haResources.get(sid);
  if (!resource) return unread('/cluster/ha/resources', now) ?? `${sid} is not an HA resource`;
  const state = resource.crmState ?? 'unknown';
  if (states.includes(state)) return undefined;
  return `the HA manager has ${sid} in state ${state}, not ${states.join(' or ')}`;
}

/** Thick storages must hold the bytes; what is thin is checked by the storage itself. */
function lacksRoom(condition: Extract<Condition, { is: 'storage-has' }>, now: Now): string | undefined {
  const row = now.storages.find((storage) => storage.storage === condition.storage && storage.node === condition.node);
  if (!row) return unread('/cluster/resources', now) ?? `node ${condition.node} has no storage ${condition.storage}`;
  if (!row.active) return `storage ${condition.storage} is not active on ${condition.node}`;
  const free = row.total - row.used;
  return free >= condition.bytes ? undefined : `storage ${condition.storage} has ${gib(free)} free on ${condition.node}, ${gib(condition.bytes)} are needed`;
}

function wrongMaintenance(name: string, active: boolean, now: Now): string | undefined {
  const node = now.nodes.find((candidate) => candidate.name === name);
  if (!node) return `the cluster has no node ${name}`;
  return node.maintenance === active ? undefined : `node ${name} is ${active ? 'not yet' : 'still'} in maintenance`;
}

function unread(path: string, now: Pick<Now, 'unread'>): string | undefined {
  const why = now.unread.get(path);
  return why === undefined ? undefined : `${path} could not be read: ${why}`;
}

export function gib(bytes: number): string {
  return `${Number((Math.max(0, bytes) / 2 ** 30).toFixed(2))} GiB`;
}

function unknownCondition(condition: never): string {
  return `unknown condition ${JSON.stringify(condition)}`;
}


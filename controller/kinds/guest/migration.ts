// In: where a guest is, where it may be, and Proxmox's preconditions. Out: whether and how it is moved. Pure.
// Must never call a migration online when anything local is attached.
import { objectsOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import { isObject } from '../../model/json.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import type { Desired } from '../../model/desired.ts';
import type { Facts, GuestType } from '../../model/facts.ts';
import { nodeFact } from '../../model/facts.ts';
import type { HaGroupSpec } from '../ha/group-schema.ts';
import { prioritiesOf } from '../ha/nodes.ts';
import { isNodeInMaintenance } from '../node/awaited.ts';
import { isDiskSlot, parseLiveDisk } from './disks.ts';
import type { GuestLive } from './live.ts';
import type { Op } from './ops.ts';
import { allowedNodes, chooseNode } from './placement.ts';
import type { GuestSpec } from './spec.ts';

/** Whether the guest is where it may not be, by manifests and facts alone: then the preconditions are worth asking. */
export function mustMove(object: DesiredObject<GuestSpec>, node: string, desired: Desired): boolean {
  const allowed = mayBeOn(object);
  return (allowed !== undefined && !allowed.includes(node)) || isNodeInMaintenance(desired, node);
}

export function migrationOp(type: GuestType, object: DesiredObject<GuestSpec>, live: GuestLive, context: KindContext): readonly Op[] {
  const from = live.guest.node;
  if (!mustMove(object, from, context.desired)) return [];
  const settled = live.ha && live.ha.state !== 'ignored' ? settledByGroup(object, from, context) : undefined;
  // The HA manager's own maintenance mode moves it, and keeps it away.
  if (settled && nodeFact(context.facts, from)?.maintenance) return [];
  if (settled?.length === 0) {
    return [{ op: 'stuck', path: 'placement', from, to: 'elsewhere', reason: `its HA group prefers ${from}, so that the HA manager would bring it back at once: run ha-manager crm-command node-maintenance enable ${from} on a node` }];
  }
  const allowed = (settled ?? mayBeOn(object) ?? context.facts.nodes.map((node) => node.name)).filter((node) => !isNodeInMaintenance(context.desired, node));
  const to = chooseNode(allowed, context.facts, (node) => node !== from && storagesReach(type, live, node, context.facts));
  if (to === undefined) {
    if (allowed.length === 0 && live.guest.status === 'stopped') return [];
    return [{ op: 'stuck', path: 'placement', from, to: allowed.join(' or ') || 'elsewhere', reason: whyNowhere(allowed, mayBeOn(object), from, context.facts) }];
  }
  return [{ op: 'migrate', from, to, through: live.ha && live.ha.state !== 'ignored' ? 'ha' : 'guest' }];
}

/** Where the HA manager would leave it: the nodes of its group that are preferred no less than the one where it is, or all of them without failback. */
function settledByGroup({ spec }: DesiredObject<GuestSpec>, from: string, { desired }: KindContext): readonly string[] | undefined {
  const group = objectsOf(desired, 'HAGroup').find(({ ref }) => ref.name === spec.ha?.group)?.spec as HaGroupSpec | undefined;
  if (!group) return undefined;
  const priorities = prioritiesOf(group.nodes);
  const least = spec.ha?.failback === false || group.nofailback === true ? 0 : priorities.get(from) ?? 0;
  return [...priorities].filter(([name, priority]) => name !== from && priority >= least && !isNodeInMaintenance(desired, name)).map(([name]) => name);
}

/** An HA guest with a group is placed by the HA manager, and moving it by hand would not last (IN-TIME 2 F). */
function mayBeOn(object: DesiredObject<GuestSpec>): readonly string[] | undefined {
  return object.spec.ha?.group !== undefined ? undefined : allowedNodes(object.spec);
}

function storagesReach(type: GuestType, live: GuestLive, node: string, facts: Facts): boolean {
  return volumes(type, live).every(({ storage }) => facts.storages.some((row) => row.storage === storage && row.node === node && row.active));
}

function whyNowhere(allowed: readonly string[], placement: readonly string[] | undefined, from: string, facts: Facts): string {
  const reasons = allowed.filter((name) => name !== from).map((name) => {
    const node = nodeFact(facts, name);
    if (!node) return `the cluster has no node ${name}`;
    if (!node.online) return `${name} is offline`;
    return node.maintenance ? `${name} is in maintenance` : `${name} lacks a storage that it needs`;
  });
  if (reasons.length > 0) return `it cannot move: ${reasons.join(', ')}`;
  return placement === undefined ? 'no other node may take it' : `its placement allows ${placement.join(' and ')} only, which ${placement.length === 1 ? 'is' : 'are'} in maintenance`;
}

export interface Volume { readonly slot: string; readonly volume: string; readonly storage: string; readonly bytes: number; readonly cdrom: boolean }

/** All volumes that the guest's configuration names, unused ones among them. */
export function volumes(type: GuestType, live: Pick<GuestLive, 'config'>): readonly Volume[] {
  return Object.entries(live.config).filter(([option]) => isDiskSlot(type, option) || /^unused\d+$/.test(option)).flatMap(([slot, text]) => {
    const disk = parseLiveDisk(String(text), type);
    return disk.storage === undefined ? [] : [{ slot, volume: disk.file, storage: disk.storage, bytes: disk.bytes ?? 0, cdrom: disk.cdrom && !disk.cloudinit }];
  }).sort((a, b) => (a.slot < b.slot ? -1 : 1));
}

export type MigrationMode =
  | { readonly mode: 'online' | 'online-local-disks' | 'offline' | 'restart'; readonly bytes: number; readonly memory: number; readonly note?: string }
  | { readonly mode: 'refused'; readonly reason: string };

/** How Proxmox can move it, from its own preconditions; unknown preconditions refuse. */
export function migrationMode(type: GuestType, live: GuestLive, to: string, facts: Facts): MigrationMode {
  const asked = live.preconditions;
  if (!isObject(asked)) return { mode: 'refused', reason: 'the migration preconditions could not be read' };
  const blocked = (asked.not_allowed_nodes ?? asked['not-allowed-nodes']) as Json | undefined;
  const why = isObject(blocked) ? blocked[to] : undefined;
  if (isObject(why) && Object.keys(why).length > 0) return { mode: 'refused', reason: `${to} cannot take it: ${JSON.stringify(why)}` };
  const running = live.guest.status !== 'stopped';
  const local = volumes(type, live).filter((volume) => facts.storages.some((row) => row.storage === volume.storage && row.node === live.guest.node && !row.shared));
  const medium = local.find((volume) => volume.cdrom);
  if (medium) return { mode: 'refused', reason: `${medium.slot} holds ${medium.volume}, which only ${live.guest.node} has: eject it first` };
  const devices = list(asked.local_resources);
  const bytes = local.reduce((sum, volume) => sum + volume.bytes, 0);
  const memory = running ? live.guest.memMax : 0;
  if (type === 'lxc') return running ? { mode: 'restart', bytes, memory: 0, note: 'a container is shut down, moved and started' } : { mode: 'offline', bytes, memory: 0 };
  if (!running) return { mode: 'offline', bytes, memory: 0 };
  if (devices.length > 0) return { mode: 'refused', reason: `local devices are attached (${devices.join(', ')}): a running guest cannot take them along` };
  return local.length > 0 ? { mode: 'online-local-disks', bytes, memory } : { mode: 'online', bytes: 0, memory };
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

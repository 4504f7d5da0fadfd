// In: a manifest whose guest does not exist. Out: what all ways of making it share: where it goes, what it takes, how it will look,
// and what to say when it cannot be made. Pure.
import type { FieldChange } from '../../model/change.ts';
import { objectsOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import { compareText } from '../../model/ref.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { hasFixedSize, isDiskSlot, parseDesiredDisk } from './disks.ts';
import type { ConfigValue, GuestLive } from './live.ts';
import { isNodeInMaintenance } from '../node/awaited.ts';
import type { Op } from './ops.ts';
import { allowedNodes, chooseNode, chooseStorage } from './placement.ts';
import type { GuestSpec } from './spec.ts';

export const CREATE_TIMEOUT = 30 * 60_000;
/** A guest without `memory` gets 512 MiB (API default). */
export const DEFAULT_MEMORY_MIB = 512;

/** A node that may have it and whose storages have room; without room anywhere the best node, so that the plan can say what lacks. */
export function placeNew(type: GuestType, object: DesiredObject<GuestSpec>, context: KindContext): string | undefined {
  const wanted = candidates(object, context);
  return chooseNode(wanted, context.facts, (node) => wantedVolumes(type, object).every(({ storages, bytes }) => !chooseStorage(storages, bytes, node, context.facts).full))
    ?? chooseNode(wanted, context.facts, () => true);
}

function candidates(object: DesiredObject<GuestSpec>, context: KindContext): readonly string[] {
  const allowed = allowedNodes(object.spec) ?? preferredByGroup(object, context) ?? context.facts.nodes.map((node) => node.name);
  return allowed.filter((node) => !isNodeInMaintenance(context.desired, node));
}

/** The online nodes of highest priority in its HA group: elsewhere the HA manager would move it at once. */
function preferredByGroup(object: DesiredObject<GuestSpec>, context: KindContext): readonly string[] | undefined {
  const group = objectsOf(context.desired, 'HAGroup').find((other) => other.ref.name === object.spec.ha?.group)?.spec as { readonly nodes?: Readonly<Record<string, number>> | readonly string[] } | undefined;
  if (!group?.nodes) return undefined;
  if (Array.isArray(group.nodes)) return group.nodes as readonly string[];
  const online = Object.entries(group.nodes as Readonly<Record<string, number>>).filter(([name]) => nodeFact(context.facts, name)?.online === true && !isNodeInMaintenance(context.desired, name));
  const highest = Math.max(...online.map(([, priority]) => Number(priority)));
  return online.length > 0 ? online.filter(([, priority]) => Number(priority) === highest).map(([name]) => name) : Object.keys(group.nodes);
}

export function wantedVolumes(type: GuestType, object: DesiredObject<GuestSpec>): readonly { readonly storages: readonly string[]; readonly bytes: number }[] {
  return Object.entries(object.spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).flatMap(([slot, value]) => {
    const disk = parseDesiredDisk(type, value);
    return !('problem' in disk) && disk.type === 'volume' ? [{ storages: disk.storages, bytes: hasFixedSize(slot) ? 0 : disk.bytes ?? 0 }] : [];
  });
}

/** What a new guest will be: the node that was chosen, and what its manifest writes. */
export function writtenFields({ spec }: DesiredObject<GuestSpec>, node: string): readonly FieldChange[] {
  const field = (path: string, to: Json): FieldChange => ({ path, from: undefined, to, effect: 'live' });
  return [
    field('placement', node), ...(spec.pool === undefined ? [] : [field('pool', spec.pool)]),
    ...Object.entries(spec.config ?? {}).sort(([a], [b]) => compareText(a, b)).map(([option, value]) => field(`config.${option}`, value)),
  ];
}

export function isAfterCreate(op: Op): boolean {
  return op.op === 'ha-create' || op.op === 'power' || op.op === 'template';
}

export function createGuards(vmid: number, node: string): readonly Condition[] {
  return [{ is: 'quorate' }, { is: 'node-online', node }, { is: 'vmid-free', vmid }];
}

export function newLive(type: GuestType, { ref, spec }: DesiredObject<GuestSpec>, node: string, config: Readonly<Record<string, ConfigValue>>, context: KindContext): GuestLive {
  const memory = Number(spec.config?.memory ?? DEFAULT_MEMORY_MIB);
  return {
    guest: { vmid: spec.vmid, type, node, name: ref.name, status: 'stopped', template: false, tags: [context.mark], memMax: (Number.isFinite(memory) ? memory : DEFAULT_MEMORY_MIB) * 2 ** 20, ...(spec.pool !== undefined ? { pool: spec.pool } : {}) },
    current: config, config, pending: [], ha: undefined, preconditions: undefined,
  };
}

export function nowhere(object: DesiredObject<GuestSpec>, context: KindContext): Step {
  const reasons = candidates(object, context).map((name) => {
    const node = nodeFact(context.facts, name);
    return !node ? `the cluster has no node ${name}` : node.online ? `${name} is in maintenance` : `${name} is offline`;
  });
  return blocked('create it', { code: 'NODE_OFFLINE', reason: reasons.length > 0 ? reasons.join(', ') : 'no node may take it', approvable: false }, object);
}

export function noTemplate(object: DesiredObject<GuestSpec>): Step {
  return blocked('clone it', { code: 'WAITS_FOR', reason: `there is no template ${object.spec.source?.template}`, approvable: false }, object);
}

export function blocked(title: string, hold: Hold, object: DesiredObject<GuestSpec>): Step {
  return { title, action: { via: 'wait', until: { is: 'vmid-free', vmid: object.spec.vmid } }, guards: [], risk: 'none', locks: [], timeoutMs: CREATE_TIMEOUT, hold };
}

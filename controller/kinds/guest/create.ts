// In: a guest that does not exist. Out: the steps that make it, from nothing, an image, a template or a backup. Pure.
// Must leave a guest that carries our mark as soon as Proxmox allows it, so that a kill in between orphans nothing.
import type { Change, FieldChange } from '../../model/change.ts';
import { objectsOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Facts, GuestFact, GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext, Steps, Usage } from '../../model/kind.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { compareText } from '../../model/ref.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { paramOf } from '../../pve/api-tables.ts';
import { gib } from '../../safety/conditions.ts';
import { newDisk } from './disk-ops.ts';
import type { NewDisk } from './disk-ops.ts';
import { hasFixedSize, isDiskSlot, parseDesiredDisk } from './disks.ts';
import type { ConfigValue, GuestLive } from './live.ts';
import { guestPath, parsePending } from './live.ts';
import { inMaintenance, volumes } from './migration.ts';
import { manifestsNamed, templateCalled } from './named.ts';
import { CREATE_ONLY_OPTIONS, changeEffect, createOnlyValue, requestValue, rootOnly } from './options.ts';
import { desiredOptions, guestOps, nameOption, splitTags } from './ops.ts';
import type { Op } from './ops.ts';
import { allowedNodes, chooseNode, chooseStorage, isThick } from './placement.ts';
import type { GuestSpec } from './spec.ts';
import { copyCost, copyTimeout, scopeOf, stepsOf } from './steps.ts';

const CREATE_TIMEOUT = 30 * 60_000;
/** A guest without `memory` gets 512 MiB (API default). */
const DEFAULT_MEMORY_MIB = 512;

export function createSteps(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  const object = change.subject.desired;
  if (!object) return { steps: [] };
  const origin = change.observed.state === 'absent' ? change.observed.origin : undefined;
  const node = placeNew(type, object, context);
  if (node === undefined) return { steps: [nowhere(object, context)] };
  const template = templateOf(type, object, context);
  if (object.spec.source?.template !== undefined) {
    return template ? cloneSteps(tables, type, object, node, template, origin, context) : { steps: [noTemplate(object)] };
  }
  return newSteps(tables, type, object, node, context);
}

/** A node that may have it and whose storages have room; without room anywhere the best node, so that the plan can say what lacks. */
function placeNew(type: GuestType, object: DesiredObject<GuestSpec>, context: KindContext): string | undefined {
  const wanted = candidates(object, context);
  return chooseNode(wanted, context.facts, (node) => wantedVolumes(type, object).every(({ storages, bytes }) => !chooseStorage(storages, bytes, node, context.facts).full))
    ?? chooseNode(wanted, context.facts, () => true);
}

function candidates(object: DesiredObject<GuestSpec>, context: KindContext): readonly string[] {
  const allowed = allowedNodes(object.spec) ?? preferredByGroup(object, context) ?? context.facts.nodes.map((node) => node.name);
  return allowed.filter((node) => !inMaintenance(context.desired, node));
}

/** The online nodes of highest priority in its HA group: elsewhere the HA manager would move it at once. */
function preferredByGroup(object: DesiredObject<GuestSpec>, context: KindContext): readonly string[] | undefined {
  const group = objectsOf(context.desired, 'HAGroup').find((other) => other.ref.name === object.spec.ha?.group)?.spec as { readonly nodes?: Readonly<Record<string, number>> | readonly string[] } | undefined;
  if (!group?.nodes) return undefined;
  if (Array.isArray(group.nodes)) return group.nodes as readonly string[];
  const online = Object.entries(group.nodes as Readonly<Record<string, number>>).filter(([name]) => nodeFact(context.facts, name)?.online === true && !inMaintenance(context.desired, name));
  const highest = Math.max(...online.map(([, priority]) => Number(priority)));
  return online.length > 0 ? online.filter(([, priority]) => Number(priority) === highest).map(([name]) => name) : Object.keys(group.nodes);
}

function wantedVolumes(type: GuestType, object: DesiredObject<GuestSpec>): readonly { readonly storages: readonly string[]; readonly bytes: number }[] {
  return Object.entries(object.spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).flatMap(([slot, value]) => {
    const disk = parseDesiredDisk(type, value);
    return !('problem' in disk) && disk.type === 'volume' ? [{ storages: disk.storages, bytes: hasFixedSize(slot) ? 0 : disk.bytes ?? 0 }] : [];
  });
}

function newSteps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, node: string, context: KindContext): Steps {
  const { spec, ref } = object;
  const made: NewDisk[] = [];
  const params: Record<string, string | number> = { vmid: spec.vmid };
  const later: Op[] = [];
  for (const [option, value] of Object.entries(desiredOptions(type, object)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const root = rootOnly(tables, type, option, value, spec.config ?? {});
    if (isDiskSlot(type, option)) {
      const disk = parseDesiredDisk(type, value);
      if ('problem' in disk) continue;
      const image = spec.source?.image !== undefined && option === firstDisk(type, spec) ? spec.source.image : undefined;
      const request = newDisk(type, option, spec.source?.storage && image && disk.type === 'volume' ? { ...disk, storages: [spec.source.storage] } : disk, node, context, image);
      made.push(request);
      params[option] = request.request;
      if (image && disk.type === 'volume' && disk.bytes !== undefined) later.push({ op: 'resize', slot: option, from: 0, to: disk.bytes });
    } else if (root) {
      later.push({ op: 'set', option, request: requestValue(tables, type, option, value, undefined), from: undefined, to: value, effect: 'live', rootOnly: root });
    } else {
      params[option] = CREATE_ONLY_OPTIONS.has(option) ? createOnlyValue(value) : requestValue(tables, type, option, value, undefined);
    }
  }
  params.tags = [...new Set([...splitTags(spec.config?.tags), context.mark])].sort().join(';');
  Object.assign(params, sourceParams(type, object));
  const creating = createStep(type, object, node, params, made, tables);
  const live = newLive(type, object, node, {}, context);
  const scope = scopeOf(tables, type, live.guest, context.mark);
  const after = guestOps(tables, type, { ref, id: String(spec.vmid), desired: object }, live, context).filter(isAfterCreate);
  const restored = spec.source?.backup === undefined ? [] : restoredOps(tables, type, object, live, context);
  return {
    steps: [...creating, ...stepsOf(scope, [...restored, ...later, ...after], live, context, spec, undefined)],
    notes: [...made.flatMap((disk) => (disk.note && !disk.full ? [disk.note] : [])), ...later.flatMap((op) => (op.op === 'set' && op.rootOnly ? [`${op.option}: ${op.rootOnly}`] : []))],
    uses: usage(object, node, made, context),
    fields: writtenFields(object, node),
  };
}

/** What the backup says of an option nobody knows yet: all that the manifest writes is written, defaults too. */
function restoredOps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, live: GuestLive, context: KindContext): readonly Op[] {
  const written = Object.entries(desiredOptions(type, object))
    .filter(([option, value]) => !isDiskSlot(type, option) && !CREATE_ONLY_OPTIONS.has(option) && !rootOnly(tables, type, option, value, object.spec.config ?? {})
      && changeEffect(tables, type, option, value, live, false).effect !== 'refused')
    .map(([option, value]): Op => ({ op: 'set', option, request: requestValue(tables, type, option, value, undefined), from: undefined, to: value, effect: 'live' }));
  const tags = guestOps(tables, type, { ref: object.ref, id: String(object.spec.vmid), desired: object }, live, context).filter((op) => op.op === 'set' && op.option === 'tags');
  return [...written, ...tags];
}

/** What a new guest will be: the node that was chosen, and what its manifest writes. */
function writtenFields({ spec }: DesiredObject<GuestSpec>, node: string): readonly FieldChange[] {
  const field = (path: string, to: Json): FieldChange => ({ path, from: undefined, to, effect: 'live' });
  return [
    field('placement', node), ...(spec.pool === undefined ? [] : [field('pool', spec.pool)]),
    ...Object.entries(spec.config ?? {}).sort(([a], [b]) => compareText(a, b)).map(([option, value]) => field(`config.${option}`, value)),
  ];
}

function isAfterCreate(op: Op): boolean {
  return op.op === 'ha-create' || op.op === 'power' || op.op === 'template';
}

function firstDisk(type: GuestType, spec: GuestSpec): string | undefined {
  return Object.keys(spec.config ?? {}).filter((option) => isDiskSlot(type, option) && !hasFixedSize(option)).sort()
    .find((slot) => { const disk = parseDesiredDisk(type, spec.config?.[slot] ?? null); return !('problem' in disk) && disk.type === 'volume'; });
}

function sourceParams(type: GuestType, { spec }: DesiredObject<GuestSpec>): Readonly<Record<string, string | number>> {
  const source = spec.source ?? {};
  const pool: Record<string, string> = spec.pool !== undefined ? { pool: spec.pool } : {};
  if (type === 'lxc') {
    if (source.backup !== undefined) return { ostemplate: source.backup, restore: 1, ...(source.storage ? { storage: source.storage } : {}), ...pool };
    return { ...(source.appliance !== undefined ? { ostemplate: source.appliance } : {}), ...pool };
  }
  if (source.backup !== undefined) return { archive: source.backup, ...(source.storage ? { storage: source.storage } : {}), ...pool };
  return { ...(source.iso !== undefined && spec.config?.ide2 === undefined ? { ide2: `${source.iso},media=cdrom` } : {}), ...pool };
}

function createStep(type: GuestType, object: DesiredObject<GuestSpec>, node: string, params: Readonly<Record<string, string | number>>, made: readonly NewDisk[], tables: ApiTables): readonly Step[] {
  const { spec } = object;
  const api = tables.method('POST', `/nodes/{node}/${type}`);
  // A restore takes the disks and most options from the backup: what the manifest says is set afterwards.
  const sent = spec.source?.backup === undefined ? params
    : Object.fromEntries(Object.entries(params).filter(([name]) => (['vmid', 'archive', 'ostemplate', 'restore', 'storage', 'pool', nameOption(type), 'tags'].includes(name) || CREATE_ONLY_OPTIONS.has(name)) && api && paramOf(api, name)));
  const full = made.find((disk) => disk.full);
  const hold: Hold | undefined = full ? { code: 'STORAGE_FULL', reason: full.note ?? 'the storage is full', approvable: false } : undefined;
  const volumesText = made.filter((disk) => disk.storage !== undefined && disk.bytes !== undefined).map((disk) => `${gib(disk.bytes ?? 0)} on ${disk.storage}`);
  const from = spec.source?.backup ?? spec.source?.image ?? spec.source?.appliance ?? spec.source?.iso;
  const title = `${spec.source?.backup ? 'restore' : 'create'} it on ${node}${volumesText.length > 0 && !spec.source?.backup ? ` with ${volumesText.join(', ')}` : ''}${from ? ` from ${from}` : ''}`;
  const thick = made.filter((disk) => disk.storage !== undefined && (disk.bytes ?? 0) > 0);
  return [{
    title, action: { via: 'pve', method: 'POST', path: `/nodes/${node}/${type}`, params: sent, node },
    guards: createGuards(spec.vmid, node), risk: 'none',
    locks: [`guest/${spec.vmid}`, ...new Set(thick.map((disk) => `storage/${disk.storage}`))], node, timeoutMs: CREATE_TIMEOUT, ...(hold ? { hold } : {}),
  }];
}

function createGuards(vmid: number, node: string): readonly Condition[] {
  return [{ is: 'quorate' }, { is: 'node-online', node }, { is: 'vmid-free', vmid }];
}

function usage(object: DesiredObject<GuestSpec>, node: string, made: readonly NewDisk[], context: KindContext): Usage {
  const type = (storage: string) => context.facts.storages.find((row) => row.storage === storage && row.node === node)?.type ?? '';
  const memory = Number(String(object.spec.config?.memory ?? DEFAULT_MEMORY_MIB).replace(/^current=/, ''));
  return {
    guests: { node, vmid: object.spec.vmid },
    ...(object.spec.power === 'running' || object.spec.ha ? { memory: { node, bytes: (Number.isFinite(memory) ? memory : DEFAULT_MEMORY_MIB) * 2 ** 20 } } : {}),
    storage: made.flatMap((disk) => (disk.storage !== undefined && disk.bytes !== undefined && isThick(type(disk.storage)) ? [{ storage: disk.storage, node, bytes: disk.bytes }] : [])),
  };
}

// -- from a template ------------------------------------------------------------------------------------------------

interface Template { readonly vmid: number; readonly guest: GuestFact | undefined; readonly desired: DesiredObject<GuestSpec> | undefined }

function liveNamed(type: GuestType, named: string | number, facts: Facts): GuestFact | undefined {
  if (typeof named === 'string') return templateCalled(facts, type, named);
  const guest = facts.guests.get(named);
  return guest?.type === type ? guest : undefined;
}

/** The template that a manifest names, live or made by this very commit. */
export function templateOf(type: GuestType, object: DesiredObject<GuestSpec>, context: Pick<KindContext, 'desired' | 'facts'>): Template | undefined {
  const named = object.spec.source?.template;
  if (named === undefined) return undefined;
  const [desired] = manifestsNamed(context.desired, type, named);
  const guest = desired ? context.facts.guests.get(desired.spec.vmid) : liveNamed(type, named, context.facts);
  const vmid = desired?.spec.vmid ?? guest?.vmid;
  return vmid === undefined ? undefined : { vmid, guest, desired };
}

function cloneSteps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, node: string, template: Template, origin: Json | undefined, context: KindContext): Steps {
  const { spec, ref } = object;
  const source = template.guest?.node ?? context.facts.placed?.get(template.vmid) ?? (template.desired ? placeNew(type, template.desired, context) : undefined) ?? node;
  const config = origin !== undefined ? parsePending(origin).config : template.desired ? pretendConfig(tables, type, template.desired, source, context) : {};
  const kept = volumes(type, { config });
  // Of a template whose volumes nobody has told yet the worst is assumed: that they are local.
  const isShared = kept.length > 0 && kept.every((volume) => context.facts.storages.some((row) => row.storage === volume.storage && row.node === source && row.shared));
  const full = spec.source?.full ?? true;
  const storage = full ? spec.source?.storage ?? commonStorage(type, object, config) : undefined;
  const bytes = full ? kept.reduce((sum, volume) => sum + (volume.cdrom ? 0 : volume.bytes), 0) : 0;
  // Proxmox clones onto another node only from shared storage to shared storage.
  const arrivesShared = storage === undefined || context.facts.storages.some((row) => row.storage === storage && row.shared);
  const direct = isShared && arrivesShared && source !== node;
  const params: Record<string, string | number> = {
    newid: spec.vmid, [nameOption(type)]: ref.name, ...(full ? { full: 1 } : { full: 0 }),
    ...(storage !== undefined ? { storage } : {}), ...(direct ? { target: node } : {}), ...(spec.pool !== undefined ? { pool: spec.pool } : {}),
  };
  const clone: Step = {
    title: `clone it from template ${template.vmid} on ${source}${full ? '' : ' (linked)'}${storage === undefined ? '' : `, disks on ${storage}`}${direct ? `, onto ${node}` : ''}`,
    action: { via: 'pve', method: 'POST', path: `${guestPath(type, source, template.vmid)}/clone`, params, node: source },
    guards: [...createGuards(spec.vmid, source), { is: 'node-online', node }, { is: 'guest-template', vmid: template.vmid }, { is: 'guest-idle', vmid: template.vmid }], risk: 'none', cost: copyCost(bytes),
    locks: [`guest/${spec.vmid}`, `guest/${template.vmid}`, ...(storage ? [`storage/${storage}`] : [])], node: source, timeoutMs: copyTimeout(bytes),
  };
  const arrivedOn = direct ? node : source;
  const live = newLive(type, object, arrivedOn, clonedConfig(type, config, object.ref.name, storage), context);
  const scope = scopeOf(tables, type, live.guest, undefined);
  const ops = guestOps(tables, type, { ref, id: String(spec.vmid), desired: object }, live, context).filter((op) => op.op !== 'migrate' && op.op !== 'stuck' && op.op !== 'pool');
  const moved = arrivedOn === node ? [] : [moveClone(type, spec.vmid, arrivedOn, node, bytes, scope.guards(arrivedOn))];
  const [before, after] = [ops.filter((op) => !isAfterCreate(op)), ops.filter(isAfterCreate)];
  const there = { ...live, guest: { ...live.guest, node } };
  return {
    steps: [clone, ...stepsOf(scope, before, live, context, spec, undefined), ...moved, ...stepsOf(scope, after, there, context, spec, undefined)],
    uses: { guests: { node, vmid: spec.vmid }, memory: { node, bytes: live.guest.memMax } },
    fields: writtenFields(object, node),
  };
}

function moveClone(type: GuestType, vmid: number, from: string, to: string, bytes: number, guards: readonly Condition[]): Step {
  return {
    title: `migrate it from ${from} to ${to} offline, because the template's disks are local to ${from}`,
    action: { via: 'pve', method: 'POST', path: `${guestPath(type, from, vmid)}/migrate`, params: { target: to }, node: from },
    guards: [...guards, { is: 'node-online', node: to }], risk: 'migration', cost: copyCost(bytes), locks: [`guest/${vmid}`], node: to, timeoutMs: copyTimeout(bytes),
  };
}

/** One storage for a full clone when the manifest wants all its disks on the same other one. */
function commonStorage(type: GuestType, object: DesiredObject<GuestSpec>, config: Readonly<Record<string, ConfigValue>>): string | undefined {
  const wanted = new Set(wantedVolumes(type, object).map(({ storages }) => storages[0]));
  const [only] = wanted;
  if (wanted.size !== 1 || only === undefined) return undefined;
  return volumes(type, { config }).some((volume) => volume.storage !== only && !volume.cdrom) ? only : undefined;
}

function clonedConfig(type: GuestType, config: Readonly<Record<string, ConfigValue>>, name: string, storage: string | undefined): Record<string, ConfigValue> {
  const cloned: Record<string, ConfigValue> = { ...config, [nameOption(type)]: name };
  for (const option of ['template', 'tags', 'parent', 'lock']) delete cloned[option];
  for (const option of Object.keys(cloned)) {
    if (/^unused\d+$/.test(option)) delete cloned[option];
    else if (storage !== undefined && isDiskSlot(type, option)) cloned[option] = String(cloned[option]).replace(/^[A-Za-z][\w.-]*:(?=.*size=)/, `${storage}:`);
  }
  // Tags are copied with the clone in reality; the mark is set whether or not they were.
  return cloned;
}

/** What the template will look like once this plan has made it. */
function pretendConfig(tables: ApiTables, type: GuestType, template: DesiredObject<GuestSpec>, node: string, context: KindContext): Record<string, ConfigValue> {
  const config: Record<string, ConfigValue> = {};
  for (const [option, value] of Object.entries(desiredOptions(type, template))) {
    if (!isDiskSlot(type, option)) { config[option] = requestValue(tables, type, option, value, undefined); continue; }
    const disk = parseDesiredDisk(type, value);
    if ('problem' in disk) continue;
    if (disk.type === 'given') { config[option] = newDisk(type, option, disk, node, context).request; continue; }
    const { storage, bytes } = newDisk(type, option, disk, node, context);
    const options = Object.entries(disk.options).map(([key, text]) => `,${key}=${text}`).join('');
    config[option] = disk.type === 'cloudinit' ? `${storage}:vm-${template.spec.vmid}-cloudinit,media=cdrom` : `${storage}:base-${template.spec.vmid}-disk-0${options},size=${Math.ceil((bytes ?? 2 ** 20) / 2 ** 20)}M`;
  }
  return config;
}

function newLive(type: GuestType, { ref, spec }: DesiredObject<GuestSpec>, node: string, config: Readonly<Record<string, ConfigValue>>, context: KindContext): GuestLive {
  const memory = Number(spec.config?.memory ?? DEFAULT_MEMORY_MIB);
  return {
    guest: { vmid: spec.vmid, type, node, name: ref.name, status: 'stopped', template: false, tags: [context.mark], memMax: (Number.isFinite(memory) ? memory : DEFAULT_MEMORY_MIB) * 2 ** 20, ...(spec.pool !== undefined ? { pool: spec.pool } : {}) },
    current: config, config, pending: [], ha: undefined, preconditions: undefined,
  };
}

// -- what cannot be -------------------------------------------------------------------------------------------------

function nowhere(object: DesiredObject<GuestSpec>, context: KindContext): Step {
  const reasons = candidates(object, context).map((name) => {
    const node = nodeFact(context.facts, name);
    return !node ? `the cluster has no node ${name}` : node.online ? `${name} is in maintenance` : `${name} is offline`;
  });
  return blocked('create it', { code: 'NODE_OFFLINE', reason: reasons.length > 0 ? reasons.join(', ') : 'no node may take it', approvable: false }, object);
}

function noTemplate(object: DesiredObject<GuestSpec>): Step {
  return blocked('clone it', { code: 'WAITS_FOR', reason: `there is no template ${object.spec.source?.template}`, approvable: false }, object);
}

function blocked(title: string, hold: Hold, object: DesiredObject<GuestSpec>): Step {
  return { title, action: { via: 'wait', until: { is: 'vmid-free', vmid: object.spec.vmid } }, guards: [], risk: 'none', locks: [], timeoutMs: CREATE_TIMEOUT, hold };
}

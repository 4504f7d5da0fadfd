// In: a guest that does not exist, and the template that it is made from. Out: the steps that clone it and make the copy what its
// manifest writes. Pure. Must never guess which template is meant, nor copy onto a storage without room.
import type { DesiredObject } from '../../model/desired.ts';
import type { Facts, GuestFact, GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext, Steps } from '../../model/kind.ts';
import { compareText } from '../../model/ref.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { createGuards, isAfterCreate, newLive, placeNew, wantedVolumes, writtenFields } from './new-guest.ts';
import { newDisk } from './disk-ops.ts';
import { isDiskSlot, parseDesiredDisk } from './disks.ts';
import type { ConfigValue } from './live.ts';
import { guestPath, parsePending } from './live.ts';
import { volumes } from './migration.ts';
import type { Volume } from './migration.ts';
import { manifestsNamed, templateCalled, templatesCalled } from './named.ts';
import { requestValue, shownText } from './options.ts';
import { desiredOptions, guestOps, nameOption } from './ops.ts';
import { chooseStorage, isThick } from './placement.ts';
import type { GuestSpec } from './spec.ts';
import { copyCost, copyTimeout, scopeOf } from './scope.ts';
import { stepsOf } from './steps.ts';

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

export function cloneSteps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, node: string, template: Template, origin: Json | undefined, context: KindContext): Steps {
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
  const needs = full ? needsOf(kept.filter((volume) => !volume.cdrom), storage) : [];
  const lacks = needs.flatMap((need) => lackOf(need, direct ? node : source, context) ?? []);
  const clone: Step = {
    title: `clone it from template ${template.vmid} on ${source}${full ? '' : ' (linked)'}${storage === undefined ? '' : `, disks on ${storage}`}${direct ? `, onto ${node}` : ''}`,
    action: { via: 'pve', method: 'POST', path: `${guestPath(type, source, template.vmid)}/clone`, params, node: source },
    guards: [...createGuards(spec.vmid, source), { is: 'node-online', node }, { is: 'guest-template', vmid: template.vmid }, { is: 'guest-idle', vmid: template.vmid }], risk: 'none', cost: copyCost(bytes),
    locks: [`guest/${spec.vmid}`, `guest/${template.vmid}`, ...(storage ? [`storage/${storage}`] : [])], node: source, timeoutMs: copyTimeout(bytes),
    ...(lacks.length === 0 ? {} : { hold: { code: 'STORAGE_FULL', reason: lacks.join(', and '), approvable: false } }),
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
    uses: { guests: { node, vmid: spec.vmid }, memory: { node, bytes: live.guest.memMax }, storage: needs.filter((need) => isThickOn(need.storage, arrivedOn, context)).map((need) => ({ ...need, node: arrivedOn })) },
    fields: writtenFields(object, node),
  };
}

interface Need { readonly storage: string; readonly bytes: number }

/** What a full copy takes of each storage. */
function needsOf(copied: readonly Volume[], storage: string | undefined): readonly Need[] {
  const bytes = new Map<string, number>();
  for (const volume of copied) bytes.set(storage ?? volume.storage, (bytes.get(storage ?? volume.storage) ?? 0) + volume.bytes);
  return [...bytes].map(([id, sum]) => ({ storage: id, bytes: sum })).sort((a, b) => compareText(a.storage, b.storage));
}

function lackOf({ storage, bytes }: Need, node: string, { facts }: KindContext): string | undefined {
  const choice = chooseStorage([storage], bytes, node, facts);
  return choice.full ? choice.note ?? `${storage} is full` : undefined;
}

function isThickOn(storage: string, node: string, { facts }: KindContext): boolean {
  return isThick(facts.storages.find((row) => row.storage === storage && row.node === node)?.type ?? '');
}

/** A name that several templates have means none of them. */
export function ambiguous(type: GuestType, object: DesiredObject<GuestSpec>, { desired, facts }: Pick<KindContext, 'desired' | 'facts'>): Hold | undefined {
  const named = object.spec.source?.template;
  if (typeof named !== 'string' || manifestsNamed(desired, type, named).length > 0) return undefined;
  const found = templatesCalled(facts, type, named);
  if (found.length < 2) return undefined;
  return { code: 'REFUSED', reason: `${found.length} templates are called ${named} (${found.map((guest) => guest.vmid).join(', ')}): name the one that is meant by its VMID`, approvable: false };
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
  for (const option of ['template', 'tags', 'parent', 'lock', 'cipassword']) delete cloned[option];
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
    if (!isDiskSlot(type, option)) { config[option] = shownText(requestValue(tables, type, option, value, undefined)); continue; }
    const disk = parseDesiredDisk(type, value);
    if ('problem' in disk) continue;
    if (disk.type === 'given') { config[option] = newDisk(type, option, disk, node, context).request; continue; }
    const { storage, bytes } = newDisk(type, option, disk, node, context);
    const options = Object.entries(disk.options).map(([key, text]) => `,${key}=${text}`).join('');
    config[option] = disk.type === 'cloudinit' ? `${storage}:vm-${template.spec.vmid}-cloudinit,media=cdrom` : `${storage}:base-${template.spec.vmid}-disk-0${options},size=${Math.ceil((bytes ?? 2 ** 20) / 2 ** 20)}M`;
  }
  return config;
}

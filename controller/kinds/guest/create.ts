// In: a guest that does not exist. Out: the steps that make it, from nothing, an image, a template or a backup. Pure.
// Must leave a guest that carries our mark as soon as Proxmox allows it, so that a kill in between orphans nothing.
import type { JsonObject } from '../../model/json.ts';
import type { SecretRef } from '../../model/secret.ts';
import type { Change } from '../../model/change.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { GuestType } from '../../model/facts.ts';
import type { KindContext, Steps, Usage } from '../../model/kind.ts';
import type { Hold, Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { paramOf } from '../../pve/api-tables.ts';
import { gib } from '../../safety/conditions.ts';
import { ambiguous, cloneSteps, templateOf } from './clone.ts';
import { newDisk } from './disk-ops.ts';
import type { NewDisk } from './disk-ops.ts';
import { hasFixedSize, isDiskSlot, parseDesiredDisk } from './disks.ts';
import type { GuestLive } from './live.ts';
import { blocked, CREATE_TIMEOUT, createGuards, DEFAULT_MEMORY_MIB, isAfterCreate, newLive, noTemplate, nowhere, placeNew, writtenFields } from './new-guest.ts';
import { CREATE_ONLY_OPTIONS, changeEffect, createOnlyValue, requestValue, rootOnly } from './options.ts';
import { desiredOptions, guestOps, nameOption, splitTags } from './ops.ts';
import type { Op } from './ops.ts';
import { isThick } from './placement.ts';
import { remnantNote, remnantStep } from './remnant.ts';
import type { GuestSpec } from './spec.ts';
import { scopeOf } from './scope.ts';
import { stepsOf } from './steps.ts';

export function createSteps(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  const object = change.subject.desired;
  if (!object) return { steps: [] };
  const made = makeSteps(tables, type, object, change, context);
  const remnant = change.observed.state === 'absent' ? change.observed.remnant : undefined;
  if (remnant === undefined) return made;
  return { ...made, steps: [remnantStep(type, object.spec.vmid, remnant), ...made.steps], notes: [...(made.notes ?? []), remnantNote(object.spec.vmid)] };
}

function makeSteps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  const origin = change.observed.state === 'absent' ? change.observed.origin : undefined;
  const node = placeNew(type, object, context);
  if (node === undefined) return { steps: [nowhere(object, context)] };
  const template = templateOf(type, object, context);
  if (object.spec.source?.template !== undefined) {
    const hold = ambiguous(type, object, context);
    if (hold) return { steps: [blocked('clone it', hold, object)] };
    return template ? cloneSteps(tables, type, object, node, template, origin, context) : { steps: [noTemplate(object)] };
  }
  return newSteps(tables, type, object, node, context);
}

function newSteps(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, node: string, context: KindContext): Steps {
  const { spec, ref } = object;
  const made: NewDisk[] = [];
  const params: Record<string, string | number | SecretRef> = { vmid: spec.vmid };
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

function createStep(type: GuestType, object: DesiredObject<GuestSpec>, node: string, params: JsonObject, made: readonly NewDisk[], tables: ApiTables): readonly Step[] {
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

function usage(object: DesiredObject<GuestSpec>, node: string, made: readonly NewDisk[], context: KindContext): Usage {
  const type = (storage: string) => context.facts.storages.find((row) => row.storage === storage && row.node === node)?.type ?? '';
  const memory = Number(String(object.spec.config?.memory ?? DEFAULT_MEMORY_MIB).replace(/^current=/, ''));
  return {
    guests: { node, vmid: object.spec.vmid },
    ...(object.spec.power === 'running' || object.spec.ha ? { memory: { node, bytes: (Number.isFinite(memory) ? memory : DEFAULT_MEMORY_MIB) * 2 ** 20 } } : {}),
    storage: made.flatMap((disk) => (disk.storage !== undefined && disk.bytes !== undefined && isThick(type(disk.storage)) ? [{ storage: disk.storage, node, bytes: disk.bytes }] : [])),
  };
}

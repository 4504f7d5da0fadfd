// In: what the manifest writes and the guest as it is. Out: the operations that make the one the other, as data.
// Pure; both the diff and the steps are made from these, so that what is shown is what is done.
import type { Effect, Subject } from '../../model/change.ts';
import { policyOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import { insideWindow } from '../../safety/windows.ts';
import { isSecretRef } from '../../model/secret.ts';
import type { SecretRef } from '../../model/secret.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { diskOps } from './disk-ops.ts';
import { isDiskSlot } from './disks.ts';
import type { GuestLive } from './live.ts';
import { changeEffect, CREATE_ONLY_OPTIONS, diffOption, requestValue, rootOnly } from './options.ts';
import { desiredHaState, haOps } from './ha.ts';
import { migrationOp } from './migration.ts';
import { isSecretDue } from '../secret-fields.ts';
import type { GuestSpec } from './spec.ts';

export type Op =
  | { readonly op: 'set'; readonly option: string; readonly request: string | SecretRef; readonly from: Json | undefined; readonly to: Json; readonly effect: Effect; readonly rootOnly?: string }
  | { readonly op: 'unset'; readonly option: string; readonly from: Json; readonly effect: Effect }
  | { readonly op: 'attach'; readonly slot: string; readonly request: string; readonly to: Json; readonly effect: Effect; readonly storage?: string; readonly bytes?: number; readonly note?: string; readonly full?: boolean }
  | { readonly op: 'resize'; readonly slot: string; readonly from: number; readonly to: number }
  | { readonly op: 'move-disk'; readonly slot: string; readonly from: string; readonly to: string; readonly bytes: number | undefined }
  | { readonly op: 'detach'; readonly slot: string; readonly volume: string; readonly bytes: number | undefined; readonly destroy: boolean; readonly effect: Effect; /** The guest runs and has it: taking it out may break what is on it. */ readonly inUse?: boolean }
  | { readonly op: 'refused'; readonly path: string; readonly from: Json | undefined; readonly to: Json | undefined; readonly reason: string }
  | { readonly op: 'pool'; readonly from: string | undefined; readonly to: string }
  | { readonly op: 'migrate'; readonly from: string; readonly to: string; readonly through: 'guest' | 'ha' }
  | { readonly op: 'stuck'; readonly path: string; readonly from: Json; readonly to: Json; readonly reason: string }
  | { readonly op: 'ha-create' | 'ha-update'; readonly params: Readonly<Record<string, string | number>>; readonly fields: readonly { readonly path: string; readonly from: Json | undefined; readonly to: Json | undefined }[]; readonly state: string }
  | { readonly op: 'ha-remove' }
  | { readonly op: 'ha-error'; readonly reason: string }
  | { readonly op: 'power'; readonly to: 'running' | 'stopped' }
  /** `theirs`: what else waits for a restart, set by nobody of ours, and comes in force with it. */
  | { readonly op: 'restart'; readonly options: readonly string[]; readonly theirs: readonly string[] }
  | { readonly op: 'waits'; readonly options: readonly string[]; readonly why?: string }
  /** Its options are written once it has moved: what waits for a restart names the volume, and would bring the old one back. */
  | { readonly op: 'after-move'; readonly slot: string }
  | { readonly op: 'template' };

/** Options that Proxmox writes itself, or that have a field of their own in the manifest. */
export const READONLY_OPTIONS: ReadonlySet<string> = new Set(['digest', 'lock', 'meta', 'parent', 'snaptime', 'snapstate', 'template', 'pending', 'runningmachine', 'runningcpu', 'vmstate', 'vmgenid']);

export function nameOption(type: GuestType): 'name' | 'hostname' {
  return type === 'qemu' ? 'name' : 'hostname';
}

/** The options of the manifest, with the guest's name among them; tags are apart because the mark is one. */
export function desiredOptions(type: GuestType, object: DesiredObject<GuestSpec>): Readonly<Record<string, Json>> {
  const { tags: _tags, ...config } = object.spec.config ?? {};
  return { [nameOption(type)]: object.ref.name, ...config };
}

const answered = new WeakMap<GuestLive, { readonly subject: Subject<GuestSpec>; readonly facts: KindContext['facts']; readonly desired: KindContext['desired']; readonly ops: readonly Op[] }>();

/** The diff, the fields and the steps of one guest ask alike on the same facts: the answer is kept with the guest. */
export function guestOps(tables: ApiTables, type: GuestType, subject: Subject<GuestSpec>, live: GuestLive, context: KindContext): readonly Op[] {
  const known = answered.get(live);
  if (known && known.subject === subject && known.facts === context.facts && known.desired === context.desired) return known.ops;
  const ops = operations(tables, type, subject, live, context);
  answered.set(live, { subject, facts: context.facts, desired: context.desired, ops });
  return ops;
}

function operations(tables: ApiTables, type: GuestType, subject: Subject<GuestSpec>, live: GuestLive, context: KindContext): readonly Op[] {
  const object = subject.desired;
  if (!object) return [];
  const spec = object.spec;
  const running = live.guest.status !== 'stopped';
  const written = desiredOptions(type, object);
  const ops: Op[] = unlessProtected(type, live, [
    ...Object.keys(written).sort().filter((option) => !isDiskSlot(type, option) && !CREATE_ONLY_OPTIONS.has(option)).flatMap((option) => (isSecretRef(written[option]) ? secretOps(tables, type, option, written[option], subject, live, running, context) : optionOps(tables, type, option, written[option] ?? null, live, running))),
    ...tagOps(object, live, context.mark),
    ...removedOps(tables, type, subject, written, live, running),
    ...diskOps(tables, type, subject, live, context),
    ...(spec.pool !== undefined && spec.pool !== live.guest.pool ? [{ op: 'pool', from: live.guest.pool, to: spec.pool } as const] : []),
    ...migrationOp(type, object, live, context),
    ...haOps(tables.version, type, subject, live),
    ...powerOps(spec, live),
    ...(spec.template === true && !live.guest.template ? [{ op: 'template' } as const] : []),
    ...(spec.template !== true && live.guest.template ? [{ op: 'refused', path: 'template', from: true, to: false, reason: 'a template cannot be made a guest again: clone it' } as const] : []),
  ]);
  return [...ops, ...restartOps(subject, live, ops, running, context)];
}

/** A protected guest lets go of no disk, and a protected container takes none: held, unless this very change takes the protection off. */
function unlessProtected(type: GuestType, live: GuestLive, ops: readonly Op[]): Op[] {
  if (Number(live.config.protection ?? 0) !== 1 || ops.some(takesProtectionOff)) return [...ops];
  return ops.map((op) => (isProtected(type, op) ? { op: 'refused', path: `config.${slotOf(op) ?? ''}`, from: live.config[slotOf(op) ?? ''], to: undefined, reason: 'it is protected: take `protection` off first' } : op));
}

function isProtected(type: GuestType, op: Op): boolean {
  return op.op === 'detach' || (type === 'lxc' && (op.op === 'attach' || (op.op === 'set' && isDiskSlot(type, op.option))));
}

function slotOf(op: Op): string | undefined {
  return op.op === 'set' ? op.option : 'slot' in op ? op.slot : undefined;
}

export function takesProtectionOff(op: Op): boolean {
  return (op.op === 'unset' && op.option === 'protection') || (op.op === 'set' && op.option === 'protection' && op.request === '0');
}

function optionOps(tables: ApiTables, type: GuestType, option: string, wanted: Json, live: GuestLive, running: boolean): readonly Op[] {
  const from = live.config[option];
  if (diffOption(tables, type, option, wanted, from) === 'same') return [];
  const effect = changeEffect(tables, type, option, wanted, live, running);
  if (effect.effect === 'refused') return [{ op: 'refused', path: `config.${option}`, from, to: wanted, reason: effect.reason ?? 'Proxmox does not change it on an existing guest' }];
  const root = rootOnly(tables, type, option, wanted, live.config);
  return [{ op: 'set', option, request: requestValue(tables, type, option, wanted, from), from, to: wanted, effect: isAsItRuns(tables, type, option, wanted, live) ? 'live' : effect.effect, ...(root ? { rootOnly: root } : {}) }];
}

function secretOps(tables: ApiTables, type: GuestType, option: string, wanted: SecretRef, subject: Subject<GuestSpec>, live: GuestLive, running: boolean, { facts, mark }: KindContext): readonly Op[] {
  const from = live.config[option];
  const shown = { state: from === undefined ? 'absent' : 'set', owned: live.guest.tags.includes(mark) } as const;
  if (!isSecretDue(wanted, `config.${option}`, subject, shown, facts)) return [];
  const { effect } = changeEffect(tables, type, option, wanted, { ...live, config: {} }, running);
  return [{ op: 'set', option, request: wanted, from, to: wanted, effect }];
}

/** Somebody changed what waits for a restart, and it is put back to what the guest runs with: then nothing waits any more. */
function isAsItRuns(tables: ApiTables, type: GuestType, option: string, wanted: Json, live: GuestLive): boolean {
  return live.pending.includes(option) && live.current[option] !== undefined && diffOption(tables, type, option, wanted, live.current[option]) === 'same';
}

/** The mark is a tag; other tags are ours only when the manifest writes `tags`. */
function tagOps(object: DesiredObject<GuestSpec>, live: GuestLive, mark: string): readonly Op[] {
  const have = splitTags(live.config.tags);
  const written = object.spec.config?.tags;
  const want = [...new Set([...(written === undefined ? have : splitTags(written)), mark])].sort();
  if (want.join(';') === have.join(';')) return [];
  return [{ op: 'set', option: 'tags', request: want.join(';'), from: live.config.tags, to: want.join(';'), effect: 'live' }];
}

export function splitTags(value: Json | undefined): readonly string[] {
  const parts = Array.isArray(value) ? value.map(String) : String(value ?? '').split(/[;,\s]+/);
  return [...new Set(parts.map((tag) => tag.toLowerCase()).filter((tag) => tag !== ''))].sort();
}

/** Only what we had set is taken away when it left the manifest; disks have their own rule. */
function removedOps(tables: ApiTables, type: GuestType, subject: Subject<GuestSpec>, written: Readonly<Record<string, Json>>, live: GuestLive, running: boolean): readonly Op[] {
  const remembered = (subject.memory?.fields ?? []).filter((path) => path.startsWith('config.')).map((path) => path.slice('config.'.length));
  return remembered.filter((option) => option !== 'tags' && !(option in written) && !isDiskSlot(type, option)).flatMap((option): readonly Op[] => {
    const from = live.config[option];
    if (from === undefined) return [];
    if (option === 'smbios1') return identityOps(from);
    if (type === 'lxc' && REQUIRED_OF_CONTAINERS.has(option)) return requiredOps(option, from);
    const { effect, reason } = changeEffect(tables, type, option, null, live, running);
    if (effect === 'refused') return [{ op: 'refused', path: `config.${option}`, from, to: undefined, reason: reason ?? 'Proxmox does not remove it from an existing guest' } as const];
    return [{ op: 'unset', option, from, effect } as const];
  });
}

/** Proxmox refuses to take these away from a container: what it was made as stays, the memory goes back to its default. */
const REQUIRED_OF_CONTAINERS = new Set(['ostype', 'unprivileged', 'memory']);
const DEFAULT_MEMORY = '512';

function requiredOps(option: string, from: Json): readonly Op[] {
  return option !== 'memory' || String(from) === DEFAULT_MEMORY ? [] : [{ op: 'set', option, request: DEFAULT_MEMORY, from, to: Number(DEFAULT_MEMORY), effect: 'live' }];
}

/** The uuid in it is not ours to take away: Proxmox gave it, and it tells this guest from another of the same VMID. */
function identityOps(from: Json): readonly Op[] {
  const uuid = /uuid=[0-9a-f-]{36}/i.exec(String(from))?.[0];
  if (uuid === undefined) return [{ op: 'unset', option: 'smbios1', from, effect: 'restart' }];
  return uuid === from ? [] : [{ op: 'set', option: 'smbios1', request: uuid, from, to: uuid, effect: 'restart' }];
}

function powerOps(spec: GuestSpec, live: GuestLive): readonly Op[] {
  const wanted = spec.power ?? 'unmanaged';
  if (wanted === 'unmanaged' || spec.ha || spec.template || live.guest.template) return [];
  return live.guest.status === wanted ? [] : [{ op: 'power', to: wanted }];
}

/** Values that wait for a restart are a condition; they become a step only when the policy lets guests be restarted now. */
function restartOps(subject: Subject<GuestSpec>, live: GuestLive, ops: readonly Op[], running: boolean, context: KindContext): readonly Op[] {
  if (!running || ops.some((op) => op.op === 'power')) return [];
  const owned = new Set([...Object.keys(subject.desired?.spec.config ?? {}), ...(subject.memory?.fields ?? []).map((path) => path.replace(/^config\./, ''))]);
  const fresh = ops.flatMap((op) => ('effect' in op && op.effect === 'restart' ? ['option' in op ? op.option : op.slot] : []));
  const settled = new Set(ops.flatMap((op) => (op.op === 'set' && op.effect !== 'restart' ? [op.option] : [])));
  const options = [...new Set([...live.pending.filter((option) => owned.has(option) && !settled.has(option)), ...fresh])].sort();
  if (options.length === 0 || isStopping(subject, live)) return [];
  if (ops.some((op) => op.op === 'ha-create' || op.op === 'ha-remove' || (op.op === 'ha-update' && 'state' in op.params))) return [{ op: 'waits', options, why: 'which waits for the HA manager to have its new state' }];
  const theirs = live.pending.filter((option) => !options.includes(option) && !settled.has(option));
  return [mayRestart(context) && !isKeptFromRestart(live) ? { op: 'restart', options, theirs } : { op: 'waits', options }];
}

/** The HA manager stops it, or is about to: it starts with its new values when it is started again. */
function isStopping({ desired }: Subject<GuestSpec>, live: GuestLive): boolean {
  if (!desired?.spec.ha || !live.ha) return false;
  return ['stopped', 'disabled'].includes(desiredHaState(desired.spec)) && live.ha.state !== 'ignored';
}

/** The HA manager is about to stop it, or refuses everything: it does not restart it now, and nobody else may. */
function isKeptFromRestart({ ha }: GuestLive): boolean {
  return ha !== undefined && ha.state !== 'ignored' && (!['started', 'enabled'].includes(ha.state) || ha.crmState === 'error');
}

function mayRestart(context: KindContext): boolean {
  const policy = policyOf(context.desired.cluster.spec);
  return policy.restart === 'now' || (policy.restart === 'window' && insideWindow(policy.windows, context.facts.observedAt));
}

// In: the operations on an existing guest. Out: steps in the order in which they are safe: configuration, disks, pool,
// place, HA, power. Pure.
import type { Change } from '../../model/change.ts';
import { sidOf } from '../../model/facts.ts';
import type { GuestFact, GuestType } from '../../model/facts.ts';
import type { JsonObject } from '../../model/json.ts';
import type { SecretRef } from '../../model/secret.ts';
import type { KindContext, Steps, Usage } from '../../model/kind.ts';
import type { Action, Condition, Cost, Hold, Risk, Step } from '../../model/step.ts';
import { gib } from '../../safety/conditions.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { printSize } from '../../pve/sizes.ts';
import { isDiskSlot } from './disks.ts';
import { guestPath } from './live.ts';
import type { GuestLive } from './live.ts';
import { migrationMode } from './migration.ts';
import { guestOps, takesProtectionOff } from './ops.ts';
import type { Op } from './ops.ts';
import { SHUTDOWN_TIMEOUT_S } from './spec.ts';
import type { GuestSpec } from './spec.ts';

const MINUTE = 60_000;
/** A configuration write waits at most 10 s for the guest's lock; new disks are allocated within it. */
const CONFIG_TIMEOUT = 10 * MINUTE;
/** The HA manager acts in rounds of 10 s and a service passes several of them; a start may be retried on other nodes. */
export const HA_TIMEOUT = 5 * MINUTE;
/** Copying is bounded by the disks: an hour per started 256 GiB, at least one. */
const COPY_BYTES_PER_HOUR = 256 * 2 ** 30;
/** Assumed by estimates only: a gigabit link. */
const BYTES_PER_SECOND = 100 * 2 ** 20;

export interface Scope {
  readonly tables: ApiTables;
  readonly type: GuestType;
  readonly vmid: number;
  readonly guards: (node: string) => readonly Condition[];
}

export function updateSteps(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  if (change.observed.state !== 'present') return { steps: [] };
  const { live, digest } = change.observed;
  const ops = guestOps(tables, type, change.subject, live, context);
  const known = change.verb === 'adopt' && !ops.some((op) => 'option' in op && op.option === 'smbios1') ? change.observed.identity : undefined;
  const scope = scopeOf(tables, type, live.guest, change.verb === 'adopt' ? undefined : context.mark, known);
  const notes = ops.flatMap((op) => noteOf(op));
  const uses = movedTo(ops, live);
  return { steps: stepsOf(scope, ops, live, context, change.subject.desired?.spec, digest), notes, ...(uses ? { uses } : {}) };
}

/** The next guest that moves is placed on what this one leaves. */
function movedTo(ops: readonly Op[], live: GuestLive): Usage | undefined {
  const move = ops.find((op) => op.op === 'migrate');
  if (move?.op !== 'migrate') return undefined;
  return { guests: { node: move.to }, ...(live.guest.status === 'stopped' ? {} : { memory: { node: move.to, bytes: live.guest.memMax } }) };
}

export function scopeOf(tables: ApiTables, type: GuestType, guest: Pick<GuestFact, 'vmid'>, mark: string | undefined, identity?: string): Scope {
  const guards = (node: string): readonly Condition[] => [
    { is: 'quorate' }, { is: 'node-online', node }, { is: 'guest-idle', vmid: guest.vmid },
    { is: 'guest-is', vmid: guest.vmid, type, node, ...(mark === undefined ? {} : { mark }) },
    // What is taken over has no mark yet: its uuid tells that it is still the same.
    ...(identity === undefined ? [] : [{ is: 'guest-identity' as const, vmid: guest.vmid, identity }]),
  ];
  return { tables, type, vmid: guest.vmid, guards };
}

/** All steps of an existing guest; also used for what follows a clone or a restore. */
export function stepsOf(scope: Scope, ops: readonly Op[], live: GuestLive, context: KindContext, spec: GuestSpec | undefined, digest: string | undefined): readonly Step[] {
  const move = ops.find((op) => op.op === 'migrate');
  const node = live.guest.node;
  const after = move?.op === 'migrate' ? move.to : node;
  return [
    ...ops.filter((op) => growsAndChanges(op, ops)).flatMap((op) => diskStep(scope, op, node, live, digest)),
    ...configSteps(scope, ops, node, digest),
    ...ops.filter((op) => !growsAndChanges(op, ops)).flatMap((op) => diskStep(scope, op, node, live, digest)),
    ...ops.flatMap((op) => poolStep(scope, op, node)),
    ...ops.flatMap((op) => moveSteps(scope, op, live, context)),
    // Before the HA manager has it; afterwards only that may stop and start it.
    ...ops.flatMap((op) => (op.op === 'restart' && !isManaged(live) ? powerSteps(scope, op, live, after, spec) : [])),
    ...ops.flatMap((op) => haSteps(scope, op, after, live)),
    ...ops.flatMap((op) => (op.op === 'restart' && !isManaged(live) ? [] : powerSteps(scope, op, live, after, spec))),
    ...ops.flatMap((op) => (op.op === 'template' ? templateSteps(scope, after) : [])),
    ...ops.flatMap((op) => heldStep(op, scope, node)),
  ];
}

/** A disk grows before its options are written: they carry the size. */
function growsAndChanges(op: Op, ops: readonly Op[]): boolean {
  return op.op === 'resize' && ops.some((other) => other.op === 'set' && other.option === op.slot);
}

/** One write for all options; what only root may set stands apart, so that it does not take the rest with it. */
function configSteps(scope: Scope, ops: readonly Op[], node: string, digest: string | undefined): readonly Step[] {
  const now = ops.filter((op) => !needsStop(op));
  const plain = now.filter((op) => (op.op === 'set' && !op.rootOnly) || op.op === 'unset' || op.op === 'attach' || (op.op === 'detach' && !(op.destroy && scope.type === 'qemu')));
  const root = now.filter((op) => op.op === 'set' && op.rootOnly);
  // A protected guest lets go of no disk: the protection goes in a write of its own, first.
  const unprotecting = plain.filter((op) => plain.some((other) => other.op === 'detach' || other.op === 'attach' || (other.op === 'set' && isDiskSlot(scope.type, other.option))) && takesProtectionOff(op));
  // What needs an approval stands apart, so that it does not take the rest with it.
  const unplugging = plain.filter((op) => op.op === 'detach' && op.inUse);
  return [unprotecting, plain.filter((op) => !unprotecting.includes(op) && !unplugging.includes(op)), root, unplugging].flatMap((group) => (group.length === 0 ? [] : [configStep(scope, group, node, digest)]));
}

/** Proxmox makes it only while the guest is stopped; it stays held until somebody stops the guest. */
function needsStop(op: Op): boolean {
  return 'effect' in op && op.effect === 'stop-start';
}

function configStep(scope: Scope, group: readonly Op[], node: string, digest: string | undefined): Step {
  const params: Record<string, string | SecretRef> = {};
  const gone: string[] = [];
  const names: string[] = [];
  for (const op of group) {
    if (op.op === 'set') { params[op.option] = op.request; names.push(op.option); }
    else if (op.op === 'attach') { params[op.slot] = op.request; names.push(op.slot); }
    else if (op.op === 'unset') gone.push(op.option);
    else if (op.op === 'detach') gone.push(op.slot);
  }
  if (gone.length > 0) params.delete = gone.sort().join(',');
  const full = group.find((op) => op.op === 'attach' && op.full);
  const root = group.find((op) => op.op === 'set' && op.rootOnly);
  const hold: Hold | undefined = full?.op === 'attach' ? { code: 'STORAGE_FULL', reason: full.note ?? `${full.storage ?? 'the storage'} is full`, approvable: false } : unplugHold(group);
  const storages = group.flatMap((op) => (op.op === 'attach' && op.storage ? [`storage/${op.storage}`] : []));
  const path = `${guestPath(scope.type, node, scope.vmid)}/config`;
  return {
    title: [names.length > 0 ? `set ${names.sort().join(', ')}` : '', gone.length > 0 ? `take out ${gone.join(', ')}` : ''].filter((part) => part !== '').join('; '),
    action: { via: 'pve', method: scope.type === 'qemu' ? 'POST' : 'PUT', path, params, node, digest: { path, ...(digest ? { value: digest } : {}) } },
    guards: scope.guards(node), risk: group.some((op) => 'effect' in op && op.effect === 'hotplug') ? 'hotplug' : 'none',
    ...(root?.op === 'set' && root.rootOnly ? { needsRoot: root.rootOnly } : {}),
    locks: [`guest/${scope.vmid}`, ...new Set(storages)], node, timeoutMs: CONFIG_TIMEOUT, ...(hold ? { hold } : {}),
  };
}

/** One line taken out of a manifest would take a disk from under a running guest. */
function unplugHold(group: readonly Op[]): Hold | undefined {
  const slots = group.flatMap((op) => (op.op === 'detach' && op.inUse ? [op.slot] : []));
  return slots.length === 0 ? undefined : { code: 'PRUNE_POLICY', reason: `the guest runs and may be using ${slots.sort().join(', ')}: approve it, or stop the guest first`, approvable: true };
}

function diskStep(scope: Scope, op: Op, node: string, live: GuestLive, digest: string | undefined): readonly Step[] {
  const base = guestPath(scope.type, node, scope.vmid);
  const withDigest = (path: string): Pick<Extract<Action, { via: 'pve' }>, 'digest'> => ({ digest: { path, ...(digest ? { value: digest } : {}) } });
  if (op.op === 'resize') {
    const action: Action = { via: 'pve', method: 'PUT', path: `${base}/resize`, params: { disk: op.slot, size: printSize(op.to) }, node, ...withDigest(`${base}/config`) };
    return [{ title: `grow ${op.slot} ${op.from > 0 ? `from ${printSize(op.from)} ` : ''}to ${printSize(op.to)}`, action, guards: scope.guards(node), risk: 'none', locks: [`guest/${scope.vmid}`], node, timeoutMs: CONFIG_TIMEOUT }];
  }
  if (op.op === 'move-disk') {
    const [command, key] = scope.type === 'qemu' ? ['move_disk', 'disk'] : ['move_volume', 'volume'];
    const action: Action = { via: 'pve', method: 'POST', path: `${base}/${command}`, params: { [key as string]: op.slot, storage: op.to, delete: 1 }, node, ...withDigest(`${base}/config`) };
    const running = live.guest.status !== 'stopped';
    const refused: Hold | undefined = scope.type === 'lxc' && running ? { code: 'REFUSED', reason: 'a volume of a running container cannot be moved: stop it first', approvable: false } : undefined;
    return [{
      title: `move ${op.slot} from ${op.from} to ${op.to}${running ? ' while it runs' : ''}`, action, guards: scope.guards(node), risk: 'none', cost: copyCost(op.bytes ?? 0),
      locks: [`guest/${scope.vmid}`, `storage/${op.to}`], node, timeoutMs: copyTimeout(op.bytes ?? 0), ...(refused ? { hold: refused } : {}),
    }];
  }
  if (op.op === 'detach' && op.destroy && scope.type === 'qemu') {
    // Not `unlink`, which is the same without a digest: another volume may be in the slot by now.
    const action: Action = { via: 'pve', method: 'POST', path: `${base}/config`, params: { delete: op.slot, force: 1 }, node, ...withDigest(`${base}/config`) };
    const guards: readonly Condition[] = [...scope.guards(node), { is: 'slot-holds', vmid: scope.vmid, slot: op.slot, volume: op.volume }];
    return [{ title: `destroy ${op.slot}: volume ${op.volume}${op.bytes === undefined ? '' : ` (${printSize(op.bytes)})`}`, action, guards, risk: 'data-loss', locks: [`guest/${scope.vmid}`], node, timeoutMs: CONFIG_TIMEOUT, ...holding(unplugHold([op])) }];
  }
  return [];
}

function poolStep(scope: Scope, op: Op, node: string): readonly Step[] {
  if (op.op !== 'pool') return [];
  const modern = Number(scope.tables.version) >= 8;
  const action: Action = modern
    ? { via: 'pve', method: 'PUT', path: '/pools', params: { poolid: op.to, vms: String(scope.vmid), ...(op.from === undefined ? {} : { 'allow-move': 1 }) } }
    : { via: 'pve', method: 'PUT', path: `/pools/${op.to}`, params: { vms: String(scope.vmid) } };
  return [{ title: op.from === undefined ? `put it into pool ${op.to}` : `move it from pool ${op.from} to ${op.to}`, action, guards: scope.guards(node), risk: 'none', locks: ['file/user.cfg'], timeoutMs: MINUTE }];
}

function moveSteps(scope: Scope, op: Op, live: GuestLive, context: KindContext): readonly Step[] {
  if (op.op !== 'migrate') return [];
  const mode = migrationMode(scope.type, live, op.to, context.facts);
  const base = guestPath(scope.type, op.from, scope.vmid);
  if (mode.mode === 'refused') {
    return [held(`migrate from ${op.from} to ${op.to}`, { code: 'REFUSED', reason: mode.reason, approvable: false }, scope, op.from)];
  }
  const guards: readonly Condition[] = [...scope.guards(op.from), { is: 'node-online', node: op.to }];
  const cost: Cost = copyCost(mode.bytes + mode.memory);
  const locks = [`guest/${scope.vmid}`];
  const timeoutMs = copyTimeout(mode.bytes + mode.memory);
  if (op.through === 'ha') {
    const sid = sidOf(scope.type, scope.vmid);
    const unsettled = haUnsettled(live);
    return [
      { title: `ask the HA manager to migrate it from ${op.from} to ${op.to}`, action: { via: 'pve', method: 'POST', path: `/cluster/ha/resources/${sid}/migrate`, params: { node: op.to } }, guards: [...guards, { is: 'ha-state', sid, states: HA_AT_REST }], risk: 'migration', cost, locks, node: op.to, timeoutMs: MINUTE, ...holding(unsettled) },
      { title: `wait until it is on ${op.to}`, action: { via: 'wait', until: { is: 'guest-on', vmid: scope.vmid, nodes: [op.to] } }, guards: [], risk: 'none', locks, timeoutMs: timeoutMs + HA_TIMEOUT },
      { title: 'wait until it is idle', action: { via: 'wait', until: { is: 'guest-idle', vmid: scope.vmid } }, guards: [], risk: 'none', locks, timeoutMs: HA_TIMEOUT },
    ];
  }
  const how = { online: 'while it runs', 'online-local-disks': `while it runs, copying local disks (${gib(mode.bytes)})`, offline: mode.bytes > 0 ? `offline, copying ${gib(mode.bytes)}` : 'offline', restart: 'with a restart' }[mode.mode];
  const params: JsonObject = { target: op.to, ...(mode.mode === 'online' ? { online: 1 } : mode.mode === 'online-local-disks' ? { online: 1, 'with-local-disks': 1 } : mode.mode === 'restart' ? { restart: 1 } : {}) };
  const risk: Risk = mode.mode === 'restart' ? 'restart' : 'migration';
  return [{ title: `migrate from ${op.from} to ${op.to} ${how}`, action: { via: 'pve', method: 'POST', path: `${base}/migrate`, params, node: op.from }, guards, risk, cost: { ...cost, ...(mode.note ? { note: mode.note } : {}) }, locks, node: op.to, timeoutMs }];
}

export function haSteps(scope: Scope, op: Op, node: string, live: GuestLive): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const locks = [`guest/${scope.vmid}`, 'file/ha'];
  const guards = scope.guards(node);
  if (op.op === 'ha-create') {
    return [
      { title: `make it an HA resource (${op.state})`, action: { via: 'pve', method: 'POST', path: '/cluster/ha/resources', params: { sid, ...op.params } }, guards, risk: 'none', locks, timeoutMs: MINUTE },
      ...waitForHa(sid, op.state, scope.vmid),
    ];
  }
  if (op.op === 'ha-update') {
    const path = `/cluster/ha/resources/${sid}`;
    const stateChanges = 'state' in op.params;
    return [
      { title: `change the HA resource (${op.fields.map((field) => field.path.replace(/^ha\./, '')).sort().join(', ')})`, action: { via: 'pve', method: 'PUT', path, params: op.params, ...haDigest(live) }, guards, risk: stateChanges && op.state !== 'started' ? 'downtime' : 'none', locks, timeoutMs: MINUTE },
      ...(stateChanges ? waitForHa(sid, op.state, scope.vmid) : []),
    ];
  }
  if (op.op === 'ha-remove') return haRemoveSteps(scope, node);
  return [];
}

/** One file holds all HA resources, and each row of their list tells its digest. */
function haDigest({ ha }: GuestLive): Pick<Extract<Action, { via: 'pve' }>, 'digest'> {
  return ha?.digest === undefined ? {} : { digest: { path: '/cluster/ha/resources', value: ha.digest } };
}

/** Until its next round the HA manager starts again what somebody stops, so that nothing follows before it has let go. */
export function haRemoveSteps(scope: Scope, node: string): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const purge = scope.tables.method('DELETE', '/cluster/ha/resources/{sid}')?.params.has('purge') === true;
  return [
    { title: 'take it out of HA; it goes on running', action: { via: 'pve', method: 'DELETE', path: `/cluster/ha/resources/${sid}`, params: purge ? { purge: 1 } : {} }, guards: scope.guards(node), risk: 'none', locks: [`guest/${scope.vmid}`, 'file/ha'], timeoutMs: MINUTE },
    { title: 'wait until the HA manager has let go of it', action: { via: 'wait', until: { is: 'ha-absent', sid } }, guards: [], risk: 'none', locks: [`guest/${scope.vmid}`], timeoutMs: HA_TIMEOUT },
  ];
}

const HA_SETTLED: Readonly<Record<string, readonly string[]>> = { started: ['started'], stopped: ['stopped'], disabled: ['stopped', 'disabled'], ignored: [] };

function waitForHa(sid: string, state: string, vmid: number): readonly Step[] {
  const states = HA_SETTLED[state] ?? [];
  if (states.length === 0) return [];
  const wait = (title: string, until: Condition): Step => ({ title, action: { via: 'wait', until }, guards: [], risk: 'none', locks: [`guest/${vmid}`], timeoutMs: HA_TIMEOUT });
  return [
    wait(`wait until the HA manager has it ${state}`, { is: 'ha-state', sid, states }),
    wait(`wait until it is ${state === 'started' ? 'running' : 'stopped'}`, { is: 'guest-status', vmid, status: state === 'started' ? 'running' : 'stopped' }),
  ];
}

/** What it works on already (a recovery, a fence, another move) it would refuse to move, or move twice. */
const HA_AT_REST: readonly string[] = ['started', 'stopped', 'disabled'];

function haUnsettled({ ha }: GuestLive): Hold | undefined {
  const state = ha?.crmState ?? 'unknown';
  return HA_AT_REST.includes(state) ? undefined : { code: 'BUSY', reason: `the HA manager has it in state ${state}: it is asked when that is over`, approvable: false };
}

function holding(hold: Hold | undefined): { readonly hold?: Hold } {
  return hold ? { hold } : {};
}

function isManaged({ ha }: GuestLive): boolean {
  return ha !== undefined && ha.state !== 'ignored';
}

function powerSteps(scope: Scope, op: Op, live: GuestLive, node: string, spec: GuestSpec | undefined): readonly Step[] {
  if (op.op === 'power') return op.to === 'running' ? [startStep(scope, node)] : [shutdownStep(scope, node, spec?.shutdownTimeout)];
  if (op.op !== 'restart') return [];
  const title = `restart it, for ${op.options.join(', ')}`;
  const timeout = spec?.shutdownTimeout ?? SHUTDOWN_TIMEOUT_S;
  const steps = isManaged(live) ? haRestart(scope, title, node, live) : [post(scope, node, '/status/reboot', { timeout }, title, 'restart', { timeoutMs: timeout * 1000 + 5 * MINUTE })];
  const hold = theirsHold(op.theirs.filter((option) => isDiskSlot(scope.type, option)));
  return hold ? steps.map((step) => ({ ...step, hold })) : steps;
}

/** Somebody else's change of a disk waits for a restart, and ours would bring it about. */
function theirsHold(slots: readonly string[]): Hold | undefined {
  return slots.length === 0 ? undefined : { code: 'RESTART_POLICY', reason: `a change of ${slots.join(', ')} that latido did not make waits for a restart, and this one would bring it about: approve it, or revert that change`, approvable: true };
}

/** An HA guest is stopped and started by the HA manager, or it would take the stop for a crash. */
function haRestart(scope: Scope, title: string, node: string, live: GuestLive): readonly Step[] {
  const sid = sidOf(scope.type, scope.vmid);
  const set = (state: string, name: string, risk: Risk): Step => ({ title: name, action: { via: 'pve', method: 'PUT', path: `/cluster/ha/resources/${sid}`, params: { state }, ...haDigest(live) }, guards: scope.guards(node), risk, locks: [`guest/${scope.vmid}`, 'file/ha'], timeoutMs: MINUTE });
  // One restart, counted once: a limit between the stop and the start would leave the guest stopped.
  return [set('stopped', `${title}: stop it through the HA manager`, 'restart'), ...waitForHa(sid, 'stopped', scope.vmid), set('started', `${title}: start it through the HA manager`, 'none'), ...waitForHa(sid, 'started', scope.vmid)];
}

export function startStep(scope: Scope, node: string): Step {
  return post(scope, node, '/status/start', {}, 'start it', 'none', { timeoutMs: 10 * MINUTE });
}

export function shutdownStep(scope: Scope, node: string, timeout = SHUTDOWN_TIMEOUT_S): Step {
  return post(scope, node, '/status/shutdown', { timeout, forceStop: 1 }, `shut it down (stop it after ${timeout} s)`, 'downtime', { timeoutMs: timeout * 1000 + 5 * MINUTE });
}

function post(scope: Scope, node: string, command: string, params: JsonObject, title: string, risk: Risk, more: { readonly timeoutMs: number }): Step {
  return { title, action: { via: 'pve', method: 'POST', path: `${guestPath(scope.type, node, scope.vmid)}${command}`, params, node }, guards: scope.guards(node), risk, locks: [`guest/${scope.vmid}`], node, ...more };
}

/** For a container Proxmox answers before its task has ended, and does not name the task. */
function templateSteps(scope: Scope, node: string): readonly Step[] {
  const make = post(scope, node, '/template', {}, 'make it a template', 'none', { timeoutMs: 10 * MINUTE });
  if (scope.type === 'qemu') return [make];
  return [make, { title: 'wait until it is idle', action: { via: 'wait', until: { is: 'guest-idle', vmid: scope.vmid } }, guards: [], risk: 'none', locks: [`guest/${scope.vmid}`], timeoutMs: 10 * MINUTE }];
}

/** Refusals are steps that are held: the plan names them, nothing ever does them. */
function heldStep(op: Op, scope: Scope, node: string): readonly Step[] {
  if (needsStop(op)) return [held(`change ${'option' in op ? op.option : 'slot' in op ? op.slot : 'it'}`, { code: 'RESTART_POLICY', reason: 'Proxmox changes it only while the guest is stopped', approvable: false }, scope, node)];
  if (op.op === 'refused') return [held(`change ${op.path}`, { code: 'REFUSED', reason: op.reason, approvable: false }, scope, node)];
  if (op.op === 'stuck') return [held(`move it away from ${String(op.from)}`, { code: 'NODE_OFFLINE', reason: op.reason, approvable: false }, scope, node)];
  if (op.op === 'ha-error') return [held('bring it back', { code: 'HA_ERROR', reason: op.reason, approvable: false }, scope, node)];
  return [];
}

function held(title: string, hold: Hold, scope: Scope, node: string): Step {
  return { title, action: { via: 'wait', until: { is: 'guest-idle', vmid: scope.vmid } }, guards: scope.guards(node), risk: 'none', locks: [], timeoutMs: MINUTE, hold };
}

function noteOf(op: Op): readonly string[] {
  if (op.op === 'waits') return [`${op.options.join(', ')}: in force after a restart, ${op.why ?? 'which policy.restart does not allow now'}`];
  if (op.op === 'restart' && op.theirs.length > 0) return [`the restart also brings about what somebody else changed: ${op.theirs.join(', ')}`];
  if (op.op === 'after-move') return [`${op.slot}: its options wait for a restart and follow in the next plan, once it has moved`];
  if (op.op === 'detach' && !op.destroy && op.bytes !== undefined) return [`volume ${op.volume} (${printSize(op.bytes)}) is kept as an unused disk`];
  if (op.op === 'attach' && op.note && !op.full) return [op.note];
  if (op.op === 'set' && op.rootOnly) return [`${op.option}: ${op.rootOnly}`];
  return [];
}

function copyCost(bytes: number): Cost {
  return bytes > 0 ? { bytes, seconds: Math.ceil(bytes / BYTES_PER_SECOND) } : {};
}

function copyTimeout(bytes: number): number {
  return (Math.floor(bytes / COPY_BYTES_PER_HOUR) + 1) * 60 * MINUTE;
}

export { copyCost, copyTimeout };

// In: the operations on an existing guest. Out: steps in the order in which they are safe: configuration, disks, pool,
// place, HA, power. Pure.
import type { Change } from '../../model/change.ts';
import { sidOf } from '../../model/facts.ts';
import type { GuestType } from '../../model/facts.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KindContext, Steps, Usage } from '../../model/kind.ts';
import type { Action, Condition, Cost, Hold, Risk, Step } from '../../model/step.ts';
import { gib } from '../../safety/conditions.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { printSize } from '../../pve/sizes.ts';
import { configSteps, diskStep, growsAndChanges, needsStop } from './config-steps.ts';
import { isDiskSlot } from './disks.ts';
import { HA_AT_REST, haRestart, haSteps, haUnsettled, isManaged } from './ha-steps.ts';
import { guestPath } from './live.ts';
import type { GuestLive } from './live.ts';
import { migrationMode } from './migration.ts';
import { guestOps } from './ops.ts';
import type { Op } from './ops.ts';
import { copyCost, copyTimeout, HA_TIMEOUT, held, holding, MINUTE, scopeOf } from './scope.ts';
import type { Scope } from './scope.ts';
import { SHUTDOWN_TIMEOUT_S } from './spec.ts';
import type { GuestSpec } from './spec.ts';

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

function noteOf(op: Op): readonly string[] {
  if (op.op === 'waits') return [`${op.options.join(', ')}: in force after a restart, ${op.why ?? 'which policy.restart does not allow now'}`];
  if (op.op === 'restart' && op.theirs.length > 0) return [`the restart also brings about what somebody else changed: ${op.theirs.join(', ')}`];
  if (op.op === 'after-move') return [`${op.slot}: its options wait for a restart and follow in the next plan, once it has moved`];
  if (op.op === 'detach' && !op.destroy && op.bytes !== undefined) return [`volume ${op.volume} (${printSize(op.bytes)}) is kept as an unused disk`];
  if (op.op === 'attach' && op.note && !op.full) return [op.note];
  if (op.op === 'set' && op.rootOnly) return [`${op.option}: ${op.rootOnly}`];
  return [];
}

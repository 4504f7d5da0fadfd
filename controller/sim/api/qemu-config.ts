// Reading and changing a VM's configuration: GET config and pending, PUT and POST config, PUT unlink.
import type { Json } from '../../model/json.ts';
import { isQuorate } from '../quorum.ts';
import { digestOf, maskedConfig, optionParam, pendingConfig, pendingRows, snapshotConfig, touch } from '../guest-config.ts';
import { checkDrives, isCdrom, isDrive, makeDrives, volumeIn } from '../drives.ts';
import { checkLock, guestOf, loadGuest, numberIn, withGuestLock } from '../guests.ts';
import type { ConfigValue, GuestState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { ApiError, flag, number, parameterError, text, type Call } from './handler.ts';
import { canonicalOption, demandOptions, demandStorages, optionsOf, pinnedMachine, refuseSkiplock } from './qemu-options.ts';
import { applyPending, cleanupPending, freeOwned, hotplug, registerUnused } from './qemu-pending.ts';

export function config(call: Call): Json {
  const guest = guestOf(call, 'qemu');
  const snapshot = text(call, 'snapshot');
  if (snapshot !== undefined) {
    if (!Object.hasOwn(guest.snapshots, snapshot)) throw new Error(`snapshot '${snapshot}' does not exist`);
    const { snapstate: _state, ...kept } = snapshotConfig(guest.snapshots[snapshot]);
    return { ...maskedConfig(kept), digest: digestOf(guest) };
  }
  return { ...maskedConfig(flag(call, 'current') ? guest.config : pendingConfig(guest)), digest: digestOf(guest) };
}

export function pending(call: Call): Json {
  return pendingRows(guestOf(call, 'qemu'));
}

/** What one update wants, checked as far as it can be without the lock. */
interface Wish {
  readonly set: Readonly<Record<string, ConfigValue>>;
  readonly remove: readonly string[];
  readonly revert: readonly string[];
  readonly force: boolean;
  readonly skiplock: boolean;
  readonly digest: string | undefined;
  /** For the task's log. */
  readonly words: string;
}

export async function update(call: Call): Promise<undefined> {
  const wish = wishOf(call);
  precheck(call, wish);
  await withGuestLock(call.sim, 'qemu', call.node, Number(call.params.vmid), () => perform(call, wish));
  return undefined;
}

export async function updateInTask(call: Call): Promise<string | undefined> {
  const wish = wishOf(call);
  precheck(call, wish);
  const { sim } = call;
  const vmid = Number(call.params.vmid);
  const upid = startTask(call, 'qmconfig', String(vmid), (task) => withGuestLock(sim, 'qemu', call.node, vmid, async () => {
    task.log(`update VM ${vmid}: ${wish.words}`);
    await perform(call, wish);
  }));
  const delayMs = (number(call, 'background_delay') ?? 0) * 1000;
  const first = delayMs === 0 ? 'later' : await Promise.race([sim.running.done(upid), sim.clock.sleep(delayMs).then(() => 'later' as const)]);
  if (first === 'later') return upid;
  const { exitstatus = '' } = sim.state.tasks[upid] ?? {};
  if (exitstatus !== 'OK' && !exitstatus.startsWith('WARNINGS')) throw new Error(`failed to update VM ${vmid}: ${exitstatus}`);
  return undefined;
}

/** PUT unlink is an update that deletes. */
export async function unlink(call: Call): Promise<undefined> {
  const remove = listOf(text(call, 'idlist'));
  const wish: Wish = { set: {}, remove, revert: [], force: flag(call, 'force'), skiplock: false, digest: undefined, words: `-delete ${remove.join(',')}` };
  precheck(call, wish);
  await withGuestLock(call.sim, 'qemu', call.node, Number(call.params.vmid), () => perform(call, wish));
  return undefined;
}

function listOf(list: string | undefined): string[] {
  return (list ?? '').split(/[,;\s\0]+/).filter((one) => one !== '');
}

function wishOf(call: Call): Wish {
  refuseSkiplock(call);
  const options = optionsOf(call);
  const remove = listOf(text(call, 'delete')).map((key) => (key === 'cdrom' ? 'ide2' : key));
  const revert = listOf(text(call, 'revert'));
  if (Object.keys(options).length === 0 && remove.length === 0 && revert.length === 0) throw new Error('no options specified');
  const words = Object.keys(call.params).filter((key) => !['node', 'vmid', 'digest', 'background_delay'].includes(key)).sort()
    .map((key) => `-${key} ${key === 'cipassword' ? '<hidden>' : String(call.params[key])}`).join(' ');
  checkNames(call, options, remove, revert);
  return { set: canonicalise(call, options), remove, revert, force: flag(call, 'force'), skiplock: flag(call, 'skiplock'), digest: text(call, 'digest'), words };
}

function checkNames(call: Call, options: Readonly<Record<string, ConfigValue>>, remove: readonly string[], revert: readonly string[]): void {
  const isKnown = (key: string) => optionParam(call.sim.tables, 'qemu', key) !== undefined || /^(parent|vmstate|snaptime|runningmachine|runningcpu|meta|lock|unused\d+)$/.test(key);
  for (const key of revert) {
    if (!isKnown(key)) throw parameterError({ revert: `unknown option '${key}'` });
    if (options[key] !== undefined) throw parameterError({ delete: `you can't use '-${key}' and -revert ${key}' at the same time` });
  }
  for (const key of remove) {
    if (options[key] !== undefined) throw parameterError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    if (revert.includes(key)) throw parameterError({ revert: `you can't use '-delete ${key}' and -revert ${key}' at the same time` });
    if (!isKnown(key)) throw parameterError({ delete: `unknown option '${key}'` });
  }
}

function canonicalise(call: Call, options: Readonly<Record<string, ConfigValue>>): Record<string, ConfigValue> {
  const set: Record<string, ConfigValue> = {};
  for (const key of Object.keys(options).sort()) {
    const given = options[key] ?? '';
    set[key] = isDrive(key) ? given : canonicalOption(call.sim, key, given) ?? '';
  }
  return set;
}

function precheck(call: Call, wish: Wish): void {
  const vmid = Number(call.params.vmid);
  const wrong = checkDrives(call.sim, call.node, wish.set, call.caller.isRootTicket);
  if (wrong) throw parameterError(wrong);
  const guest = call.state.guests[String(vmid)];
  const current = { ...guest?.pending, ...guest?.config };
  demandOptions(call, vmid, Object.fromEntries(wish.remove.map((key) => [key, current[key] ?? ''])));
  demandOptions(call, vmid, wish.set);
  demandStorages(call, wish.set, undefined);
  checked(call, wish);
  if (!isQuorate(call.state, call.node)) throw new Error(`unable to open file '/etc/pve/nodes/${call.node}/qemu-server/${vmid}.conf.tmp.1' - Permission denied`);
}

function checked(call: Call, wish: Wish): GuestState {
  const guest = loadGuest(call.sim, 'qemu', call.node, Number(call.params.vmid));
  if (wish.digest !== undefined && wish.digest !== '' && wish.digest !== digestOf(guest)) throw new Error('checksum mismatch (file change by other user?)');
  if (!wish.skiplock) checkLock(guest);
  const { memory, balloon } = { ...pendingConfig(guest), ...wish.set };
  if ((wish.set.memory !== undefined || wish.set.balloon !== undefined) && numberIn(balloon, 0) > numberIn(memory, 512)) {
    throw new Error('balloon value too large (must be smaller than assigned memory)');
  }
  return guest;
}

async function perform(call: Call, wish: Wish): Promise<void> {
  const { sim } = call;
  const guest = checked(call, wish);
  const modified = new Set<string>([...wish.remove, ...Object.keys(wish.set), ...wish.revert]);
  for (const key of wish.revert) {
    delete guest.pending[key];
    delete guest.pendingDelete[key];
  }
  for (const key of wish.remove) removeOption(call, guest, key, wish, modified);
  for (const key of Object.keys(wish.set).sort()) await setOption(call, guest, key, wish.set[key] ?? '', wish, modified);
  cleanupPending(guest);
  if (Object.keys(guest.pending).length === 0 && Object.keys(guest.pendingDelete).length === 0) return;
  if (!guest.process) return applyPending(sim, guest);
  const errors = hotplug(sim, guest, modified);
  if (Object.keys(errors).length === 0) return;
  // QEMU is asked again for some seconds before Proxmox gives up on a device.
  await sim.clock.sleep(UNPLUG_WAIT_MS);
  throw new ApiError(400, 'Parameter verification failed.\n', errors);
}

const UNPLUG_WAIT_MS = 5000;

function removeOption(call: Call, guest: GuestState, key: string, wish: Wish, modified: Set<string>): void {
  const value = guest.config[key] ?? guest.pending[key];
  if (value === undefined) return void modified.delete(key);
  const wasPending = guest.pending[key] !== undefined;
  const pendingValue = guest.pending[key];
  delete guest.pending[key];
  leaveBootOrder(guest, key, modified);
  if (/^unused\d+$/.test(key)) {
    protect(guest, `can't remove unused disk '${volumeIn(value) ?? value}'`);
    freeOwned(call.sim, guest, String(value));
    delete guest.config[key];
  } else if (key === 'tags') delete guest.config.tags;
  else {
    if (isDrive(key)) {
      protect(guest, `can't remove drive '${key}'`);
      if (wasPending && pendingValue !== undefined) registerUnused(call.sim, guest, pendingValue, guest.config[key] ?? '');
    }
    guest.pendingDelete[key] = wish.force;
  }
  touch(guest);
}

function protect(guest: GuestState, what: string): void {
  if (guest.config.protection === 1) throw new Error(`${what} - protection mode enabled`);
}

function bootOrder(guest: GuestState): string[] | undefined {
  const boot = guest.pending.boot ?? guest.config.boot;
  const order = /(?:^|,)order=([^,]*)/.exec(String(boot ?? ''))?.[1];
  return order?.split(';').filter((one) => one !== '');
}

function leaveBootOrder(guest: GuestState, key: string, modified: Set<string>): void {
  const order = bootOrder(guest);
  if (!order?.includes(key)) return;
  const rest = order.filter((one) => one !== key);
  guest.pending.boot = rest.length === 0 ? '' : `order=${rest.join(';')}`;
  modified.add('boot');
}

async function setOption(call: Call, guest: GuestState, key: string, value: ConfigValue, wish: Wish, modified: Set<string>): Promise<void> {
  const { sim } = call;
  if (guest.pending[key] === value) return;
  delete guest.pendingDelete[key];
  if (isDrive(key)) {
    const made = makeDrives(sim, { vmid: guest.vmid, node: guest.node, options: { [key]: value }, config: guest.config });
    const before = guest.pending[key];
    if (before !== undefined) registerUnused(sim, guest, before, made.options[key] ?? '');
    guest.pending[key] = made.options[key] ?? value;
    bootFromNewDrive(guest, key, modified);
    if (made.made.length > 0) await sim.clock.sleep(sim.timings.configMs);
  } else if (key === 'cipassword') setNow(guest, key, value);
  else {
    if (key === 'boot') checkBootOrder(guest, String(value), wish);
    if (key === 'ostype') pinMachine(call, guest, value, modified);
    guest.pending[key] = value;
  }
  touch(guest);
}

function setNow(guest: GuestState, key: string, value: ConfigValue): void {
  if (value === '') delete guest.config[key];
  else guest.config[key] = value;
}

/** CD drives that are new join an explicit boot order. */
function bootFromNewDrive(guest: GuestState, key: string, modified: Set<string>): void {
  const order = bootOrder(guest);
  if (!order || order.length === 0 || order.includes(key) || !isCdrom(guest.pending[key] ?? '')) return;
  guest.pending.boot = `order=${[...order, key].join(';')}`;
  modified.add('boot');
}

function checkBootOrder(guest: GuestState, value: string, wish: Wish): void {
  const order = /(?:^|,)order=([^,]*)/.exec(value)?.[1]?.split(';').filter((one) => one !== '') ?? [];
  for (const device of order) {
    const exists = guest.config[device] !== undefined || guest.pending[device] !== undefined || wish.set[device] !== undefined;
    if (!exists || wish.remove.includes(device)) throw new Error(`invalid bootorder: device '${device}' does not exist'`);
  }
}

function pinMachine(call: Call, guest: GuestState, ostype: ConfigValue, modified: Set<string>): void {
  if (modified.has('machine') || guest.pending.machine !== undefined) return;
  const pinned = pinnedMachine({ ...guest.config, ostype }, call.version);
  if (pinned === undefined) return;
  guest.pending.machine = pinned;
  modified.add('machine');
}

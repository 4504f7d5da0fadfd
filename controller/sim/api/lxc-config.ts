// Reading and changing a container's configuration: GET config and pending, PUT config.
import type { Json } from '../../model/json.ts';
import { isQuorate } from '../quorum.ts';
import { digestOf, optionParam, pendingConfig, pendingRows, snapshotConfig, touch } from '../guest-config.ts';
import { checkLock, demandOnStorage, loadGuest, guestOf, withGuestLock } from '../guests.ts';
import { isMountpoint, parseMountpoint } from '../mountpoints.ts';
import type { ConfigValue, GuestState } from '../state.ts';
import { holds, parseVolumeId, storageOf } from '../volumes.ts';
import { ApiError, flag, parameterError, text, type Call } from './handler.ts';
import { canonicalOption, demandOptions, optionsOf } from './lxc-options.ts';
import { applyPending, hotplug } from './lxc-pending.ts';
import { cleanupPending } from './qemu-pending.ts';

export function config(call: Call): Json {
  const guest = guestOf(call, 'lxc');
  const snapshot = text(call, 'snapshot');
  if (snapshot !== undefined) {
    if (!Object.hasOwn(guest.snapshots, snapshot)) throw new Error(`snapshot '${snapshot}' does not exist`);
    return { ...snapshotConfig(guest.snapshots[snapshot]), digest: digestOf(guest) };
  }
  return { ...(flag(call, 'current') ? guest.config : pendingConfig(guest)), digest: digestOf(guest) };
}

export function pending(call: Call): Json {
  return pendingRows(guestOf(call, 'lxc'));
}

export async function update(call: Call): Promise<undefined> {
  const { sim } = call;
  const vmid = Number(call.params.vmid);
  const options = optionsOf(call);
  const remove = listOf(text(call, 'delete'));
  const revert = listOf(text(call, 'revert'));
  if (Object.keys(options).length + remove.length + revert.length === 0) throw new Error('no options specified');
  loadGuest(sim, 'lxc', call.node, vmid);
  if (!isQuorate(call.state, call.node)) throw new Error(`unable to open file '/etc/pve/nodes/${call.node}/lxc/${vmid}.conf.tmp.1' - Permission denied`);
  await withGuestLock(sim, 'lxc', call.node, vmid, async () => {
    const guest = loadGuest(sim, 'lxc', call.node, vmid);
    checkLock(guest);
    const digest = text(call, 'digest');
    if (digest !== undefined && digest !== '' && digest !== digestOf(guest)) throw new Error('detected modified configuration - file changed by other user? Try again.');
    checkNames(call, options, remove, revert);
    demandOptions(call, vmid, Object.fromEntries(remove.map((key) => [key, ''])), guest.config);
    demandOptions(call, vmid, options, guest.config);
    perform(call, guest, options, remove, revert);
    if (Object.keys(options).some(isMountpoint)) await sim.clock.sleep(sim.timings.configMs);
  });
  return undefined;
}

function listOf(list: string | undefined): string[] {
  return (list ?? '').split(/[,;\s\0]+/).filter((one) => one !== '');
}

function checkNames(call: Call, options: Readonly<Record<string, ConfigValue>>, remove: readonly string[], revert: readonly string[]): void {
  const isKnown = (key: string) => optionParam(call.sim.tables, 'lxc', key) !== undefined || /^(lock|parent|unused\d+|template)$/.test(key);
  for (const key of revert) {
    if (!isKnown(key)) throw parameterError({ revert: `unknown option '${key}'` });
    if (options[key] !== undefined) throw parameterError({ revert: `you can't use '-${key}' and '-revert ${key}' at the same time` });
  }
  for (const key of remove) {
    if (!isKnown(key)) throw parameterError({ delete: `unknown option '${key}'` });
    if (options[key] !== undefined) throw parameterError({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
    if (revert.includes(key)) throw parameterError({ delete: `you can't use '-delete ${key}' and '-revert ${key}' at the same time` });
  }
}

/** All or nothing: an error leaves the file as it was. */
function perform(call: Call, guest: GuestState, options: Readonly<Record<string, ConfigValue>>, remove: readonly string[], revert: readonly string[]): void {
  const before = { config: { ...guest.config }, pending: { ...guest.pending }, pendingDelete: { ...guest.pendingDelete } };
  try {
    const errors = change(call, guest, options, remove, revert);
    if (Object.keys(errors).length > 0) throw new ApiError(400, 'Parameter verification failed.\n', errors);
  } catch (error) {
    Object.assign(guest, before);
    touch(guest);
    throw error;
  }
}

function change(call: Call, guest: GuestState, options: Readonly<Record<string, ConfigValue>>, remove: readonly string[], revert: readonly string[]): Readonly<Record<string, string>> {
  const modified = new Set<string>();
  for (const key of revert) {
    delete guest.pending[key];
    delete guest.pendingDelete[key];
  }
  for (const key of remove) {
    if (guest.config[key] === undefined && guest.pending[key] === undefined) continue;
    if (key === 'memory' || key === 'rootfs' || key === 'ostype') throw new Error(`unable to delete required option '${key}'`);
    if (key === 'unprivileged') throw new Error(`unable to delete read-only option: '${key}'`);
    if (/^(unused|mp)\d+$/.test(key)) protect(guest, `can't remove CT ${guest.vmid} drive '${key}'`);
    modified.add(key);
    delete guest.pending[key];
    guest.pendingDelete[key] = false;
  }
  for (const key of Object.keys(options).sort()) {
    modified.add(key);
    if (isMountpoint(key)) checkMountpoint(call, guest, key, options[key] ?? '');
    if (key === 'unprivileged') throw new Error(`unable to modify read-only option: '${key}'`);
    guest.pending[key] = isMountpoint(key) ? options[key] ?? '' : canonicalOption(call.sim, key, options[key] ?? '') ?? '';
    delete guest.pendingDelete[key];
  }
  cleanupPending(guest);
  return guest.process ? hotplug(call.sim, guest, modified) : applyPending(call.sim, guest);
}

function protect(guest: GuestState, what: string): void {
  if (guest.config.protection === 1) throw new Error(`${what} - protection mode enabled`);
}

function checkMountpoint(call: Call, guest: GuestState, key: string, value: ConfigValue): void {
  protect(guest, `can't update CT ${guest.vmid} drive '${key}'`);
  const id = parseVolumeId(parseMountpoint(call.sim, key, value).volume ?? '');
  if (!id || String(value).startsWith('/')) return;
  if (!holds(storageOf(call.state, id.storage), 'rootdir')) throw new Error(`storage '${id.storage}' does not allow content type 'rootdir' (Container)`);
  if (/^\d+(\.\d+)?$/.test(id.name)) demandOnStorage(call, id.storage, 'Datastore.AllocateSpace');
}

// What reaches into a VM: guest agent, cloud-init, monitor, keys; and which features its disks have.
import type { Json } from '../../model/json.ts';
import { maskedConfig } from '../guest-config.ts';
import { isCloudinit, isDrive, isCdrom, volumeIn } from '../drives.ts';
import { checkRunning, guestOf } from '../guests.ts';
import { isNet, parseNet } from '../nets.ts';
import type { GuestState } from '../state.ts';
import { isShared, parseVolumeId } from '../volumes.ts';
import { isSnapshotPossible } from './guest-snapshots.ts';
import { requiredText, type Call } from './handler.ts';
import { hasAgent } from './qemu-power.ts';

export function agent(answer: (guest: GuestState, call: Call) => Json): (call: Call) => Json {
  return (call) => {
    const guest = guestOf(call, 'qemu');
    if (!hasAgent(guest)) throw new Error('No QEMU guest agent configured');
    checkRunning(guest);
    if (!guest.behaviour.agent) throw new Error('QEMU guest agent is not running');
    return { result: answer(guest, call) };
  };
}

export function interfaces(guest: GuestState, call: Call): Json {
  const nets = Object.keys(guest.config).filter(isNet).sort();
  return nets.map((key, at) => ({ name: `eth${at}`, 'hardware-address': (parseNet(call.sim, 'qemu', guest.config[key] ?? '').macaddr ?? '').toLowerCase(), 'ip-addresses': [] }));
}

export function hostName(guest: GuestState): Json {
  return { 'host-name': String(guest.config.name ?? `VM${guest.vmid}`) };
}

const CLOUDINIT = /^(cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\d+)$/;

/** Values a cloud-init drive holds, and those it will hold. Network settings are not among them. */
export function cloudinit(call: Call): Json {
  const guest = guestOf(call, 'qemu');
  const config = maskedConfig(guest.config);
  return Object.keys(config).filter((key) => CLOUDINIT.test(key) && !key.startsWith('ipconfig')).map((key) => ({ key, value: config[key] ?? '' }));
}

export function cloudinitDump(call: Call): Json {
  const { config } = guestOf(call, 'qemu');
  if (requiredText(call, 'type') !== 'user') return '';
  const name = String(config.name ?? `VM${String(call.params.vmid)}`);
  const lines = ['#cloud-config', `hostname: ${name}`, 'manage_etc_hosts: true', `fqdn: ${name}`];
  if (config.ciuser !== undefined) lines.push(`user: ${config.ciuser}`);
  else lines.push('disable_root: False');
  if (config.cipassword !== undefined) lines.push(`password: ${config.cipassword}`);
  const keys = config.sshkeys === undefined ? [] : decodeURIComponent(String(config.sshkeys)).split('\n').filter((key) => key.trim() !== '');
  if (keys.length > 0) lines.push('ssh_authorized_keys:', ...keys.map((key) => `  - ${key}`));
  lines.push('chpasswd:', '  expire: False', 'users:', '  - default', ...(config.ciupgrade === 0 ? [] : ['package_upgrade: true']));
  return `${lines.join('\n')}\n`;
}

export function cloudinitUpdate(call: Call): undefined {
  const guest = guestOf(call, 'qemu');
  if (!Object.entries(guest.config).some(([key, value]) => isDrive(key) && isCloudinit(value))) throw new Error('No Cloud-Init drive configured');
  return undefined;
}

export function monitor(call: Call): Json {
  const guest = guestOf(call, 'qemu');
  checkRunning(guest);
  const command = requiredText(call, 'command').trim();
  if (command === 'info status') return `VM status: ${guest.process?.qmpStatus ?? 'running'}\r\n`;
  return command.startsWith('info') ? '' : `unknown command: '${command}'\r\n`;
}

export function sendKey(call: Call): undefined {
  checkRunning(guestOf(call, 'qemu'));
  return undefined;
}

/** Whether all disks can be snapshotted, cloned or copied, and from which nodes they can be reached. */
export function feature(call: Call): Json {
  const guest = guestOf(call, 'qemu');
  const wanted = requiredText(call, 'feature');
  const volids = Object.entries(guest.config).flatMap(([key, value]) => (isDrive(key) && !isCdrom(value) ? [volumeIn(value)] : [])).filter((volid) => volid !== undefined);
  const isLocal = volids.some((volid) => {
    const storage = call.state.storages[parseVolumeId(volid)?.storage ?? ''];
    return !storage || !isShared(storage);
  });
  const has = wanted === 'snapshot' ? isSnapshotPossible(call.sim, guest) : wanted === 'copy' || guest.config.template === 1;
  return { hasFeature: has ? 1 : 0, nodes: isLocal ? [call.node] : Object.keys(call.state.nodes) };
}

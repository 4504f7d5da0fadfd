import { describe, expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import { changeClass, changeClasses, type ChangeClass, type GuestState } from '../../controller/pve/change-class.ts';
import { rootOnly } from '../../controller/pve/root-only.ts';
import { tablesOf } from './tables.ts';

const tables = tablesOf();
const vm: GuestState = { guest: 'qemu', running: true, ostype: 'l26' };
const ct: GuestState = { guest: 'lxc', running: true };
const DISK = 'local:101/vm-101-disk-0.raw,size=20G';
type Row = readonly [what: string, state: GuestState, option: string, live: Json | undefined, desired: Json | undefined, expected: readonly ChangeClass[]];

const ROWS: readonly Row[] = [
  ['a name is written at once', vm, 'name', 'a', 'b', ['live']],
  ['cores need a restart', vm, 'cores', 1, 2, ['pending']],
  ['memory without its feature needs a restart', vm, 'memory', '64', '128', ['pending']],
  ['memory with its feature is plugged', { ...vm, hotplug: 'memory' }, 'memory', '1024', '2048', ['hotplug']],
  ['CPU limits are the host’s', vm, 'cpulimit', 1, 2, ['live']],
  ['nothing needs a restart in a stopped guest', { ...vm, running: false }, 'cores', 1, 2, ['live']],
  ['another bridge is plugged on the host side', vm, 'net0', 'virtio=BC:24:11:00:00:01,bridge=a', 'virtio=BC:24:11:00:00:01,bridge=b', ['live']],
  ['another model replaces the card', vm, 'net0', 'virtio=BC:24:11:00:00:01,bridge=a', { model: 'e1000', bridge: 'a' }, ['hotplug']],
  ['and needs a restart without hotplug', { ...vm, hotplug: '0' }, 'net0', 'virtio=BC:24:11:00:00:01,bridge=a', { model: 'e1000', bridge: 'a' }, ['pending']],
  ['a new card is plugged', vm, 'net1', undefined, { model: 'virtio', bridge: 'a' }, ['hotplug']],
  ['a disk grows', vm, 'scsi0', DISK, { storage: 'local', size: '30G' }, ['resize']],
  ['a disk never shrinks', vm, 'scsi0', DISK, { storage: 'local', size: '10G' }, ['refused']],
  ['a disk moves', vm, 'scsi0', DISK, { storage: 'fast', size: '20G' }, ['disk-move']],
  ['a disk changes its format by a move', vm, 'scsi0', DISK, 'local:20,format=qcow2', ['disk-move']],
  ['a disk moves, grows and changes its cache', vm, 'scsi0', DISK, 'fast:30,cache=writeback', ['resize', 'disk-move', 'pending']],
  ['throttling is live', vm, 'scsi0', DISK, 'local:20,iops_rd=100', ['live']],
  ['backup is the host’s', vm, 'scsi0', DISK, 'local:20,backup=0', ['live']],
  ['a new SCSI disk is plugged', vm, 'scsi1', undefined, 'local:1', ['hotplug']],
  ['a new SATA disk waits', vm, 'sata1', undefined, 'local:1', ['pending']],
  ['a medium is changed live', vm, 'ide2', 'none,media=cdrom', 'local:iso/a.iso,media=cdrom', ['live']],
  ['a CD-ROM never becomes a disk while running', vm, 'ide2', 'none,media=cdrom', 'local:1', ['stop-start']],
  ['a TPM keeps its version', { ...vm, running: false }, 'tpmstate0', 'local:vm-101-disk-1,size=4M,version=v1.2', 'local:1,version=v2.0', ['refused']],
  ['USB with an old guest waits', { ...vm, ostype: 'win7' }, 'usb0', undefined, 'spice', ['pending']],
  ['USB with Linux is plugged', vm, 'usb0', undefined, 'spice', ['hotplug']],
  ['USB on an old machine waits', { ...vm, machine: 'pc-q35-6.2' }, 'usb0', undefined, 'spice', ['pending']],
  ['ballooning is not switched on live', vm, 'balloon', 0, 512, ['pending']],
  ['ballooning is adjusted live', vm, 'balloon', 256, 512, ['live']],
  ['only trimming of the agent changes live', vm, 'agent', '1', '1,fstrim_cloned_disks=1', ['live']],
  ['switching the agent waits', vm, 'agent', undefined, '1', ['pending']],
  ['nothing changes', vm, 'net0', 'virtio=BC:24:11:00:00:01,bridge=a', { model: 'virtio', bridge: 'a' }, []],
  ['a container’s memory is live', ct, 'memory', 512, 1024, ['live']],
  ['a container’s cores are live', ct, 'cores', 1, 2, ['live']],
  ['its features wait', ct, 'features', undefined, 'nesting=1', ['pending']],
  ['its mount point is added live', ct, 'mp0', undefined, 'local:1,mp=/data', ['hotplug']],
  ['its mount point is changed at restart', ct, 'mp0', 'local:103/vm-103-disk-1.raw,mp=/data,size=1G', 'local:1,mp=/srv', ['pending']],
  ['its root grows', ct, 'rootfs', 'local:103/vm-103-disk-0.raw,size=8G', 'local:9', ['resize']],
  ['its root moves while it is stopped', ct, 'rootfs', 'local:103/vm-103-disk-0.raw,size=8G', 'fast:8', ['disk-move', 'stop-start']],
  ['its root is never replaced', ct, 'rootfs', 'local:103/vm-103-disk-0.raw,size=8G', 'local:103/vm-103-disk-9.raw', ['refused']],
  ['it stays unprivileged', { ...ct, running: false }, 'unprivileged', 1, 0, ['refused']],
];
test.each(ROWS)('%s', (_what, state, option, live, desired, expected) => {
  expect(changeClasses(tables, state, option, live, desired)).toEqual(expected);
});
test('the costliest class counts', () => expect(changeClass(tables, vm, 'scsi0', DISK, 'fast:30,cache=writeback')).toBe('pending'));

describe('only root by ticket may set', () => {
  test.each<['qemu' | 'lxc', string, Json, string | undefined]>([
    ['qemu', 'args', '-version', "only root can set 'args' config"], // recorded: qemu/*-as-token
    ['qemu', 'lock', 'backup', "only root can set 'lock' config"], ['qemu', 'hookscript', 'local:snippets/a.sh', "only root can set 'hookscript' config"],
    ['qemu', 'scsi0', '/dev/sdb', 'Only root can pass arbitrary filesystem paths.'], ['qemu', 'scsi0', 'local:1', undefined], ['qemu', 'ide2', 'none', undefined],
    ['qemu', 'serial0', 'socket', undefined], ['qemu', 'serial0', '/dev/ttyS0', "only root can set 'serial0' config for real devices"],
    ['qemu', 'usb0', 'spice', undefined], ['qemu', 'usb0', 'mapping=key', undefined], ['qemu', 'usb0', 'host=1234:abcd', "only root can set 'usb0' config for real devices"],
    ['qemu', 'hostpci0', 'mapping=gpu', undefined], ['qemu', 'hostpci0', '01:00.0', "only root can set 'hostpci0' config for non-mapped devices"],
    ['qemu', 'cores', 2, undefined], ['qemu', 'numa0', 'cpus=0', undefined], ['qemu', 'net0', 'virtio', undefined], ['qemu', 'pool', 'p', undefined], ['qemu', 'tags', 'a', undefined],
    ['lxc', 'mp0', '/srv,mp=/srv', 'mount point type bind is only allowed for root@pam'], ['lxc', 'mp0', 'local:1,mp=/srv', undefined],
    ['lxc', 'features', 'nesting=1', undefined], ['lxc', 'features', 'fuse=1', 'changing feature flags (except nesting) is only allowed for root@pam'],
    ['lxc', 'dev0', '/dev/kvm', 'configuring device passthrough is only allowed for root@pam'], ['lxc', 'memory', 64, undefined],
  ])('%s %s %j: %s', (guest, option, value, why) => expect(rootOnly(tables, guest, option, value)).toBe(why));
});

import { describe, expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import { canonicalOption, diffOption } from '../../controller/pve/canonical.ts';
import { toRequest, updateRequest } from '../../controller/pve/request.ts';
import { tablesOf } from './tables.ts';

const tables = tablesOf();
type Row = readonly [option: string, desired: Json | undefined, live: Json | undefined];

describe.each(['qemu', 'lxc'] as const)('in sync (%s)', (guest) => {
  const rows: Readonly<Record<'qemu' | 'lxc', readonly Row[]>> = {
    qemu: [
      ['cores', 1, undefined], ['cores', '2', 2], ['onboot', 'no', undefined], ['onboot', true, 1], ['memory', 2048, '2048'], ['memory', 512, undefined],
      ['cpulimit', '1.50', 1.5], ['agent', true, 'enabled=1'], ['agent', { enabled: true }, '1'], ['agent', 'enabled=0', undefined],
      ['tags', ['Prod', 'web', 'alpha'], 'alpha;prod;web'], ['tags', 'web, prod', 'prod;web'],
      ['net0', { model: 'virtio', bridge: 'vmbr0', tag: 20 }, 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,tag=20'],
      ['net0', { virtio: 'bc:24:11:aa:bb:cc', bridge: 'vmbr0', firewall: false }, 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0'],
      ['net0', 'model=virtio,trunks=3;2,bridge=vmbr0', 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,trunks=2;3'],
      ['scsi0', { storage: 'local', size: '20G', discard: true }, 'local:101/vm-101-disk-0.raw,discard=on,size=20G'],
      ['scsi0', { storage: 'local', size: '0.5T' }, 'local:101/vm-101-disk-0.raw,size=512G'],
      ['scsi0', 'local:20,format=qcow2,iothread=yes', 'local:101/vm-101-disk-0.qcow2,iothread=1,size=20G'],
      ['scsi0', 'lvm:20,format=raw', 'lvm:vm-101-disk-0,size=20G'],
      ['scsi0', { storage: 'local', backup: true }, 'local:101/vm-101-disk-0.raw,size=8G'],
      ['scsi0', 'local:0,import-from=local:import/a.qcow2', 'local:101/vm-101-disk-0.raw,size=2252M'],
      ['scsi0', { storage: 'local', size: '1G', bps: 1048576 }, 'local:101/vm-101-disk-0.raw,mbps=1.000,size=1G'],
      ['ide2', 'local:cloudinit', 'local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M'],
      ['ide2', 'none', 'none,media=cdrom'],
      ['ide2', 'local:iso/a.iso,media=cdrom', 'local:iso/a.iso,media=cdrom,size=700M'],
      ['efidisk0', { storage: 'local', efitype: '4m' }, 'local:101/vm-101-disk-0.raw,efitype=4m,ms-cert=2023k,size=528K'],
      ['tpmstate0', 'local:1,version=v2.0', 'local:vm-101-disk-1,size=4M,version=v2.0'],
      ['description', 'hello\n', 'hello'], ['description', '', undefined],
      ['sshkeys', 'ssh-ed25519 AAAA a@b\nssh-rsa BBBB c@d\n', 'ssh-rsa%20BBBB%20c%40d%0Assh-ed25519%20AAAA%20a%40b%0A'],
      ['sshkeys', ['ssh-ed25519 AAAA a@b'], 'ssh-ed25519%20AAAA%20a%40b'],
      ['cipassword', 'secret', '**********'], ['vmgenid', '1', '1f0e3dad-9990-4c2e-b1f0-2b2f8c0f1f0e'], ['vmgenid', 0, undefined],
      ['meta', 'creation-qemu=9.0.0,ctime=1', 'creation-qemu=10.0.2,ctime=2'],
      ['smbios1', { family: 'Zm9v', base64: 1 }, 'base64=1,family=Zm9v,uuid=11111111-2222-3333-4444-555555555555'],
      ['hotplug', ['usb', 'disk', 'network'], undefined], ['hotplug', '1', 'network,disk,usb'], ['hotplug', 'cpu,disk', 'disk,cpu'], ['hotplug', [], '0'],
      ['startup', { order: 2, up: 30 }, 'up=30,order=2'], ['startup', '2', 'order=2'],
      ['boot', { order: ['scsi0', 'net0'] }, 'order=scsi0;net0'], ['cpu', { cputype: 'host', flags: ['-pcid', '+aes'] }, 'host,flags=+aes;-pcid'],
      ['cpu', 'kvm64', undefined], ['affinity', '0,8-11', '8-10,0,11'], ['machine', 'q35', 'pc-q35-9.2+pve1'], ['nameserver', ['1.1.1.1', '8.8.8.8'], '1.1.1.1 8.8.8.8'],
      ['hostpci0', '01:00.0,pcie=1', '0000:01:00.0,pcie=1'], ['usb0', 'host=0x1234:ABCD', 'host=1234:abcd'], ['vga', 'std', undefined], ['name', null, undefined],
      ['ipconfig0', { ip: '10.0.0.2/24', gw: '10.0.0.1' }, 'gw=10.0.0.1,ip=10.0.0.2/24'],
    ],
    lxc: [
      ['net0', { name: 'eth0', bridge: 'vmbr0', ip: 'dhcp' }, 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=dhcp,type=veth'],
      ['rootfs', 'local:8', 'local:103/vm-103-disk-0.raw,size=8G'], ['rootfs', { storage: 'local', size: '8G' }, 'local:103/vm-103-disk-0.raw,size=8G'],
      ['mp0', { storage: 'local', size: '4G', mp: '/data', backup: false }, 'local:103/vm-103-disk-1.raw,mp=/data,size=4G'],
      ['mp1', { volume: '/srv', mp: '/srv', mountoptions: ['noexec', 'noatime'] }, '/srv,mp=/srv,mountoptions=noatime;noexec'],
      ['memory', 512, undefined], ['swap', '512', 512], ['features', { nesting: true, mount: ['nfs', 'cifs'] }, 'nesting=1,mount=cifs;nfs'], ['features', 'nesting=0', undefined],
      ['console', 'on', undefined], ['arch', 'amd64', undefined], ['env', { A: '1', B: 'x y' }, 'A=1\0B=x y'], ['cpuunits', 100, undefined],
    ],
  };
  test.each(rows[guest])('%s: %j is %j', (option, desired, live) => expect(diffOption(tables, guest, option, desired, live)).toBe('same'));
});

describe('different', () => {
  test.each<Row>([
    ['cores', 2, undefined], ['cores', 1, 2], ['onboot', true, undefined], ['tags', 'a', 'a;b'], ['cipassword', 'secret', undefined],
    ['net0', { model: 'virtio', bridge: 'vmbr0' }, undefined],
    ['net0', { model: 'virtio', bridge: 'vmbr0' }, 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1'], // what is left out is owned, too: by its default
    ['net0', 'virtio=BC:24:11:AA:BB:CD,bridge=vmbr0', 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0'],
    ['scsi0', { storage: 'local', size: '21G' }, 'local:101/vm-101-disk-0.raw,size=20G'],
    ['scsi0', { storage: 'fast', size: '20G' }, 'local:101/vm-101-disk-0.raw,size=20G'],
    ['scsi0', 'local:101/vm-101-disk-1.raw', 'local:101/vm-101-disk-0.raw,size=20G'],
    ['scsi0', 'local:20,format=qcow2', 'local:101/vm-101-disk-0.raw,size=20G'],
    ['scsi0', 'local:20,backup=0', 'local:101/vm-101-disk-0.raw,size=20G'],
    ['ide2', 'none', 'local:iso/a.iso,media=cdrom'], ['boot', 'order=net0;scsi0', 'order=scsi0;net0'], ['hotplug', '0', undefined], ['watchdog', 'i6300esb', undefined],
    ['ipconfig0', 'ip=dhcp', undefined], ['vmgenid', '1', undefined], ['machine', 'q35', 'pc-i440fx-9.2'], ['machine', 'pc-q35-8.1', 'pc-q35-9.2'],
    ['nameserver', '1.1.1.1 8.8.8.8', '8.8.8.8 1.1.1.1'], ['description', 'a', 'b'], ['agent', '1', '1,fstrim_cloned_disks=1'], ['hotplug', 'network', 'network,disk,usb'],
  ])('%s: %j is not %j', (option, desired, live) => expect(diffOption(tables, 'qemu', option, desired, live)).toBe('different'));
});

describe('canonical forms say what cannot be compared', () => {
  test('a password is a secret', () => expect(canonicalOption(tables, 'qemu', 'cipassword', 'x')).toEqual({ as: 'secret' }));
  test('meta is Proxmox’s own', () => expect(canonicalOption(tables, 'qemu', 'meta', 'ctime=1')).toEqual({ as: 'generated' }));
  test('a text that is no property string keeps itself', () => expect(canonicalOption(tables, 'qemu', 'net0', 'virtio,,=')).toEqual({ as: 'text', text: 'virtio,,=' }));
});

describe('requests', () => {
  test.each<['qemu' | 'lxc', string, Json, string]>([
    ['qemu', 'net0', { model: 'virtio', bridge: 'vmbr0', tag: 20, firewall: true }, 'virtio,bridge=vmbr0,firewall=1,tag=20'],
    ['qemu', 'scsi0', { storage: 'local', size: '20G', discard: true }, 'local:20,discard=on'], ['qemu', 'scsi0', { storage: 'local', size: '512M' }, 'local:0.5'],
    ['qemu', 'onboot', 'yes', '1'], ['qemu', 'tags', ['a', 'b'], 'a;b'], ['qemu', 'startup', { up: 30, order: 1 }, 'order=1,up=30'], ['qemu', 'agent', true, '1'],
    ['qemu', 'sshkeys', 'ssh-rsa AA a@b', 'ssh-rsa%20AA%20a%40b%0A'], ['qemu', 'hotplug', ['disk', 'usb'], 'disk,usb'], ['qemu', 'hotplug', [], '0'],
    ['lxc', 'env', { A: '1', B: '2' }, 'A=1\0B=2'], ['lxc', 'mp0', { storage: 'local', size: '4G', mp: '/data' }, 'local:4,mp=/data'], ['lxc', 'nameserver', ['1.1.1.1', '::1'], '1.1.1.1 ::1'],
  ])('%s %s: %j is sent as %s', (guest, option, value, text) => expect(toRequest(tables, guest, option, value)).toBe(text));

  test.each<['qemu' | 'lxc', string, Json, Json, string]>([
    ['qemu', 'net0', { model: 'virtio', bridge: 'vmbr1' }, 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0', 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr1'],
    ['lxc', 'net0', { name: 'eth0', bridge: 'vmbr1' }, 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC', 'name=eth0,bridge=vmbr1,hwaddr=BC:24:11:AA:BB:CC'],
    ['qemu', 'scsi0', { storage: 'local', size: '20G', cache: 'writeback' }, 'local:101/vm-101-disk-0.raw,size=20G', 'local:101/vm-101-disk-0.raw,cache=writeback,size=20G'],
    ['qemu', 'scsi0', 'other:20', 'local:101/vm-101-disk-0.raw,size=20G', 'other:20'],
    ['qemu', 'ide2', 'local:cloudinit', 'local:101/vm-101-cloudinit.qcow2,media=cdrom', 'local:101/vm-101-cloudinit.qcow2,media=cdrom'],
    ['qemu', 'smbios1', { family: 'Zm9v' }, 'uuid=11111111-2222-3333-4444-555555555555', 'family=Zm9v,uuid=11111111-2222-3333-4444-555555555555'],
  ])('%s %s: %j keeps what Proxmox generated in %s', (guest, option, value, live, text) => expect(updateRequest(tables, guest, option, value, live)).toBe(text));
});

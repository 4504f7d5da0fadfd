import { describe, expect, test } from 'vitest';
import { checkParams, checkValue } from '../../controller/pve/check.ts';
import { methodOf, optionOf } from './tables.ts';
import type { HttpMethod } from '../../controller/pve/api-tables.ts';

const UNDECLARED = 'property is not defined in schema and the schema does not allow additional properties';
const MISSING = 'property is missing and it is not optional';

// Each row is an exchange with a real Proxmox VE 9.2: what was sent, and `errors` of its answer.
const RECORDED: readonly [HttpMethod, string, Record<string, unknown>, Record<string, string>][] = [
  ['POST', '/access/ticket', { username: 'root@pam' }, { password: MISSING }],
  ['POST', '/access/roles', { roleid: 'Bad', privs: 'VM.Nope' }, { privs: "invalid format - invalid privilege 'VM.Nope'\n" }],
  ['GET', '/cluster/resources', { type: 'nope' }, { type: "value 'nope' does not have a value in the enumeration 'vm, storage, node, sdn'" }],
  ['PUT', '/cluster/options', { bogus: 1 }, { bogus: UNDECLARED }],
  ['POST', '/cluster/backup', { schedule: 'nonsense', storage: 'shared', all: 1 }, { schedule: "invalid format - invalid calendar event 'nonsense' - unable to parse calendar event 'nonsense'\n\n" }],
  ['POST', '/cluster/firewall/rules', { action: 'ACCEPT' }, { type: MISSING }],
  ['POST', '/cluster/config', { clustername: 'bad name' }, { clustername: 'invalid format - value does not look like a valid node name\n' }],
  ['POST', '/cluster/config', { clustername: 'aaaaaaaaaaaaaaaa' }, { clustername: 'value may only be 15 characters long' }],
  ['POST', '/cluster/config', { clustername: '' }, { clustername: 'invalid format - value does not look like a valid node name\n' }],
  ['POST', '/cluster/config', { clustername: 'form', link8: '10.99.0.14' }, { link8: UNDECLARED }],
  ['POST', '/cluster/config', { clustername: 'form', votes: 0 }, { votes: 'value must have a minimum value of 1' }],
  ['POST', '/cluster/ha/rules', { rule: 'bad5', type: 'bogus', resources: 'vm:101' }, { resources: UNDECLARED, type: "value 'bogus' does not have a value in the enumeration 'node-affinity, resource-affinity'" }],
  ['PUT', '/cluster/ha/rules/{rule}', { rule: 'pref1', nodes: 'pve2' }, { type: MISSING, nodes: UNDECLARED }],
  ['POST', '/cluster/config/join', { hostname: '10.99.0.11', fingerprint: 'xx', password: 'a' }, { fingerprint: 'value does not match the regex pattern' }],
  ['POST', '/nodes/{node}/lxc', { node: 'pve1', vmid: 303, rootfs: 'local:1' }, { ostemplate: MISSING }],
  ['POST', '/nodes/{node}/lxc', { node: 'pve1', vmid: 303, ostemplate: 'shared:vztmpl/tiny_1.0_amd64.tar.gz', rootfs: 'local:1', net0: 'bridge=vmbr0' }, { net0: 'invalid format - format error\nnet0.name: property is missing and it is not optional\n' }],
  ['POST', '/nodes/{node}/network', { node: 'pve1', iface: 'bad iface', type: 'bridge' }, { iface: "invalid format - invalid network interface name 'bad iface'\n" }],
  ['GET', '/nodes/{node}/tasks', { node: 'pve1', limit: 'x' }, { limit: "type check ('integer') failed - got 'x'" }],
  ['POST', '/nodes/{node}/qemu', { node: 'pve1', vmid: 99 }, { vmid: 'invalid format - value does not look like a valid VM ID\n' }],
  ['POST', '/nodes/{node}/qemu', { node: 'pve1', vmid: 190, memory: 'lots', cores: 0, bogus: 1, net0: 'virtio,bridge=vmbr0,tag=99999', name: 'bad_name!' }, {
    bogus: UNDECLARED, name: 'invalid format - value does not look like a valid DNS name\n', cores: 'value must have a minimum value of 1',
    net0: 'invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n',
    memory: "invalid format - format error\nmemory.current: type check ('integer') failed - got 'lots'\n",
  }],
  ['POST', '/nodes/{node}/qemu', { node: 'pve1', vmid: 190, tags: 'bad tag!' }, { tags: 'invalid format - invalid characters in tag\n' }],
  ['POST', '/nodes/{node}/qemu', { node: 'pve1', vmid: 190, sshkeys: 'ssh-rsa not encoded' }, { sshkeys: 'invalid format - invalid urlencoded string: ssh-rsa not encoded\n' }],
  ['PUT', '/nodes/{node}/qemu/{vmid}/resize', { node: 'pve1', vmid: '101', disk: 'scsi0', size: 'big' }, { size: 'value does not match the regex pattern' }],
  ['POST', '/nodes/{node}/qemu/{vmid}/snapshot', { node: 'pve1', vmid: '102', snapname: '1bad name' }, { snapname: "invalid format - invalid configuration ID '1bad name'\n" }],
  ['POST', '/storage', { storage: 'x', type: 'nope' }, {
    type: "value 'nope' does not have a value in the enumeration 'btrfs, cephfs, cifs, dir, esxi, iscsi, iscsidirect, lvm, lvmthin, nfs, pbs, rbd, zfs, zfspool'",
    storage: "invalid format - storage ID 'x' cannot be shorter than 2 characters\n",
  }],
  ['POST', '/storage', { storage: '1bad', type: 'dir', path: '/x' }, { storage: "invalid format - storage ID '1bad' contains illegal characters\n" }],
  ['POST', '/storage', { storage: 'xx', type: 'dir', path: 'relative' }, { path: 'invalid format - value does not look like a valid absolute path\n' }],
  ['POST', '/storage', { storage: 'xx', type: 'dir', path: '/x', content: 'nope' }, { content: "invalid format - invalid content type 'nope'\n" }],
  ['PUT', '/storage/{storage}', { storage: 'shared', path: '/other' }, { path: UNDECLARED }],
];

test.each(RECORDED)('%s %s with %j is refused with the recorded texts', (verb, template, params, errors) => {
  expect(checkParams(methodOf(verb, template), params).errors).toEqual(errors);
});

describe('what Proxmox accepts', () => {
  const create = methodOf('POST', '/nodes/{node}/qemu');
  test('is converted to the declared types', () => {
    const { values, errors } = checkParams(create, { node: 'pve1', vmid: '100', cores: '2', onboot: true, cpulimit: '1.5', memory: '64', name: 'web' });
    expect([values, errors]).toEqual([{ node: 'pve1', vmid: 100, cores: 2, onboot: 1, cpulimit: 1.5, memory: '64', name: 'web' }, {}]);
  });
  test('null counts as absent', () => expect(checkParams(create, { node: 'pve1', vmid: null }).errors).toEqual({ vmid: MISSING }));
  test('a list of values for a list format becomes one text', () => expect(checkParams(create, { node: 'pve1', vmid: 100, tags: ['a', 'b'] }).values['tags']).toBe('a,b'));
  test('one value for an array becomes an array of one', () => {
    const { values } = checkParams(methodOf('POST', '/cluster/mapping/dir'), { id: 'd1', map: 'node=pve1,path=/srv' });
    expect(values['map']).toEqual(['node=pve1,path=/srv']);
  });
});

describe('families', () => {
  test.each([['scsi30', true], ['scsi31', false], ['ide4', false], ['net31', true], ['net32', false], ['net00', false], ['net', false], ['net[n]', false], ['virtiofs9', true], ['virtiofs10', false]])('%s is declared: %s', (name, isDeclared) => {
    const errors = checkParams(methodOf('POST', '/nodes/{node}/qemu'), { node: 'a', vmid: 100, [name]: 'x' }).errors;
    expect(errors[name] !== UNDECLARED).toBe(isDeclared);
  });
});

describe('a parameter that requires another', () => {
  test('complains at the missing one', () => {
    expect(checkParams(methodOf('POST', '/nodes/{node}/qemu'), { node: 'a', vmid: 100, unique: 1 }).errors).toEqual({ archive: "missing property required by 'unique'" });
  });
  test('inside a property string too', () => {
    expect(checkValue(optionOf('qemu', 'ipconfig0'), 'gw=10.0.0.1', 'ipconfig0')).toBe("invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'\n");
  });
});

describe('checkValue', () => {
  const cases: readonly [string, unknown, string | undefined][] = [
    ['onboot', 'yes', "type check ('boolean') failed - got 'yes'"], // only property strings know other spellings than 1 and 0
    ['agent', 'enabled=yes', undefined],
    ['name', ['a'], "type check ('string') failed - got ARRAY"],
    ['name', { a: 1 }, "type check ('string') failed - got HASH"],
    ['name', true, "type check ('string') failed - got JSON::PP::Boolean"],
    ['cores', '2.5', "type check ('integer') failed - got '2.5'"],
    ['cpulimit', 129, 'value must have a maximum value of 128'],
    ['net0', 'virtio,virtio', 'invalid format - duplicate key in comma-separated list property: model\n'],
    ['net0', 'virtio,bridge=a,bridge=b', 'invalid format - duplicate key in comma-separated list property: bridge\n'],
    ['net0', 'virtio=BC:24:11:00:00:01,macaddr=BC:24:11:00:00:02', 'invalid format - duplicate key in comma-separated list property: macaddr\n'],
    ['net0', 'virtio,brigde=vmbr0', 'invalid format - invalid key in comma-separated list property: brigde\n'],
    ['net0', 'virtio,bridge=', 'invalid format - missing key in comma-separated list property\n'],
    ['ipconfig0', 'dhcp', 'invalid format - value without key, but schema does not define a default key\n'],
    ['scsi0', 'local:10,size=big', 'invalid format - format error\nscsi0.size: invalid format - value does not look like a valid disk size: big\n\n'],
    ['scsi0', 'nope', "invalid format - format error\nscsi0.file: invalid format - unable to parse volume ID 'nope'\n\n"],
    ['cpu', 'Nope', "invalid format - Built-in cputype 'Nope' is not defined (missing 'custom-' prefix?)\n"],
    ['cpu', 'host,flags=+aes;-pcid', undefined],
    ['cpu', 'host,flags=+avx', 'invalid format - VM-specific CPU flags must be a subset of: aes, amd-no-ssb, amd-ssbd, hv-evmcs, hv-tlbflush, ibpb, md-clear, nested-virt, pcid, pdpe1gb, spec-ctrl, ssbd, virt-ssbd\n'],
    ['hotplug', 'disk,net', "invalid format - invalid hotplug feature 'net'\n"],
    ['startup', 'order=1,up=x', 'invalid format - unable to parse startup options\n'],
    ['boot', 'order=scsi0;net0', undefined],
    ['boot', 'order=efidisk0', "invalid format - format error\nboot.order: invalid format - invalid boot device 'efidisk0'\n\n"],
    ['cdrom', 'none,media=cdrom', undefined],
    ['hostpci0', '0000:00:02.0,pcie=1', undefined],
    ['affinity', '4-2', 'invalid format - unable to parse cpuset option\n'],
  ];
  test.each(cases)('%s: %j → %j', (option, value, complaint) => {
    expect(checkValue(optionOf('qemu', option), value, option)).toBe(complaint);
  });
  test('a key of a later version is refused in an earlier one', () => {
    expect(checkValue(optionOf('qemu', 'hostpci0', '7.4'), 'mapping=gpu', 'hostpci0', '7.4')).toBe('invalid format - invalid key in comma-separated list property: mapping\n');
  });
});

describe("an HA rule's parameters belong to its type", () => {
  const create = methodOf('POST', '/cluster/ha/rules');
  test('those of another type are undeclared', () => {
    expect(checkParams(create, { rule: 'r1', type: 'resource-affinity', resources: 'vm:1,vm:2', affinity: 'positive', nodes: 'a' }).errors).toEqual({ nodes: UNDECLARED });
  });
  test('those missing are named with their variant', () => {
    expect(checkParams(create, { rule: 'r1', type: 'node-affinity', resources: 'vm:1' }).errors).toEqual({ 'oneOf[node-affinity].nodes': MISSING });
  });
  test('all together are accepted', () => {
    expect(checkParams(create, { rule: 'r1', type: 'node-affinity', resources: 'vm:1', nodes: 'a:2,b' }).errors).toEqual({});
  });
});

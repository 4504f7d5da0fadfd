import { describe, expect, test } from 'vitest';
import type { Param } from '../../controller/pve/api-tables.ts';
import { checkTextFormat, isKnownTextFormat } from '../../controller/pve/formats.ts';
import { perlPattern } from '../../controller/pve/perl-pattern.ts';
import { tablesOf, VERSIONS } from './tables.ts';

function paramsOf(param: Param): readonly Param[] {
  const inner = [...(param.items ? [param.items] : []), ...(param.oneOf ?? []), ...(typeof param.format === 'object' ? Object.values(param.format) : [])];
  return [param, ...inner.flatMap(paramsOf)];
}

describe.each(VERSIONS)('Proxmox VE %s', (version) => {
  const params = tablesOf(version).all.flatMap((method) => [...method.params.values()]).flatMap(paramsOf);
  test('every format that its API names is known', () => {
    const names = new Set(params.map((param) => param.format).filter((format) => typeof format === 'string'));
    expect([...names].filter((name) => !isKnownTextFormat(name))).toEqual([]);
  });
  test('every pattern of its API compiles', () => {
    expect(() => params.forEach((param) => param.pattern && perlPattern(param.pattern))).not.toThrow();
  });
});

const CASES: readonly [format: string, good: readonly string[], bad: readonly string[]][] = [
  ['CIDRv4', ['10.0.0.0/8', '192.168.1.1/24'], ['10.0.0.0/7', '10.0.0.0/33', '10.0.0.0', '300.0.0.0/8']],
  ['CIDRv6', ['fe80::1/64', '::/8', '2001:db8::/128'], ['fe80::1', '::/7', ':::/64']],
  ['ipv6', ['::1', '1:2:3:4:5:6:7:8', '1::8', '::ffff:1.2.3.4', '1:2:3:4:5:6:7::'], ['1:2:3:4:5:6:7:8:9', ':1', '1::2::3', '12345::']],
  ['ipv4mask', ['255.255.255.0', '0.0.0.0'], ['255.0.255.0', '255.255.255.1']],
  ['mac-addr', ['BC:24:11:00:00:01'], ['01:24:11:00:00:01', 'BC:24:11:00:00']],
  ['pve-configid', ['ab', 'a-1'], ['a', '1a', 'a.b']],
  ['pve-vlan-id-or-range-list', ['2-4094', '5,7;9'], ['1', '9-5']],
  ['pve-calendar-event', ['daily', 'mon..fri 22:00', 'sat 02:30', '*:0/15', '*/5', 'mon,wed', '2026-*-01 03:00', '*-1..7 0:0', '21:00 UTC'], ['25:00', 'nonsense', '12:60', '', 'monthl 1']],
  ['pve-hotplug-features', ['0', '1', 'network,disk,usb', 'cloudinit'], ['net', '2']],
  ['pve-startup-order', ['order=1,up=30,down=60', '3'], ['order=a', '']],
  ['pve-volume-id-or-qm-path', ['none', 'cdrom', '/dev/sdb', 'local-lvm:vm-100-disk-0', 'local:32'], ['foo', ':x']],
  ['pve-ct-timezone', ['host', 'UTC', 'Europe/Vienna', 'America/Argentina/Buenos_Aires'], ['Mars/Base', 'Etc/GMT+1', 'vienna']],
  ['pve-storage-content-list', ['images,rootdir', 'iso;backup', 'none'], ['disks']],
  ['pve-ha-node-list', ['a:1,b', 'a b:2'], ['a:x', '-a']],
  ['lxc-ip-with-ll-iface-list', ['10.0.0.1 fe80::1%eth0'], ['fe80::1%', 'host']],
  ['storage-pair-list', ['1', 'a1:b1,c1:d1', 'local'], ['a:b', 'a1:b1:c1']],
  ['pve-storage-zfs-blocksize', ['8k', '16K', '1m', ''], ['3k', '256', '0k']],
  ['pve-fw-dport-spec', ['22', '80,443', '1000:2000', 'ssh'], ['70000', '2000:1000', '22,']],
  ['pve-fw-addr-spec', ['10.0.0.0/8', '+mgmt', 'dc/web', '10.0.0.1-10.0.0.9', '10.0.0.1,10.0.0.2'], ['10.0.0.1,::1', '10.0.0', '10.0.0.1-10.0.0.2,10.0.0.3']],
  ['disk-size', ['1', '1G', '1.5T', '4MiB'], ['1X', 'G', '-1']],
];
describe.each(CASES)('%s', (format, good, bad) => {
  test.each(good)('takes %j', (text) => expect(checkTextFormat(format, text, '9.2')).toBeUndefined());
  test.each(bad)('refuses %j', (text) => expect(checkTextFormat(format, text, '9.2')).toBeTypeOf('string'));
});

test('a privilege of 9 is none of 8', () => expect([checkTextFormat('pve-priv-list', 'VM.Replicate', '9.0'), checkTextFormat('pve-priv-list', 'VM.Replicate', '8.4')]).toEqual([undefined, "invalid privilege 'VM.Replicate'"]));
test('Perl binds an alternation without a group to one anchor each', () => expect(perlPattern('a|b').test('xb')).toBe(true));

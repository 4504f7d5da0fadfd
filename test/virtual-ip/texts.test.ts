// What is written for keepalived and heartbeat, what is read of theirs, and how addresses are spelled.
import { describe, expect, test } from 'vitest';
import { haCf, haresources, heartbeatTexts, parseHeartbeat } from '../../controller/virtual-ip/heartbeat-text.ts';
import { isInside, parseIp, parsePrefixed, printIp } from '../../controller/virtual-ip/ip.ts';
import { parseKeepalived } from '../../controller/virtual-ip/keepalived-file.ts';
import { mainText, markOf, partText, shown } from '../../controller/virtual-ip/keepalived-text.ts';
import type { KeepalivedPart } from '../../controller/virtual-ip/keepalived-text.ts';
import { parseVirtualIp } from '../../controller/virtual-ip/report.ts';

const PART: KeepalivedPart = { name: 'cluster', mark: 'latido', address: '192.168.22.41/24', interface: 'vmbr0', routerId: 41, priority: 150, advertSeconds: 1, preempt: false, source: '192.168.22.40', peers: ['192.168.22.39'] };
const SETUP = { name: 'cluster', mark: 'latido', address: '10.77.2.100/24', interface: 'eth2', preferred: 'n1', nodes: [{ name: 'n1', address: '10.77.2.1' }, { name: 'n2', address: '10.77.2.2' }], advertSeconds: 0.5, preempt: false };

describe('addresses', () => {
  test.each([
    ['192.168.22.41', '192.168.22.41'], ['0.0.0.0', '0.0.0.0'], ['fd00::1', 'fd00::1'], ['FD00:0:0:0:0:0:0:1', 'fd00::1'], ['::', '::'], ['::1', '::1'], ['1::', '1::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ])('%s is written %s', (text, canonical) => {
    const ip = parseIp(text);
    expect(ip && printIp(ip)).toBe(canonical);
  });

  test.each(['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', ':', ':::', '1::2::3', '1:2:3:4:5:6:7:8:9', 'g::1', '12345::1', '1:2:3:4:5:6:7::8::'])('%s is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test('a prefix longer than the address, or none, is wrong', () => {
    expect([parsePrefixed('10.0.0.1/33'), parsePrefixed('fd00::1/129'), parsePrefixed('10.0.0.1')]).toEqual([undefined, undefined, undefined]);
  });

  test('an address is inside of its own network only', () => {
    const network = parsePrefixed('192.168.22.41/24');
    const inside = (text: string) => { const ip = parseIp(text); return network && ip && isInside(network, ip); };
    expect([inside('192.168.22.1'), inside('192.168.23.1'), inside('fd00::1')]).toEqual([true, false, false]);
  });
});

describe('keepalived', () => {
  test('a part is read back as it was meant', () => {
    expect(parseKeepalived(shown(partText(PART)))).toEqual({
      includes: [], others: [],
      instances: [{ name: 'cluster', interface: 'vmbr0', routerId: 41, priority: 150, version: 3, advertSeconds: 1, preempt: false, source: '192.168.22.40', peers: ['192.168.22.39'], addresses: ['192.168.22.41/24'], authentication: false }],
    });
  });

  test('a secret stays a reference, and makes it VRRP 2', () => {
    const pieces = partText({ ...PART, authentication: { secret: 'vip' } });
    expect(pieces).toContainEqual({ secret: 'vip' });
    expect(parseKeepalived(shown(pieces))?.instances[0]).toMatchObject({ version: 2, authentication: true });
    expect(shown(pieces).endsWith('}\n# end\n')).toBe(true);
  });

  test.each(['vmbr0 }\nvrrp_script x {', 'a b', '"', ''])('the interface %j never becomes syntax', (device) => {
    expect(() => partText({ ...PART, interface: device })).toThrow('not a plain word');
  });

  test('the first line says whose it is', () => {
    expect(markOf(shown(partText(PART)))).toEqual({ mark: 'latido', name: 'cluster' });
    expect(markOf(mainText('other'))).toEqual({ mark: 'other' });
    expect(markOf('! Configuration File for keepalived\n')).toBeUndefined();
  });

  test('somebody else writes braces and comments as they like', () => {
    const text = '! a comment { \nglobal_defs\n{\n  router_id x # }\n}\nvrrp_script chk { script "/bin/true"\n interval 2 }\nvrrp_instance VI_1 {\n  state MASTER\n  virtual_ipaddress { 10.0.0.5/24 dev eth0\n 10.0.0.6/24 }\n}\nvirtual_server 10.0.0.5 80 {\n}\n';
    expect(parseKeepalived(text)).toMatchObject({ others: ['vrrp_script chk', 'virtual_server 10.0.0.5 80'], instances: [{ name: 'VI_1', preempt: true, addresses: ['10.0.0.5/24', '10.0.0.6/24'] }] });
    expect(parseKeepalived('vrrp_instance x {\n')).toBeUndefined();
    expect(parseKeepalived('}\n')).toBeUndefined();
  });
});

describe('heartbeat', () => {
  test('its files are read back as they were meant', () => {
    const files = parseHeartbeat(new Map([['ha.cf', haCf(SETUP)], ['haresources', haresources(SETUP)]]), '10.77.2.100');
    expect(files).toMatchObject({ preferred: 'n1', address: '10.77.2.100/24', interface: 'eth2', others: [] });
    expect(files.directives.get('ucast')).toEqual(['eth2 10.77.2.1', 'eth2 10.77.2.2']);
    expect(files.directives.get('deadtime')).toEqual(['2500ms']);
  });

  test('the port stands before the lines that use it', () => {
    expect(haCf(SETUP).indexOf('udpport')).toBeLessThan(haCf(SETUP).indexOf('ucast'));
  });

  test('the recorded set-up of an older cluster is understood, and what else it keeps', () => {
    const files = new Map([['haresources', '# both\nn1 drbddisk::r0 \\\n  IPaddr::10.77.2.100/24/eth2 apache2\n']]);
    expect(parseHeartbeat(files, '10.77.2.100')).toMatchObject({ preferred: 'n1', address: '10.77.2.100/24', interface: 'eth2', others: ['drbddisk::r0', 'apache2'] });
    expect(parseHeartbeat(files, '10.77.2.101').preferred).toBeUndefined();
  });

  test('without a secret the lines are checked and not signed', () => {
    expect(heartbeatTexts(SETUP).join('')).toContain('### authkeys\nauth 1\n1 crc\n### ha.cf\n');
    expect(heartbeatTexts({ ...SETUP, authentication: { secret: 'k' } })[1]).toEqual({ secret: 'k' });
  });
});

describe('what a node tells', () => {
  const TOLD = `@program keepalived active enabled
@file /etc/keepalived/keepalived.conf
 # mine
 
@file /etc/keepalived/conf.d/latido-cluster.conf
 one
@state latido-vip-cluster.BACKUP 100.5000000000
@state latido-vip-cluster.MASTER 200.2500000000
@state latido-vip-cluster.rubbish 300
@program heartbeat inactive disabled
@file /etc/ha.d/ha.cf
 node a b
@resources transition
@peer a active
@peer b dead
@end
`;
  test('programs, files, the newest state', () => {
    expect(parseVirtualIp(TOLD)).toEqual({
      keepalived: { running: true, enabled: true, main: '# mine\n\n', parts: new Map([['cluster', 'one\n']]), states: new Map([['cluster', { state: 'MASTER', since: 200_250 }]]) },
      heartbeat: { running: false, enabled: false, files: new Map([['ha.cf', 'node a b\n']]), resources: 'transition', peers: new Map([['a', 'active'], ['b', 'dead']]) },
    });
  });

  test('a program that goes by older files than are there', () => {
    expect(parseVirtualIp('@program keepalived active enabled\n@behind keepalived\n@program heartbeat inactive disabled\n@end\n')).toMatchObject({ keepalived: { isBehind: true } });
    expect(parseVirtualIp('@program keepalived active enabled\n@behind keepalived\n@program heartbeat inactive disabled\n@end\n')?.heartbeat).not.toHaveProperty('isBehind');
  });

  test('neither program is installed', () => {
    expect(parseVirtualIp('@end\n')).toEqual({});
  });

  test.each(['', TOLD.slice(0, -6), 'sh: not found\n@end\n'])('what broke off is nothing', (text) => {
    expect(parseVirtualIp(text)).toBeUndefined();
  });
});

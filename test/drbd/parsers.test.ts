// Parsers against what real DRBD 8.4 and 9 and LVM printed.
import { describe, expect, test } from 'vitest';
import { parseGenerations } from '../../controller/drbd/generations.ts';
import { FULL_REPORT, parseReport } from '../../controller/drbd/lvm.ts';
import { parseResFile } from '../../controller/drbd/res-file.ts';
import { parseStatus8 } from '../../controller/drbd/status-8.ts';
import { parseStatus9 } from '../../controller/drbd/status-9.ts';
import { lineage } from '../../controller/safety/generations.ts';
import { outputs, recorded } from './recorded.ts';

const other = (node: string) => () => (node === 'n1' ? 'n2' : 'n1');

describe('DRBD 8.4', () => {
  const proc = ` 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
    ns:92900 nr:0 dw:0 dr:94208 al:0 bm:0 lo:0 pe:2 ua:2 ap:0 ep:1 wo:f oos:957372
	[>...................] sync'ed:  9.0% (957372/1048508)K
	finish: 0:00:41 speed: 22,784 (22,784) K/sec
`;
  const [sync] = outputs('drbd84', 'drbdsetup events2 --now --timestamps --statistics r0', '04-');

  test('an initial sync', () => expect(parseStatus8(sync?.output ?? '', proc, other('n1'))).toEqual([{
    resource: 'r0', minor: 0, role: 'Primary', disk: 'UpToDate', sizeBytes: 1048508 * 1024,
    peers: [{ name: 'n2', connection: 'Connected', role: 'Secondary', disk: 'Inconsistent', replication: 'SyncSource', outOfSyncBytes: 871356 * 1024, donePercent: 9, secondsLeft: 41 }],
  }]));

  test('a connection that stands alone is told by /proc/drbd only', () => {
    const events = 'exists resource name:r0 role:Primary suspended:no write-ordering:flush\nexists device name:r0 volume:0 minor:0 disk:UpToDate size:1048508\nexists -\n';
    const alone = ' 0: cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown   r-----\n    ns:0 nr:0 dw:8 dr:0 al:1 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:8\n';
    expect(parseStatus8(events, alone, other('n1'))[0]?.peers).toEqual([{ name: 'n2', connection: 'StandAlone', role: 'Unknown', disk: 'DUnknown', replication: 'Off', outOfSyncBytes: 8192 }]);
  });

  test.each(recorded('drbd84').filter(({ command }) => command.startsWith('drbdsetup events2 --now')).map((one) => [`${one.file} ${one.node}`, one] as const))('%s is understood', (_, { output, node }) => {
    const replicas = parseStatus8(output, '', other(node));
    expect(replicas.length).toBe([...output.matchAll(/exists resource /g)].length);
    for (const replica of replicas) expect(replica.role).not.toBe('Unknown');
  });
});

describe('DRBD 9', () => {
  const texts = recorded('drbd9').filter(({ command, exit }) => /^drbdsetup status( r0)? --json( r0)?$/.test(command) && exit === 0);
  test('were recorded', () => expect(texts.length).toBeGreaterThan(5));
  test.each(texts.map((one, at) => [`${one.file} ${one.node} ${at}`, one] as const))('%s is understood', (_, { output }) => {
    const replicas = parseStatus9(output);
    expect(replicas?.length).toBe((JSON.parse(output) as readonly unknown[]).length);
    for (const { role, peers } of replicas ?? []) {
      expect(role).not.toBe('Unknown');
      expect(peers.map(({ name }) => name)).toSatisfy((names: readonly string[]) => names.every((name) => /^n\d$/.test(name)));
    }
  });
});

describe('generation identifiers', () => {
  const gi = (folder: string, within: string, node: string, at = 0) => recorded(folder).filter((one) => one.file.includes(within) && one.node === node && one.command.includes('get-gi')).map(({ output }) => parseGenerations(output, []))[at]?.[0];

  test('a split brain is known before the link is back, 8.4', () => {
    const first = gi('drbd84', '13-', 'n1');
    const second = gi('drbd84', '13-', 'n2');
    expect(first && second && lineage(first, second)).toBe('split');
  });
  test('a split brain of three nodes, 9', () => {
    const first = gi('drbd9', '10-', 'n1');
    const second = gi('drbd9', '10-', 'n2');
    expect(first && second && lineage(first, second)).toBe('split');
  });
  test('a plain cut with one primary is none', () => {
    const first = gi('drbd84', '14b-', 'n1');
    const second = gi('drbd84', '14b-', 'n2');
    expect(first && second && lineage(first, second)).toMatch(/newer|same/);
  });
  test('the lowest bits tell who is Primary, and who was when they lost each other', () => {
    const bits = (...[folder, within, node]: readonly [string, string, string]) => { const { isPrimary = false, wasPrimary = false } = gi(folder, within, node) ?? {}; return [isPrimary, wasPrimary]; };
    expect([bits('drbd84', '10-', 'n1'), bits('drbd9', '10-', 'n1'), bits('drbd84', '02-', 'n1')]).toEqual([[true, true], [true, true], [false, false]]);
  });
  test('new metadata', () => expect(gi('drbd84', '02-', 'n1')).toEqual({ current: '0000000000000004', bitmap: '0000000000000000', history: ['0000000000000000', '0000000000000000'] }));
});

describe('LVM', () => {
  const of = (program: string) => recorded('lvm').find(({ command }) => command.startsWith(`${program} `) && command.includes('--units b'))?.output ?? '';
  test('groups', () => expect(parseReport(of('vgs'))?.groups).toContainEqual({ name: 'drbdvg', uuid: 'E2hdlD-OSLM-Q4Uq-1SXG-2ccx-bfTC-NLhFyh', sizeBytes: 1069547520, freeBytes: 1035993088, extentBytes: 4194304 }));
  test('volumes', () => expect(parseReport(of('lvs'))?.volumes).toContainEqual({ group: 'drbdvg', name: 'vm-101-disk-0', uuid: 'FWByfO-5sgc-tPsX-e1cl-KWDx-4CTa-3Ygmc7', sizeBytes: 33554432, active: true, open: false, tags: [] }));
  test('physical volumes', () => expect(parseReport(of('pvs'))?.physical).toContainEqual({ device: '/dev/drbd0', group: 'drbdvg', uuid: 'PF0l9e-9DUc-Bjjg-nY8a-61HN-n80p-SV203e', sizeBytes: 1069547520, freeBytes: 1035993088 }));
  test('all of it at once: a group, and a physical volume of none', () => expect(parseReport(recorded('lvm').find(({ command }) => command === FULL_REPORT.join(' '))?.output ?? '')).toEqual({
    groups: [{ name: 'pve', uuid: 'kLKoOk-rUhq-m5g9-Nk6M-ZIC9-bYmj-yUTYUB', sizeBytes: 532676608, freeBytes: 499122176, extentBytes: 4194304 }],
    volumes: [{ group: 'pve', name: 'byhand', uuid: 'VgO5GP-I5ez-Vg22-SGee-2cLY-8NfG-KJT73V', sizeBytes: 33554432, active: true, open: false, tags: ['latido'] }],
    physical: [
      { device: '/dev/vdb', group: 'pve', uuid: 'AEz7nR-i69S-ZcSk-cPS1-hVKB-fgSN-x7gzDH', sizeBytes: 532676608, freeBytes: 499122176 },
      { device: '/dev/vdc', group: '', uuid: '7lkvdu-qWfd-nUJ2-LPTV-8X0P-hYZ2-XJnOUj', sizeBytes: 536870912, freeBytes: 536870912 },
    ],
  }));
  test('what is no report is told as such', () => expect(parseReport('  Volume group "x" not found\n')).toBeUndefined());
});

describe('a resource file', () => {
  test('of one line or many', () => expect(parseResFile('resource r0 { net { protocol C; allow-two-primaries; } on a { device /dev/drbd7; disk "/dev/vg0/r0"; address 10.0.0.1:7788; meta-disk internal; } on b { volume 0 { device minor 7; disk /dev/vdb; meta-disk internal; } address ipv4 10.0.0.2:7788; node-id 1; } }')).toEqual([{
    name: 'r0', options: new Map([['net.protocol', 'C'], ['net.allow-two-primaries', 'yes']]),
    hosts: [
      { name: 'a', device: '/dev/drbd7', minor: 7, disk: '/dev/vg0/r0', address: '10.0.0.1:7788', metaDisk: 'internal' },
      { name: 'b', nodeId: 1, device: '/dev/drbd7', minor: 7, disk: '/dev/vdb', address: '10.0.0.2:7788', metaDisk: 'internal' },
    ],
  }]));
  test('comments and quotes', () => expect(parseResFile('# x\nresource "a b" {\n  handlers { split-brain "/bin/x; y # z"; } # }\n}\n')).toEqual([{ name: 'a b', hosts: [], options: new Map([['handlers.split-brain', '/bin/x; y # z']]) }]));
  test.each([['resource r0 {', 'a } is missing at the end'], ['resource r0 { net { x } }', 'a ; is missing after x'], ['}', 'there is a } too many']])('%s', (text, trouble) => expect(parseResFile(text)).toBe(trouble));
});

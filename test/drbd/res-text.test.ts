// The file of a resource: what drbdadm reads in it is what was asked for, and nothing in a value becomes syntax.
import { describe, expect, test } from 'vitest';
import { parseResFile } from '../../controller/drbd/res-file.ts';
import { commandsWithoutSecret, comparable, markOf, resText, withoutSecret } from '../../controller/drbd/res-text.ts';
import type { ResText } from '../../controller/drbd/res-text.ts';

const RES: ResText = {
  name: 'r0', mark: 'latido', reclaim: 'keep', major: 8, minor: 3, options: new Map([['net.protocol', 'C'], ['net.allow-two-primaries', 'yes'], ['disk.resync-rate', '60M']]),
  hosts: [{ name: 'a', nodeId: 0, address: '10.0.0.40:7788', disk: '/dev/pve/r0' }, { name: 'b-lab', nodeId: 1, address: '[fd00::1]:7788', disk: '/dev/sdb' }],
};

describe('for 8.4', () => {
  test('the whole text', () => expect(comparable(resText(RES))).toBe(`# latido latido reclaim=keep: written from Git, changes here are undone
resource "r0" {
    net {
        allow-two-primaries yes;
        protocol C;
    }
    disk {
        resync-rate 60M;
    }
    on "a" {
        device /dev/drbd3 minor 3;
        disk "/dev/pve/r0";
        address ipv4 10.0.0.40:7788;
        meta-disk internal;
    }
    on "b-lab" {
        device /dev/drbd3 minor 3;
        disk "/dev/sdb";
        address ipv6 [fd00::1]:7788;
        meta-disk internal;
    }
}
# end
`));
  test('reads back as it was written', () => {
    const [file] = parseResFile(comparable(resText(RES))) as Exclude<ReturnType<typeof parseResFile>, string>;
    expect([file?.name, [...file?.options ?? []].sort(), file?.hosts.map(({ name, minor, disk, address }) => [name, minor, disk, address])]).toEqual([
      'r0', [...RES.options].sort(), [['a', 3, '/dev/pve/r0', '10.0.0.40:7788'], ['b-lab', 3, '/dev/sdb', '[fd00::1]:7788']],
    ]);
  });
});

describe('for 9', () => {
  const text = comparable(resText({ ...RES, major: 9, hosts: [...RES.hosts, { name: 'c', nodeId: 7, address: '10.0.0.41:7788' }] }));
  test('hosts have numbers and a mesh, and one may hold no data', () => {
    expect(text).toContain('        node-id 7;\n        device /dev/drbd3 minor 3;\n        disk none;\n        address ipv4 10.0.0.41:7788;\n    }\n');
    expect(text).toContain('    connection-mesh {\n        hosts "a" "b-lab" "c";\n    }\n');
  });
});

describe('a value', () => {
  test.each(['x";\n}', 'a\nb', 'a;b', 'a{', 'a\\', '#', '$(reboot)', '`x`'])('never becomes syntax: %j', (hostile) => {
    expect(() => resText({ ...RES, name: hostile })).toThrow('not a plain word');
    expect(() => resText({ ...RES, options: new Map([['net.protocol', hostile]]) })).toThrow('not a plain word');
    expect(() => resText({ ...RES, hosts: [{ name: 'a', nodeId: 0, address: '10.0.0.1:7788', disk: hostile }] })).toThrow('not a plain word');
    expect(() => resText({ ...RES, hosts: [{ name: 'a', nodeId: 0, address: hostile, disk: '/dev/sdb' }] })).toThrow('not an address');
  });
  test('that is a word of drbdadm is a name all the same', () => expect(comparable(resText({ ...RES, name: 'disk' }))).toContain('resource "disk" {'));
});

describe('a secret', () => {
  const pieces = resText({ ...RES, sharedSecret: { secret: 'drbd/r0' } });
  test('stays a reference', () => expect(pieces).toEqual([expect.stringMatching(/shared-secret "$/), { secret: 'drbd/r0', quoted: { mostBytes: 63 } }, expect.stringMatching(/^";\n/)]));
  test.each(['s3cr3t', 's3\\ cr3t', 's3\\\\\\"cr3t'])('is left out of what a dry run prints: %s', (value) => expect(commandsWithoutSecret(`drbdsetup net-options a b --shared-secret=${value} --protocol=C\n`)).toBe('drbdsetup net-options a b --shared-secret=… --protocol=C\n'));
  test.each(['"s3cr3t"', 's3cr3t', '"s\\"3"'])('is left out of what is compared: %s', (value) => expect(withoutSecret(`net { shared-secret ${value}; }`)).toBe('net { shared-secret "…"; }'));
  test('and the texts are then the same', () => expect(withoutSecret(pieces.map((piece) => (typeof piece === 'string' ? piece : 'hunter2')).join(''))).toBe(comparable(pieces)));
});

describe('the mark', () => {
  test('stands in the first line', () => expect(markOf(comparable(resText({ ...RES, reclaim: 'delete' })))).toEqual({ mark: 'latido', reclaim: 'delete' }));
  test.each(['', 'resource r0 {}', '\n# latido latido reclaim=keep: x', '# latido'])('and nowhere else: %j', (text) => expect(markOf(text)).toBeUndefined());
});

import { describe, expect, test } from 'vitest';
import type { Condition } from '../../controller/model/step.ts';
import { unmet } from '../../controller/safety/conditions.ts';
import { insideWindow } from '../../controller/safety/windows.ts';
import { facts, GIB, guest, node, storage } from '../harness/facts.ts';

const is: Condition = { is: 'guest-is', vmid: 1, type: 'qemu', node: 'a', mark: 'latido' };
const blind = new Map([['/cluster/resources', 'timeout']]);

describe('a condition that holds says nothing', () => {
  test.each([
    [{ is: 'quorate' }], [{ is: 'node-online', node: 'a' }], [{ is: 'guest-idle', vmid: 1 }], [is], [{ is: 'guest-status', vmid: 1, status: 'running' }],
    [{ is: 'guest-on', vmid: 1, nodes: ['b', 'a'] }], [{ is: 'vmid-free', vmid: 2 }], [{ is: 'storage-has', node: 'a', storage: 'local', bytes: GIB }], [{ is: 'ha-absent', sid: 'vm:1' }],
  ] as readonly [Condition][])('%j', (condition) => expect(unmet(condition, facts({ guests: [guest(1)] }))).toBeUndefined());
});

describe('a condition that does not hold says why', () => {
  test.each([
    ['no quorum', { is: 'quorate' }, facts({ quorate: false }), 'not quorate'],
    ['node down', { is: 'node-online', node: 'a' }, facts({ nodes: [node('a', { online: false })] }), 'offline'],
    ['no such node', { is: 'node-online', node: 'x' }, facts(), 'no node x'],
    ['locked', { is: 'guest-idle', vmid: 1 }, facts({ guests: [guest(1, { lock: 'backup' })] }), 'locked (backup)'],
    ['a task', { is: 'guest-idle', vmid: 1 }, facts({ guests: [guest(1)], tasks: [{ upid: 'UPID:a:1', node: 'a', type: 'qmigrate', id: '1', user: 'root@pam' }] }), 'task qmigrate'],
    ['moved', is, facts({ guests: [guest(1, { node: 'b' })] }), 'moved to b'],
    ['mark gone', is, facts({ guests: [guest(1, { tags: [] })] }), 'no longer carries'],
    ['a container now', is, facts({ guests: [guest(1, { type: 'lxc' })] }), 'is now a container'],
    ['gone', is, facts(), 'does not exist'],
    ['no uuid told', { is: 'guest-identity', vmid: 1, identity: 'u' }, facts({ guests: [guest(1)] }), 'did not tell'],
    ['not readable is not absent', is, facts({ unread: blind }), 'could not be read'],
    ['not readable is not free', { is: 'vmid-free', vmid: 2 }, facts({ unread: blind }), 'could not be read'],
    ['tasks not readable are not none', { is: 'guest-idle', vmid: 1 }, facts({ guests: [guest(1)], unread: new Map([['/cluster/tasks', 'timeout']]) }), '/cluster/tasks could not be read'],
    ['not readable is not idle', { is: 'guest-idle', vmid: 1 }, facts({ unread: blind }), 'could not be read'],
    ['another volume in the slot', { is: 'slot-holds', vmid: 1, slot: 'scsi1', volume: 'lvm:vm-1-disk-1' }, { ...facts({ guests: [guest(1)] }), configs: new Map([[1, { scsi1: 'lvm:vm-1-disk-10,size=1G' }]]) }, 'holds lvm:vm-1-disk-10,size=1G, not lvm:vm-1-disk-1'],
    ['an unread slot', { is: 'slot-holds', vmid: 1, slot: 'scsi1', volume: 'v' }, facts({ guests: [guest(1)] }), 'did not tell its configuration'],
    ['more than a remnant', { is: 'guest-remnant', vmid: 1, type: 'qemu', node: 'a' }, { ...facts({ guests: [guest(1)] }), configs: new Map([[1, { lock: 'create', name: 'mail', digest: 'd' }]]) }, 'more than what a cut-off creation leaves'],
    ['an unread remnant', { is: 'guest-remnant', vmid: 1, type: 'qemu', node: 'a' }, facts({ guests: [guest(1)] }), 'did not tell its configuration'],
    ['a remnant that is being made', { is: 'guest-remnant', vmid: 1, type: 'qemu', node: 'a' }, { ...facts({ guests: [guest(1)], tasks: [{ upid: 'UPID:a:1', node: 'a', type: 'qmcreate', id: '1', user: 'root@pam' }] }), configs: new Map([[1, { lock: 'create' }]]) }, 'task qmcreate'],
    ['a remnant elsewhere', { is: 'guest-remnant', vmid: 1, type: 'qemu', node: 'b' }, { ...facts({ guests: [guest(1)] }), configs: new Map([[1, { lock: 'create' }]]) }, 'moved to a'],
    ['changed since the plan', { is: 'guest-unchanged', vmid: 1, digest: 'a' }, { ...facts({ guests: [guest(1)] }), configs: new Map([[1, { digest: 'b' }]]) }, 'since the plan'],
    ['not let go of', { is: 'ha-absent', sid: 'vm:1' }, facts({ haLeaving: new Set(['vm:1']) }), 'has not let go of vm:1'],
    ['taken', { is: 'vmid-free', vmid: 1 }, facts({ guests: [guest(1)] }), 'taken'],
    ['full', { is: 'storage-has', node: 'a', storage: 'local', bytes: 5 * GIB }, facts({ storages: [storage('local', 'a', { total: 4 * GIB })] }), '5 GiB are needed'],
    ['still starting', { is: 'ha-state', sid: 'vm:1', states: ['started'] }, facts({ haResources: new Map([['vm:1', { sid: 'vm:1', state: 'started', maxRestart: 1, maxRelocate: 1, failback: true, crmState: 'starting' }]]) }), 'in state starting'],
  ] as readonly [string, Condition, ReturnType<typeof facts>, string][])('%s', (_, condition, now, sentence) => expect(unmet(condition, now)).toContain(sentence));

  test('a console is no task that disturbs', () => {
    expect(unmet({ is: 'guest-idle', vmid: 1 }, facts({ guests: [guest(1)], tasks: [{ upid: 'u', node: 'a', type: 'vncproxy', id: '1', user: 'root@pam' }] }))).toBeUndefined();
  });
});

describe('windows', () => {
  const saturday = [{ days: ['sat'], start: '02:00', hours: 4, timezone: 'America/Argentina/Buenos_Aires' }] as const;
  // Saturday 2026-11-21 in Buenos Aires, three hours behind UTC.
  test.each([
    ['before', '2026-11-21T04:59:00Z', false], ['at its start', '2026-11-21T05:00:00Z', true], ['within', '2026-11-21T08:59:00Z', true],
    ['at its end', '2026-11-21T09:00:00Z', false], ['another day', '2026-11-22T06:00:00Z', false],
  ])('%s', (_, at, expected) => expect(insideWindow(saturday, Date.parse(at))).toBe(expected));
  test('over midnight, and over the week', () => {
    const late = [{ days: ['sat'], start: '23:00', hours: 3 }] as const;
    expect(insideWindow(late, Date.parse('2026-11-22T01:30:00Z'))).toBe(true);
    expect(insideWindow(late, Date.parse('2026-11-22T02:00:00Z'))).toBe(false);
  });
});

// Migrations that go wrong, and where the guest and its volumes are afterwards.
import { expect, test } from 'vitest';
import type { GuestSpec } from '../../controller/sim/cluster-spec.ts';
import { begin, type Start, type Story } from '../scenarios/timelines-world.ts';
import { isObject, type Json } from '../../controller/model/json.ts';

const GIB = 2 ** 30;
const shared = (config: GuestSpec['config'] = {}): GuestSpec => ({ vmid: 401, node: 'pve1', running: true, config: { memory: '1024', scsi0: 'shared:401/vm-401-disk-0.raw,size=1G', ...config } });
const local = (config: GuestSpec['config'] = {}): GuestSpec => ({ vmid: 402, node: 'pve1', running: true, config: { memory: '1024', scsi0: 'local:402/vm-402-disk-0.raw,size=10G', ...config } });
const container = (storage: string): GuestSpec => ({ vmid: 407, node: 'pve1', type: 'lxc', running: true, config: { memory: 64, arch: 'amd64', ostype: 'unmanaged', rootfs: `${storage}:407/vm-407-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 2000 } });

function run(...guests: readonly GuestSpec[]): Promise<Story> {
  return begin({ master: 'pve1', resources: [], crmAt: 1, cluster: { guests } } satisfies Start);
}

const guestOf = (story: Story, vmid: number) => story.sim.state.guests[String(vmid)];
const volumesOn = (story: Story, storage: string, node: string) => Object.keys(story.sim.state.storages[storage]?.volumes[node] ?? {});

async function start(story: Story, vmid: number, params: Readonly<Record<string, string | number>>): Promise<string> {
  const type = guestOf(story, vmid)?.type ?? 'qemu';
  const answer = await story.ask('POST', `/nodes/pve1/${type}/${vmid}/migrate`, params);
  expect(answer.status).toBe(200);
  return String(isObject(answer.body) ? answer.body['data'] : undefined);
}

/** The task's end and what its log says beside the times. */
async function ended(story: Story, upid: string): Promise<{ readonly exit: string | undefined; readonly log: string }> {
  await story.sim.clock.run(story.sim.running.done(upid));
  const task = story.sim.state.tasks[upid];
  return { exit: task?.exitstatus, log: (task?.log ?? []).map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, '')).join('\n') };
}

test('the target dies while memory is copied: the guest stays, running and unlocked', async () => {
  const story = await run(shared());
  const upid = await start(story, 401, { target: 'pve3', online: 1 });
  await story.until(story.seconds() + 6);
  story.sim.powerOff('pve3');
  expect(await ended(story, upid)).toMatchObject({ exit: 'migration problems', log: expect.stringContaining('aborting phase 2 - cleanup resources') as string });
  expect(guestOf(story, 401)).toMatchObject({ node: 'pve1', process: { qmpStatus: 'running' } });
  expect(guestOf(story, 401)?.config['lock']).toBeUndefined();
});

test('the target dies while disks are copied: no copy is left behind', async () => {
  const story = await run(local());
  const upid = await start(story, 402, { target: 'pve3', online: 1, 'with-local-disks': 1 });
  await story.until(story.seconds() + 20);
  expect(volumesOn(story, 'local', 'pve3')).toEqual(['402/vm-402-disk-0.raw']);
  story.sim.powerOff('pve3');
  await ended(story, upid);
  expect(volumesOn(story, 'local', 'pve3')).toEqual([]);
  expect(volumesOn(story, 'local', 'pve1')).toEqual(['402/vm-402-disk-0.raw']);
});

test('the source dies: the guest is down, and its lock says why until somebody takes it away', async () => {
  const story = await run(shared());
  const upid = await start(story, 401, { target: 'pve3', online: 1 });
  await story.until(story.seconds() + 6);
  story.sim.powerOff('pve1');
  await story.until(story.seconds() + 60);
  expect(guestOf(story, 401)).toMatchObject({ node: 'pve1', config: { lock: 'migrate' } });
  expect(guestOf(story, 401)?.process).toBeUndefined();
  expect(story.sim.state.tasks[upid]?.exitstatus).not.toBe('OK');
});

test('a migration that is aborted leaves the guest where it is', async () => {
  const story = await run(shared());
  const upid = await start(story, 401, { target: 'pve3', online: 1 });
  await story.until(story.seconds() + 6);
  expect((await story.ask('DELETE', `/nodes/pve1/tasks/${encodeURIComponent(upid)}`)).status).toBe(200);
  await ended(story, upid);
  expect(guestOf(story, 401)).toMatchObject({ node: 'pve1', process: { qmpStatus: 'running' } });
  expect(guestOf(story, 401)?.config['lock']).toBeUndefined();
});

test.each([
  { what: 'a passed-through device', guest: shared({ hostpci0: '0000:01:00.0' }), vmid: 401, says: "can't migrate running VM which uses local devices: hostpci0" },
  { what: 'a local disk without leave', guest: local(), vmid: 402, says: "can't migrate local disk 'local:402/vm-402-disk-0.raw': can't live migrate attached local disks without with-local-disks option" },
])('refused in the task: $what', async ({ guest, vmid, says }) => {
  const story = await run(guest);
  const outcome = await ended(story, await start(story, vmid, { target: 'pve3', online: 1 }));
  expect(outcome).toMatchObject({ exit: 'migration aborted', log: expect.stringContaining(says) as string });
  expect(guestOf(story, vmid)?.node).toBe('pve1');
});

test('a storage that the target has not: told by the preconditions, refused by the task', async () => {
  const story = await begin({ master: 'pve1', resources: [], crmAt: 1, cluster: { storages: [{ id: 'only12', shared: true, nodes: ['pve1', 'pve2'] }], guests: [{ vmid: 401, node: 'pve1', config: { scsi0: 'only12:401/vm-401-disk-0.raw,size=1G' } }] } });
  const { body } = await story.ask('GET', '/nodes/pve1/qemu/401/migrate');
  expect(body).toMatchObject({ data: { allowed_nodes: ['pve2'], not_allowed_nodes: { pve2: {}, pve3: { unavailable_storages: ['only12'] } } } });
  const outcome = await ended(story, await start(story, 401, { target: 'pve3' }));
  expect(outcome).toMatchObject({ exit: 'migration aborted', log: expect.stringContaining("storage 'only12' is not available on node 'pve3'") as string });
});

test('disks go to the storage that was asked for, under a free name', async () => {
  const story = await begin({
    master: 'pve1', resources: [], crmAt: 1,
    cluster: {
      storages: [{ id: 'local' }, { id: 'fast', type: 'lvmthin', options: { vgname: 'pve', thinpool: 'data' }, volumes: [{ name: 'vm-402-disk-0', sizeBytes: GIB, node: 'pve3', vmid: 402 }] }],
      guests: [local()],
    },
  });
  const outcome = await ended(story, await start(story, 402, { target: 'pve3', online: 1, 'with-local-disks': 1, targetstorage: 'fast' }));
  expect(outcome.exit).toBe('OK');
  expect(guestOf(story, 402)).toMatchObject({ node: 'pve3', config: { scsi0: 'fast:vm-402-disk-1,size=10G' } });
  expect(volumesOn(story, 'local', 'pve1')).toEqual([]);
});

test('offline with a local disk takes as long as the copy', async () => {
  const story = await run({ ...local(), running: false });
  const began = story.seconds();
  expect((await ended(story, await start(story, 402, { target: 'pve3' }))).exit).toBe('OK');
  expect(story.seconds() - began).toBeGreaterThan(10 * 1024 / 200);
  expect([guestOf(story, 402)?.node, guestOf(story, 402)?.process]).toEqual(['pve3', undefined]);
});

test('bwlimit slows the memory copy', async () => {
  const story = await run(shared());
  const began = story.seconds();
  await ended(story, await start(story, 401, { target: 'pve3', online: 1, bwlimit: 10240 }));
  expect(story.seconds() - began).toBeGreaterThan(100);
});

test.each(['shared', 'local'])('a running container on %s storage moves by restart', async (storage) => {
  const story = await run(container(storage));
  const outcome = await ended(story, await start(story, 407, { target: 'pve3', restart: 1 }));
  expect(outcome.exit).toBe('OK');
  expect(guestOf(story, 407)).toMatchObject({ node: 'pve3', process: { qmpStatus: 'running' } });
  expect(guestOf(story, 407)?.config['lock']).toBeUndefined();
});

test('a container that ignores the shutdown stays where it is', async () => {
  const story = await run({ ...container('shared'), behaviour: { shutdownMs: undefined } });
  const outcome = await ended(story, await start(story, 407, { target: 'pve3', restart: 1, timeout: 5 }));
  expect(outcome.exit).toBe('migration aborted');
  expect(guestOf(story, 407)).toMatchObject({ node: 'pve1', process: { qmpStatus: 'running' } });
});

test.each([
  { version: '7.4', keys: ['allowed_nodes', 'local_disks', 'local_resources', 'not_allowed_nodes', 'running'] },
  { version: '8.4', keys: ['allowed_nodes', 'local_disks', 'local_resources', 'mapped-resources', 'not_allowed_nodes', 'running'] },
  { version: '9.2', keys: ['allowed_nodes', 'has-dbus-vmstate', 'local_disks', 'local_resources', 'mapped-resource-info', 'mapped-resources', 'not_allowed_nodes', 'running'] },
])('preconditions of a stopped VM in $version', async ({ version, keys }) => {
  const story = await begin({ master: 'pve1', version, resources: [], crmAt: 1, cluster: { guests: [{ ...shared(), running: false }] } });
  const { body } = await story.ask('GET', '/nodes/pve1/qemu/401/migrate');
  const data: Json | undefined = isObject(body) ? body['data'] as Json : undefined;
  expect(Object.keys(isObject(data) ? data : {}).sort()).toEqual(keys);
});

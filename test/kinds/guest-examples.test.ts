// What the examples found out: of a whole round on the simulated cluster.
import { expect, test } from 'vitest';
import { outline, World } from '../harness/world.ts';

const GUESTS = {
  storages: [{ id: 'local', options: { path: '/var/lib/vz' } }, { id: 'shared', shared: true, options: { path: '/mnt/shared' } }],
  guests: [{ vmid: 100, name: 'web', node: 'pve1', running: true, config: { tags: 'latido', scsi0: 'local:100/vm-100-disk-0.qcow2,size=4G' } }],
} as const;
const web = (disk: string) => `
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec: { vmid: 100, power: running, config: { scsi0: ${disk} } }
`;
const WAITING = `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec: { endpoints: ["https://pve1:8006"] }
---`;

test('a disk moves before options of it that wait for a restart are written: they would name the old volume', async () => {
  const world = new World(GUESTS);
  const wanted = `${WAITING}${web('{ storage: shared, size: 4G, discard: on }')}`;
  expect(outline(await world.plan(wanted))).toEqual(['update VirtualMachine/web', '  move scsi0 from local to shared while it runs']);
  await world.apply(wanted);
  expect(outline(await world.plan(wanted))).toEqual(['update VirtualMachine/web', '  set scsi0']);
});

test('a disk with options that wait already stays where it is until the restart', async () => {
  const world = new World(GUESTS);
  await world.apply(`${WAITING}${web('{ storage: local, size: 4G, discard: on }')}`);
  expect(outline(await world.plan(`${WAITING}${web('{ storage: shared, size: 4G, discard: on }')}`))).toEqual(['update VirtualMachine/web', '  change config.scsi0.storage [held REFUSED]']);
});

test('a clone is made where this plan puts its template', async () => {
  const world = new World({ nodes: [{ name: 'pve1' }, { name: 'pve2' }] });
  const plan = await world.plan(['', '---\n'].map((lead, at) => `${lead}
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${at === 0 ? 'base' : 'copy'} }
spec: { vmid: ${9000 + at}, ${at === 0 ? 'template: true, config: { memory: 4096, scsi0: { storage: shared, size: 1G } }' : 'source: { template: base }'} }
`).join(''));
  const made = plan.changes.find((change) => change.ref.name === 'base')?.fields.find((field) => field.path === 'placement')?.to;
  expect(made).toBeDefined();
  expect(plan.changes.find((change) => change.ref.name === 'copy')?.steps[0]?.node).toBe(made);
});

test('a container that becomes a template is waited for: Proxmox answers before it is one', async () => {
  const world = new World({ guests: [{ vmid: 200, type: 'lxc', name: 'base', node: 'pve1', config: { hostname: 'base', tags: 'latido', rootfs: 'local:200/vm-200-disk-0.raw,size=1G' } }] });
  const result = await world.apply(`
apiVersion: latido/v1
kind: Container
metadata: { name: base }
spec: { vmid: 200, template: true, source: { appliance: "local:vztmpl/x.tar.zst" } }
---
apiVersion: latido/v1
kind: Container
metadata: { name: copy }
spec: { vmid: 201, placement: { node: pve1 }, source: { template: base } }
`);
  expect(result.failed).toEqual([]);
});

test('after a restore every option of the manifest is written, defaults too: the backup may say something else', async () => {
  const world = new World({ storages: [{ id: 'local', options: { path: '/var/lib/vz' }, volumes: [{ name: 'backup/vzdump-qemu-100-2026_11_21-03_00_00.vma.zst', sizeBytes: 2 ** 20, node: 'pve1', vmid: 100 }] }] });
  const plan = await world.plan(`
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec: { vmid: 100, placement: { node: pve1 }, source: { backup: "local:backup/vzdump-qemu-100-2026_11_21-03_00_00.vma.zst" }, config: { memory: 512, cores: 1 } }
`);
  expect(plan.changes[0]?.steps[1]?.action).toMatchObject({ params: { memory: '512', cores: '1', name: 'web', tags: 'latido' } });
});

test('guests of a node that is emptied are spread over the others, and the plan shows where each goes', async () => {
  const guest = (vmid: number) => ({ vmid, name: `app${vmid}`, node: 'pve1', running: true, config: { tags: 'latido', memory: '4096', scsi0: `shared:${vmid}/vm-${vmid}-disk-0.qcow2,size=1G` } });
  const world = new World({ guests: [guest(100), guest(101)] });
  const plan = await world.plan(`
apiVersion: latido/v1
kind: Node
metadata: { name: pve1 }
spec: { maintenance: true }
${[100, 101].map((vmid) => `---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: app${vmid} }
spec: { vmid: ${vmid}, power: running }
`).join('')}`);
  const moves = plan.changes.filter((change) => change.verb === 'update').map((change) => [change.fields[0]?.to, change.steps[0]?.node]);
  expect(moves).toEqual([['pve2', 'pve2'], ['pve3', 'pve3']]);
});

test('a guest that may be only on the node in maintenance stays, and the plan says why', async () => {
  const world = new World({ guests: [{ vmid: 100, name: 'app', node: 'pve1', running: true, config: { tags: 'latido' } }] });
  const plan = await world.plan(`
apiVersion: latido/v1
kind: Node
metadata: { name: pve1 }
spec: { maintenance: true }
---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: app }
spec: { vmid: 100, placement: { node: pve1 } }
`);
  expect(plan.changes.at(-1)?.steps[0]?.hold?.reason).toBe('its placement allows pve1 only, which is in maintenance');
});

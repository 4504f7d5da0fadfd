// In: a topic. Out: the cluster as it stood when that topic's recording began, written down literally, as far as its answers show it.
// Must never contain what the recording itself does.
import type { ClusterSpec, GuestSpec, StorageSpec } from '../../controller/sim/cluster-spec.ts';
import { speakInRounds } from '../../controller/sim/last-told.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';
import type { TaskState } from '../../controller/sim/state.ts';
import { play } from '../../controller/sim/script.ts';
import { HA_LIVE_STARTED_AT, haLiveStory, idleManager } from './world-ha.ts';
import { isObject, type Json } from '../../controller/model/json.ts';
import { dataOf, type Exchange, type Topic } from './recorded.ts';

export interface Presupposed {
  readonly cluster: ClusterSpec;
  /** What a literal description cannot say, done before the first request. */
  readonly before?: (sim: Simulation) => void | Promise<void>;
  /** Unix seconds, where the topic began before the first moment that its answers tell. */
  readonly startedAt?: number;
}

export function presupposed(topic: Topic, exchanges: readonly Exchange[]): Presupposed {
  return topics[topic](exchanges);
}

const GIB = 2 ** 30;
const DISK_BYTES = 252 * GIB;
const nodes: ClusterSpec['nodes'] = ['pve1', 'pve2', 'pve3'].map((name) => ({ name, cores: 2, memoryBytes: 24 * GIB, kvm: false }));

const local: StorageSpec = {
  id: 'local', content: 'vztmpl,backup,iso,rootdir,images,snippets', capacityBytes: DISK_BYTES,
  options: { path: '/var/lib/vz', 'prune-backups': 'keep-all=1' },
  volumes: ['pve1', 'pve2', 'pve3'].map((node) => ({ name: 'iso/l.iso', sizeBytes: 400384, node })),
};
const shared: StorageSpec = {
  id: 'shared', content: 'images,iso,vztmpl,backup,rootdir,snippets,import', shared: true, capacityBytes: DISK_BYTES, options: { path: '/mnt/shared' },
  volumes: [
    { name: 'iso/tiny.iso', sizeBytes: 2048 },
    { name: 'vztmpl/tiny_1.0_amd64.tar.gz', sizeBytes: 1067412 },
  ],
};
/** Folders of an earlier container 302 that could not be removed. */
const leftBehind = [0, 1].map((index) => ({ name: `302/subvol-302-disk-${index}.subvol`, sizeBytes: 0, vmid: 302, format: 'subvol', content: 'rootdir' }));
/** Backups of a container that had the number 302 before. */
const sharedWithBackups: StorageSpec = {
  ...shared,
  volumes: [...shared.volumes ?? [], ...leftBehind, ...['17_57_58', '17_58_42'].map((at) => ({ name: `backup/vzdump-lxc-302-2026_11_22-${at}.tar.gz`, sizeBytes: 1085536, vmid: 302, format: 'tar.gz' }))],
};
const local2: StorageSpec = { id: 'local2', content: 'images,rootdir', nodes: ['pve1'], capacityBytes: DISK_BYTES, options: { path: '/var/lib/vz2' } };

const t1: GuestSpec = {
  vmid: 100, node: 'pve1', name: 't1', running: true, behaviour: { shutdownMs: undefined },
  config: { memory: '64', kvm: 0, ostype: 'l26', scsihw: 'virtio-scsi-single', scsi0: 'local:100/vm-100-disk-0.raw,size=1G', net0: 'virtio=BC:24:11:00:01:00,bridge=vmbr0', boot: 'order=scsi0;net0' },
};
const web1b: GuestSpec = {
  vmid: 101, node: 'pve2', name: 'web1b', behaviour: { shutdownMs: undefined },
  config: {
    memory: '72', cores: 1, kvm: 0, ostype: 'l26', agent: 'enabled=1,fstrim_cloned_disks=1', scsihw: 'virtio-scsi-single', serial0: 'socket', vga: 'std', boot: 'order=scsi0;net0',
    scsi0: 'local:101/vm-101-disk-0.raw,discard=on,iothread=1,size=3584M', scsi2: 'local:101/vm-101-disk-1.raw,size=1G', ide2: 'none,media=cdrom',
    net0: 'virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,link_down=1,mtu=1400', net1: 'e1000=BC:24:11:00:00:01,bridge=vmbr0', net2: 'virtio=BC:24:11:00:00:02,bridge=vmbr0',
  },
};
const db1: GuestSpec = {
  vmid: 102, node: 'pve2', name: 'db1',
  config: {
    memory: '64', kvm: 0, ostype: 'l26', bios: 'ovmf', scsihw: 'virtio-scsi-single', boot: 'order=scsi0;ide2;net0', ciuser: 'admin', cipassword: 'secret',
    efidisk0: 'shared:102/vm-102-disk-0.qcow2,efitype=4m,pre-enrolled-keys=0,size=528K', scsi0: 'shared:102/vm-102-disk-1.qcow2,size=2G',
    scsi1: 'shared:102/vm-102-disk-2.qcow2,cache=writeback,size=1G,ssd=1', ide2: 'shared:102/vm-102-cloudinit.qcow2,media=cdrom,size=4M', net0: 'virtio=BC:24:11:B9:93:08,bridge=vmbr0',
  },
};
const copyOfDb1: GuestSpec = {
  ...db1, vmid: 111, name: 'Copy-of-VM-db1',
  config: {
    ...db1.config, efidisk0: 'shared:111/vm-111-disk-0.qcow2,efitype=4m,pre-enrolled-keys=0,size=528K', scsi0: 'shared:111/vm-111-disk-1.qcow2,size=2G',
    scsi1: 'shared:111/vm-111-disk-2.qcow2,cache=writeback,size=1G,ssd=1', ide2: 'shared:111/vm-111-cloudinit.qcow2,media=cdrom,size=4M', net0: 'virtio=BC:24:11:B9:93:11,bridge=vmbr0',
  },
};

/** The pool as the protocol recording left it: its members never existed until VM 101 was made in it. */
const p1 = { comment: 'a+b & c=d ü\nnewline', vms: [4711, 101] };

const datacenter: ClusterSpec['options'] = {
  crs: { ha: 'static' }, 'tag-style': { ordering: 'config', 'color-map': 'prod:ff0000' }, mac_prefix: 'BC:24:11', migration: { type: 'insecure' }, description: '',
};

const stopped = (guest: GuestSpec): GuestSpec => ({ ...guest, running: false });
const on = (node: string, guest: GuestSpec): GuestSpec => ({ ...guest, node });

const settled: ClusterSpec = { nodes, storages: [local, shared, local2], guests: [stopped(t1), web1b, db1, copyOfDb1], pools: { p1 }, options: datacenter };

function guestForMigration(vmid: number, node: string, name: string, disk: string, more: Readonly<Record<string, string | number>> = {}): GuestSpec {
  return {
    vmid, node, name,
    config: { memory: '160', kvm: 0, ostype: 'l26', scsihw: 'virtio-scsi-single', serial0: 'socket', scsi0: disk, net0: `virtio=BC:24:11:00:04:${String(vmid % 100).padStart(2, '0')},bridge=vmbr0`, ...more },
  };
}

function container(vmid: number, node: string, hostname: string): GuestSpec {
  return { vmid, node, name: hostname, type: 'lxc', config: { arch: 'amd64', ostype: 'unmanaged', cores: 2, memory: 64, swap: 0, rootfs: `shared:${vmid}/vm-${vmid}-disk-0.raw,size=1G`, unprivileged: 1 } };
}

const m401 = guestForMigration(401, 'pve1', 'm-shared', 'shared:401/vm-401-disk-0.qcow2,size=1G');
const m402 = guestForMigration(402, 'pve1', 'm-local', 'local:402/vm-402-disk-0.raw,size=1G');
const m403 = guestForMigration(403, 'pve1', 'm-iso', 'shared:403/vm-403-disk-0.qcow2,size=1G', { ide2: 'local:iso/l.iso,media=cdrom,size=391K' });
const ha404 = guestForMigration(404, 'pve2', 'ha-vm', 'shared:404/vm-404-disk-0.qcow2,size=1G');
const x406 = guestForMigration(406, 'pve3', 'x-shared', 'shared:406/vm-406-disk-0.qcow2,size=1G');
const ha405 = container(405, 'pve2', 'ha-ct');
const x407 = container(407, 'pve3', 'x-ct');
/** Its disk is named in the configuration but does not exist. */
const broken408: GuestSpec = { vmid: 408, node: 'pve1', name: 'broken', config: { memory: '64', kvm: 0, ostype: 'l26', scsi0: 'shared:408/vm-408-disk-0.qcow2,size=1G' }, behaviour: { startError: "volume 'shared:408/vm-408-disk-0.qcow2' does not exist" } };
const forMigration: ClusterSpec = { nodes, storages: [local, shared], guests: [t1, m401, m402, m403, ha404, ha405, x406, x407] };

const topics: Readonly<Record<Topic, (exchanges: readonly Exchange[]) => Presupposed>> = {
  auth: () => ({ cluster: { nodes, storages: [local], guests: [t1] } }),
  protocol: (exchanges) => ({ cluster: { nodes, storages: [local], guests: [t1] }, before: withHistory(exchanges), startedAt: 1795368700 }),
  storage: () => ({
    // No storage.cfg yet: `local` is what Proxmox assumes then, which `priority` shows.
    cluster: { nodes, storages: [{ id: 'local', content: local.content, capacityBytes: DISK_BYTES, options: { ...local.options, priority: 0 } }], guests: [t1] },
  }),
  // Its VMs' disks are empty: nothing in them reacts to a shutdown or lets go of a device.
  qemu: () => ({ cluster: { newGuests: {}, nodes, storages: [local, shared, local2], guests: [t1], pools: { p1: { ...p1, vms: [4711] } } }, before: speaking(9600) }),
  lxc: () => ({ cluster: { ...settled, storages: [local, sharedWithBackups, local2] } }),
  cluster: () => ({
    cluster: settled,
    before: (sim) => {
      Object.assign(sim.state.ha.resources, { 'vm:101': { type: 'vm', state: 'stopped' }, 'vm:102': { type: 'vm', state: 'stopped' } });
      const asked = { state: 'request_stop', node: 'pve2' } as const;
      Object.assign(sim.state.ha.manager, {
        master_node: 'pve2', node_status: { pve1: 'online', pve2: 'online', pve3: 'online' }, service_status: { 'vm:101': { ...asked }, 'vm:102': { ...asked } },
      });
      Object.assign(sim.state.jobs, {
        'cd9e5a81-3396-4f39-9480-405f9f61422a': { type: 'vzdump', schedule: 'daily', enabled: 1, all: 1, storage: 'nope' },
        '17488e8e-eb71-4000-84e1-d8d68051efb1': { type: 'vzdump', schedule: 'sat,sun 02:00', enabled: 1, storage: 'shared', vmid: '101,102' },
      });
    },
  }),
  tasks: (exchanges) => ({
    cluster: { ...settled, guests: [t1, { ...web1b, running: true }, db1, copyOfDb1] },
    before: withHistory(exchanges),
    // The newest end in the first list; VM 101 was started after it by somebody else.
    startedAt: 1795370360,
  }),
  ha: () => ({ cluster: settled }),
  // The HA services were handed over before the first start that tells its hour, and were running soon after it.
  migrate: () => ({ cluster: forMigration, startedAt: 1795371377, before: speaking(1500, { pve2: 9000 }) }),
  'ha-live': () => ({
    cluster: { ...forMigration, guests: [t1, running(on('pve3', m401)), running(m402), running(m403), running(on('pve3', ha404)), running(on('pve3', ha405)), x406, x407, broken408] },
    // Two minutes before the first request: the services had just gone home, by their rule.
    startedAt: HA_LIVE_STARTED_AT,
    before: (sim) => {
      sim.ha.seatMaster('pve1');
      Object.assign(sim.state.ha.resources, { 'vm:404': { type: 'vm', state: 'started' }, 'ct:405': { type: 'ct', state: 'started' } });
      Object.assign(sim.state.ha.rules, { prefer2: { type: 'node-affinity', resources: 'ct:405,vm:404', nodes: 'pve2:2,pve3:1', comment: 'prefer pve2' } });
      play(sim, haLiveStory);
    },
  }),
  node: () => ({ cluster: settled }),
  nodedown: () => ({ cluster: { ...settled, guests: [stopped(t1), web1b, on('pve1', db1), copyOfDb1] }, before: idleManager('pve2') }),
};

/** The nodes' status daemons spoke at that point of each ten seconds, as later answers show. */
function speaking(phaseMs: number, others: Readonly<Record<string, number>> = {}): (sim: Simulation) => void {
  return (sim) => speakInRounds(sim, (node) => others[node] ?? phaseMs);
}

function running(guest: GuestSpec): GuestSpec {
  return { ...guest, running: true };
}

/** Lists of tasks show what ended before the topic began; those tasks are presupposed as the lists tell them. */
function withHistory(exchanges: readonly Exchange[]): (sim: Simulation) => void {
  // Tasks that start later are the recording's own.
  const first = Math.min(...exchanges.filter(startsTask).map((exchange) => startOf(String(dataOf(exchange.body)))));
  const ended = new Map<string, TaskState>();
  for (const exchange of exchanges) for (const task of endedTasks(exchange)) if (task.starttime < first) ended.set(task.upid, task);
  for (const exchange of exchanges) addLog(exchange, ended);
  const inOrder = [...ended.values()].sort((a, b) => a.starttime - b.starttime || a.pid - b.pid);
  return (sim) => {
    const isPast = (task: TaskState): boolean => task.starttime * 1000 <= sim.clock.now();
    for (const task of inOrder.filter(isPast)) sim.state.tasks[task.upid] = task;
    for (const task of inOrder.filter((one) => !isPast(one))) sim.clock.at(task.starttime * 1000, () => void (sim.state.tasks[task.upid] = task));
  };
}

function startsTask(exchange: Exchange): boolean {
  return String(dataOf(exchange.body)).startsWith('UPID:');
}

function startOf(upid: string): number {
  return parseInt(upid.split(':')[4] ?? '', 16);
}

function endedTasks(exchange: Exchange): readonly TaskState[] {
  const data = dataOf(exchange.body);
  const rows: readonly Json[] = Array.isArray(data) && exchange.path.endsWith('/tasks') ? data as readonly Json[] : exchange.path.endsWith('/status') && isObject(data) ? [data as Json] : [];
  return rows.flatMap((row) => (isObject(row) && typeof row['upid'] === 'string' && ('endtime' in row || 'exitstatus' in row) ? [taskOf(row)] : []));
}

function taskOf(row: { readonly [key: string]: unknown }): TaskState {
  const [, node = '', pid = '', pstart = '', start = '', type = '', id = '', who = ''] = String(row['upid']).split(':');
  const [user = '', tokenid] = who.split('!');
  const starttime = parseInt(start, 16);
  return {
    upid: String(row['upid']), node, pid: parseInt(pid, 16), pstart: parseInt(pstart, 16), starttime, type, id, user, ...(tokenid === undefined ? {} : { tokenid }),
    endtime: Number(row['endtime'] ?? starttime), exitstatus: String(row['exitstatus'] ?? row['status']), log: [],
  };
}

function addLog(exchange: Exchange, ended: ReadonlyMap<string, TaskState>): void {
  const upid = /\/tasks\/([^/]+)\/log$/.exec(exchange.path)?.[1];
  const task = upid === undefined ? undefined : ended.get(decodeURIComponent(upid));
  const data = dataOf(exchange.body);
  if (!task || !Array.isArray(data)) return;
  const total = isObject(exchange.body) ? Number(exchange.body['total']) : 0;
  while (task.log.length < total) task.log.push('');
  for (const line of data as readonly Json[]) if (isObject(line)) task.log[Number(line['n']) - 1] = String(line['t']);
}

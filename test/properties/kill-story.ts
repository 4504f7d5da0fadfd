// A cluster with some of everything, and a commit that changes all of it: what is killed in kills.test.ts.
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { commitOf, World } from '../harness/world.ts';
import type { KillStory } from '../harness/kills.ts';

const GIB = 2 ** 30;
const APPLIANCE = 'vztmpl/debian-12-standard_12.7-1_amd64.tar.zst';

const CLUSTER: ClusterSpec = {
  nodes: [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }],
  storages: [
    { id: 'local', options: { path: '/var/lib/vz' }, volumes: ['pve1', 'pve2', 'pve3'].map((node) => ({ name: APPLIANCE, sizeBytes: GIB / 4, node })) },
    { id: 'shared', shared: true, options: { path: '/mnt/shared' } },
    { id: 'fast', type: 'lvm', shared: true, capacityBytes: 100 * GIB, content: 'images,rootdir', options: { vgname: 'fast' } },
  ],
  guests: [
    { vmid: 101, name: 'web', node: 'pve1', running: true, config: { tags: 'latido', memory: '512', smbios1: 'uuid=00000000-0000-4000-8000-000000000101', scsi0: 'shared:101/vm-101-disk-0.raw,size=2G' } },
    { vmid: 102, name: 'db', node: 'pve1', running: true, config: { tags: 'latido', memory: '512', scsi0: 'shared:102/vm-102-disk-0.raw,size=2G' } },
    { vmid: 103, name: 'copied', node: 'pve1', config: { tags: 'latido', memory: '512', scsi0: 'local:103/vm-103-disk-0.raw,size=1G' } },
    { vmid: 104, name: 'off', node: 'pve2', running: true, config: { tags: 'latido', memory: '512' } },
    { vmid: 105, name: 'on', node: 'pve2', config: { tags: 'latido', memory: '512' } },
    { vmid: 106, name: 'gone', node: 'pve3', running: true, config: { tags: 'latido', memory: '512', scsi0: 'fast:vm-106-disk-0,size=2G' } },
    { vmid: 107, name: 'released', node: 'pve3', running: true, config: { tags: 'latido;prod', memory: '512', scsi0: 'fast:vm-107-disk-0,size=2G' } },
    { vmid: 108, name: 'guarded', node: 'pve1', config: { tags: 'latido', memory: '512', scsi0: 'shared:108/vm-108-disk-0.raw,size=1G' } },
    { vmid: 110, name: 'old', node: 'pve3', config: { memory: '512', cores: '2', scsi0: 'fast:vm-110-disk-0,size=1G' } },
  ],
};

const REMEMBERED = [
  { ref: { kind: 'VirtualMachine', name: 'web' }, id: '101', fields: ['config.scsi0', 'config.memory'] },
  { ref: { kind: 'VirtualMachine', name: 'gone' }, id: '106', fields: ['config.scsi0', 'reclaim=delete'] },
  { ref: { kind: 'VirtualMachine', name: 'released' }, id: '107', fields: ['config.scsi0'] },
];

const vm = (name: string, vmid: number, spec: string) => `
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${name} }
spec: { vmid: ${vmid}, ${spec} }
---`;

const COMMIT = `
apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: ["https://pve1:8006", "https://pve2:8006"]
  policy: { prune: auto, restart: now, limits: { deletions: 100, restarts: 100, migrations: 100 } }
  options: { keyboard: es }
---
apiVersion: latido/v1
kind: Pool
metadata: { name: apps }
spec: { comment: what people use }
---
apiVersion: latido/v1
kind: Storage
metadata: { name: bulk }
spec: { type: nfs, config: { server: 192.0.2.2, export: /bulk, content: [images, backup] } }
---
apiVersion: latido/v1
kind: HAGroup
metadata: { name: both }
spec: { nodes: { pve1: 2, pve2: 1 } }
---
apiVersion: latido/v1
kind: BackupJob
metadata: { name: nightly }
spec: { schedule: "03:00", storage: bulk, guests: [web, db] }
---
apiVersion: latido/v1
kind: Container
metadata: { name: cache }
spec: { vmid: 120, placement: { node: pve2 }, power: running, pool: apps, source: { appliance: "local:${APPLIANCE}" }, config: { memory: 256, rootfs: { storage: shared, size: 1G }, net0: { name: eth0, bridge: vmbr0, ip: dhcp } } }
---
${vm('web', 101, 'placement: { node: pve1 }, power: running, pool: apps, config: { memory: 1024, cores: 2, scsi0: { storage: fast, size: 4G } }')}
${vm('db', 102, 'placement: { node: pve2 }, power: running, config: { memory: 512, scsi0: { storage: shared, size: 2G }, scsi1: { storage: fast, size: 1G } }')}
${vm('copied', 103, 'placement: { node: pve3 }, config: { memory: 512, scsi0: { storage: local, size: 1G } }')}
${vm('off', 104, 'placement: { node: pve2 }, power: stopped')}
${vm('on', 105, 'placement: { node: pve2 }, power: running, config: { memory: 768 }')}
${vm('guarded', 108, 'ha: { group: both, state: started, maxRestart: 2 }, config: { memory: 512, scsi0: { storage: shared, size: 1G } }')}
${vm('old', 110, 'placement: { node: pve3 }, config: { memory: 512, cores: 4, scsi0: { storage: fast, size: 1G } }')}
${vm('new', 121, 'placement: { node: pve3 }, power: running, reclaim: delete, config: { memory: 512, net0: { model: virtio, bridge: vmbr0 }, scsi0: { storage: fast, size: 2G }, scsi1: { storage: shared, size: 1G }, ide2: { storage: shared, cloudinit: true } }')}
${vm('golden', 130, 'placement: { node: pve1 }, template: true, config: { memory: 512, scsi0: { storage: shared, size: 1G } }')}
${vm('full', 131, 'placement: { node: pve2 }, power: running, source: { template: golden, storage: fast }, config: { memory: 512, scsi0: { storage: fast, size: 2G } }')}
${vm('linked', 132, 'placement: { node: pve1 }, source: { template: golden, full: false }, config: { memory: 256 }').replace(/---$/, '')}
`;

export function killStory(version: string): KillStory {
  return {
    world: () => new World(CLUSTER, { version }),
    commit: commitOf(COMMIT),
    files: { 'inventory.json': JSON.stringify({ version: 1, memories: REMEMBERED }) },
  };
}

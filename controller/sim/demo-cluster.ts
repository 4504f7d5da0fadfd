// The hardware of `clusters/unq-lab`: two nodes with room for mirrored disks, a third vote, one appliance template.
import { LAB_PASSWORD } from './cluster-spec.ts';
import type { ClusterSpec } from './cluster-spec.ts';

const GB = 1e9;
const GIB = 2 ** 30;

export const DEMO_PERSON = { id: 'ana@pve', password: LAB_PASSWORD } as const;

export const DEMO_CLUSTER: ClusterSpec = {
  clusterName: 'unq-lab', qdevice: true,
  nodes: [
    { name: 'proxmox-lab', address: '192.168.22.40', memoryBytes: 8 * GIB, cores: 8, bridges: ['vmbr0'], volumeGroups: { pve: 200 * GIB } },
    { name: 'prox1-lab', address: '192.168.22.39', memoryBytes: 8 * GIB, cores: 8, bridges: ['vmbr0'], volumeGroups: { pve: 200 * GIB } },
  ],
  // A person with every right at the web console, and not latido's own token: drift is told with who did it.
  users: [DEMO_PERSON], acl: [{ path: '/', type: 'user', ugid: DEMO_PERSON.id, roleid: 'Administrator', propagate: 1 }],
  disks: { '/backup': 54.19 * GB },
  storages: [
    {
      id: 'local', capacityBytes: 163.77 * GB, content: 'images,rootdir,iso,vztmpl,snippets', options: { path: '/var/lib/vz' },
      volumes: ['proxmox-lab', 'prox1-lab'].map((node) => ({ name: 'vztmpl/debian-12-standard_12.7-1_amd64.tar.zst', sizeBytes: 126 * 2 ** 20, node })),
    },
  ],
};

// Literal facts for tables: a small cluster of which a test changes only what matters.
import type { Facts, GuestFact, NodeFact, StorageFact } from '../../controller/model/facts.ts';

export const GIB = 2 ** 30;

export function node(name: string, more: Partial<NodeFact> = {}): NodeFact {
  return { name, online: true, maintenance: false, memTotal: 32 * GIB, memUsed: 0, cpus: 8, guests: 0, bridges: ['vmbr0'], ...more };
}

export function storage(id: string, at: string, more: Partial<StorageFact> = {}): StorageFact {
  return { storage: id, node: at, type: 'dir', shared: false, content: ['images'], total: 100 * GIB, used: 0, active: true, ...more };
}

export function guest(vmid: number, more: Partial<GuestFact> = {}): GuestFact {
  return { vmid, type: 'qemu', node: 'a', name: `g${vmid}`, status: 'running', template: false, tags: ['latido'], memMax: GIB, ...more };
}

export function facts(more: Partial<Omit<Facts, 'guests'>> & { readonly guests?: readonly GuestFact[] } = {}): Facts {
  const { guests = [], ...rest } = more;
  return {
    observedAt: 0, version: '9.2', clusterName: 'lab', asRoot: false, quorate: true, qdevice: false,
    nodes: [node('a'), node('b')], guests: new Map(guests.map((one) => [one.vmid, one])),
    storages: ['a', 'b'].flatMap((name) => [storage('local', name), storage('shared', name, { shared: true })]),
    storageDefs: new Map([['local', {}], ['shared', {}]]), pools: new Map(), haResources: new Map(), haGroups: new Map(), haRules: new Map(),
    backupJobs: new Map(), options: {}, tasks: [], unread: new Map(), ...rest,
  };
}

// Nodes below Proxmox as a person writes them down: volume groups, disks, DRBD resources that are there already.
// In: that. Out: hosts that have them, made by the programs that make them on a real node.
import type { Simulation } from '../simulation.ts';
import { hostOf, uuidFrom } from './devices.ts';
import { allResources, meetNow } from './connections.ts';
import { Output } from './output.ts';
import { runProgram } from './programs.ts';
import { newHost } from './state.ts';
import type { Host } from './state.ts';
import type { VirtualIpProgram } from './virtual-ip-state.ts';

const LVM_BYTES = 2 ** 20;
const EXTENT_BYTES = 4 * 2 ** 20;

export interface HostSpec {
  /** The version of its DRBD module: `8.4.11` when nothing is said, `none`: there is none. */
  readonly drbd?: string;
  /** Volume groups by name, each on a disk of its own; bytes. */
  readonly volumeGroups?: Readonly<Record<string, number>>;
  /** Empty disks by path, `/dev/sdb`; bytes. */
  readonly devices?: Readonly<Record<string, number>>;
  /** What may keep a virtual IP there: keepalived when nothing is said. */
  readonly programs?: readonly VirtualIpProgram[];
  /** Beside the node's own on vmbr0, with their prefixes. */
  readonly addresses?: Host['addresses'];
}

/** A resource that somebody made by hand before. */
export interface ResourceSpec {
  readonly name: string;
  readonly minor: number;
  /** In this volume group of each of its nodes. */
  readonly backing: string;
  readonly sizeBytes: number;
  /** `10.0.0.1:7788` by node. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly dualPrimary?: boolean;
  /** The volume group on it; its nodes are Primary then. */
  readonly volumeGroup?: string;
}

export function hostFrom(name: string, address: string, { drbd = '8.4.11', volumeGroups = {}, devices = {}, programs, addresses = [] }: HostSpec): Host {
  const host = newHost(name, address, drbd === 'none' ? '' : drbd, programs);
  host.addresses.push(...addresses);
  for (const [path, sizeBytes] of Object.entries(devices)) host.disks[path] = { sizeBytes, writes: [] };
  for (const [at, [group, bytes]] of Object.entries(volumeGroups).entries()) {
    const sizeBytes = Math.ceil(bytes / EXTENT_BYTES) * EXTENT_BYTES + LVM_BYTES;
    host.disks[`/dev/sd${'bcdefghijklmnopqrstuvwxyz'[at] ?? 'z'}3`] = {
      sizeBytes, writes: [], label: { kind: 'physical', uuid: uuidFrom(`${name} ${group} pv`), sizeBytes, group: { name: group, uuid: uuidFrom(`${name} ${group}`), extentBytes: EXTENT_BYTES, volumes: {} } },
    };
  }
  return host;
}

/** Makes what the description says is there; throws when it cannot be. */
export function makeResources(sim: Simulation, resources: readonly ResourceSpec[]): void {
  for (const resource of resources) {
    const { name, backing, sizeBytes, volumeGroup } = resource;
    const nodes = Object.keys(resource.nodes);
    for (const node of nodes) {
      must(sim, node, ['lvcreate', '-y', '-Wy', '-n', name, '-L', `${sizeBytes}b`, backing]);
      hostOf(sim, node).files[`/etc/drbd.d/${name}.res`] = textOf(resource);
      must(sim, node, ['drbdadm', 'create-md', name]);
      must(sim, node, ['drbdadm', 'adjust', name]);
    }
    for (const found of allResources(sim)) meetNow(sim, found);
    const [first = ''] = nodes;
    const is8 = hostOf(sim, first).drbd.startsWith('8.');
    must(sim, first, is8 ? ['drbdadm', '--', '--clear-bitmap', 'new-current-uuid', name] : ['drbdadm', 'new-current-uuid', '--clear-bitmap', `${name}/0`]);
    for (const node of resource.dualPrimary ? nodes : nodes.slice(0, 1)) must(sim, node, ['drbdadm', 'primary', name]);
    if (volumeGroup === undefined) continue;
    must(sim, first, ['pvcreate', '-y', `/dev/drbd${resource.minor}`]);
    must(sim, first, ['vgcreate', volumeGroup, `/dev/drbd${resource.minor}`]);
  }
}

function must(sim: Simulation, node: string, argv: readonly string[]): void {
  const output = new Output();
  const code = runProgram(sim, argv, { node, output, stdin: '' });
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${node}: ${output.both.trim()}`);
}

function textOf({ name, minor, backing, nodes, dualPrimary }: ResourceSpec): string {
  const hosts = Object.entries(nodes).map(([node, address], id) => `    on ${node} {\n        node-id ${id};\n        device /dev/drbd${minor} minor ${minor};\n        disk /dev/${backing}/${name};\n        meta-disk internal;\n        address ipv4 ${address};\n    }\n`);
  return `resource ${name} {\n    net {\n        protocol C;\n${dualPrimary ? '        allow-two-primaries yes;\n' : ''}    }\n${hosts.join('')}}\n`;
}

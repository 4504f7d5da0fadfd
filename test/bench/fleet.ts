// In: a number of guests. Out: the same guests twice: as manifests, and as the simulated cluster that already has them.
// Must never differ between two calls, nor make a guest whose manifest and configuration disagree: `unchanged` means no change at all.
import type { ClusterSpec, GuestSpec } from '../../controller/sim/cluster-spec.ts';

/** What the cluster holds before the plan: nothing of ours but the template, the guests without our mark, the guests as we made them. */
export type Scene = 'create' | 'adopt' | 'unchanged';

// Five: the most that are still asked for their bridges, so that a plan makes every call it ever makes.
export const NODES: readonly string[] = ['pve1', 'pve2', 'pve3', 'pve4', 'pve5'];
const TEAMS = ['blue', 'green', 'red', 'white'] as const;
const FIRST_VMID = 1000;
const APPLIANCE = 'debian-12-standard_12.7-1_amd64.tar.zst';
const GIB = 2 ** 30;

interface Guest {
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly team: string;
  readonly role: 'template' | 'clone' | 'plain' | 'container';
  readonly ha: boolean;
}

/** One template, then in tens: one container, one clone of the template, two managed by HA. */
function guestsOf(count: number): readonly Guest[] {
  return Array.from({ length: count }, (_, at) => {
    const role = at === 0 ? 'template' : at % 10 === 7 ? 'container' : at % 10 === 3 ? 'clone' : 'plain';
    return { vmid: FIRST_VMID + at, name: at === 0 ? 'base' : `guest-${at}`, node: NODES[at % NODES.length] ?? '', team: TEAMS[at % TEAMS.length] ?? '', role, ha: at !== 0 && at % 5 === 0 };
  });
}

export interface Manifest { readonly file: string; readonly text: string }

/** A file for each guest, as people keep them, and two for what they share. */
export function manifestsOf(count: number, cluster: string): readonly Manifest[] {
  return [
    { file: 'cluster.yaml', text: cluster },
    { file: 'pools.yaml', text: TEAMS.map((team) => `apiVersion: latido/v1\nkind: Pool\nmetadata: { name: ${team} }\nspec: { comment: the ${team} team }\n`).join('---\n') },
    ...guestsOf(count).map((guest) => ({ file: `guests/${guest.name}.yaml`, text: guest.role === 'container' ? containerText(guest) : machineText(guest) })),
  ];
}

function machineText({ vmid, name, team, role, ha }: Guest): string {
  return `# One of many, so that their number is what is measured.
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${name} }
spec:
  vmid: ${vmid}
  placement: { nodes: [${NODES.join(', ')}] }
${role === 'template' ? '  template: true\n' : ha ? '  ha: { state: started }\n' : '  power: running\n'}  pool: ${team}
${role === 'clone' ? '  source: { template: base }\n' : ''}  config:
    cores: 2
    memory: 2048
    ostype: l26
    scsihw: virtio-scsi-single
    agent: { enabled: true }
    onboot: true
    tags: [${team}]
    net0: { model: virtio, bridge: vmbr0, tag: ${vlanOf(vmid)} }
    scsi0: { storage: shared, size: 8G, discard: on, iothread: true }
    boot: { order: [scsi0] }
`;
}

function containerText({ vmid, name, team }: Guest): string {
  return `apiVersion: latido/v1
kind: Container
metadata: { name: ${name} }
spec:
  vmid: ${vmid}
  placement: { nodes: [${NODES.join(', ')}] }
  power: running
  pool: ${team}
  source: { appliance: "local:vztmpl/${APPLIANCE}" }
  config:
    cores: 1
    memory: 512
    unprivileged: true
    onboot: true
    tags: [${team}]
    rootfs: { storage: shared, size: 4G }
    net0: { name: eth0, bridge: vmbr0, ip: dhcp }
`;
}

function vlanOf(vmid: number): number {
  return 100 + (vmid % 100);
}

export function clusterOf(count: number, scene: Scene): ClusterSpec {
  const guests = guestsOf(scene === 'create' ? 1 : count);
  return {
    clusterName: 'bench',
    nodes: NODES.map((name) => ({ name, bridges: ['vmbr0'], memoryBytes: 8192 * GIB, cores: 128 })),
    storages: [
      { id: 'local', options: { path: '/var/lib/vz' }, volumes: NODES.map((node) => ({ name: `vztmpl/${APPLIANCE}`, sizeBytes: GIB / 8, node })) },
      { id: 'shared', shared: true, options: { path: '/mnt/shared' }, capacityBytes: 1024 * 1024 * GIB },
    ],
    pools: Object.fromEntries(TEAMS.map((team) => [team, { comment: `the ${team} team${scene === 'unchanged' ? ' [latido]' : ''}`, vms: guests.filter((guest) => guest.team === team).map(({ vmid }) => vmid) }])),
    guests: guests.map((guest) => simulated(guest, scene)),
  };
}

/** Guests that the HA manager keeps, once they are ours. */
export function haResourcesOf(count: number, scene: Scene): readonly string[] {
  return scene === 'unchanged' ? guestsOf(count).filter(({ ha }) => ha).map(({ vmid }) => `vm:${vmid}`) : [];
}

function simulated({ vmid, name, node, team, role, ha }: Guest, scene: Scene): GuestSpec {
  const ours = scene === 'unchanged';
  const common = { onboot: 1, tags: [team, ...(ours ? ['latido'] : [])].sort().join(';') };
  const machine = {
    ...common, cores: 2, memory: '2048', ostype: 'l26', scsihw: 'virtio-scsi-single', agent: 'enabled=1', boot: 'order=scsi0',
    smbios1: `uuid=00000000-0000-4000-8000-${String(vmid).padStart(12, '0')}`, net0: `virtio=${macOf(vmid)},bridge=vmbr0,tag=${vlanOf(vmid)}`,
    scsi0: `shared:${vmid}/${role === 'template' ? 'base' : 'vm'}-${vmid}-disk-0.raw,discard=on,iothread=1,size=8G`,
  };
  const container = {
    ...common, arch: 'amd64', ostype: 'debian', cores: 1, memory: 512, swap: 512, unprivileged: 1,
    rootfs: `shared:${vmid}/vm-${vmid}-disk-0.raw,size=4G`, net0: `name=eth0,bridge=vmbr0,hwaddr=${macOf(vmid)},ip=dhcp,type=veth`,
  };
  return {
    vmid, node, name, type: role === 'container' ? 'lxc' : 'qemu', config: role === 'container' ? container : machine,
    ...(role === 'template' ? { template: true } : { running: ours || !ha }),
  };
}

function macOf(vmid: number): string {
  return (0x020000000000 + vmid).toString(16).padStart(12, '0').toUpperCase().match(/../g)?.join(':') ?? '';
}

/** What an apply of these manifests has remembered, as `inventory.json` holds it. */
export function memoriesOf(count: number) {
  return guestsOf(count).map(({ vmid, name, role, ha }) => ({
    ref: { kind: role === 'container' ? 'Container' : 'VirtualMachine', name }, id: String(vmid),
    fields: [...(role === 'container' ? CONTAINER_FIELDS : MACHINE_FIELDS).map((option) => `config.${option}`), ...(ha ? ['ha'] : [])],
    ...(role === 'container' ? {} : { identity: `00000000-0000-4000-8000-${String(vmid).padStart(12, '0')}` }),
  }));
}

const MACHINE_FIELDS = ['agent', 'boot', 'cores', 'memory', 'net0', 'onboot', 'ostype', 'scsi0', 'scsihw', 'tags'];
const CONTAINER_FIELDS = ['cores', 'memory', 'net0', 'onboot', 'rootfs', 'tags', 'unprivileged'];

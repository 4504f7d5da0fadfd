// In: a cluster written down literally, as little of it as matters. Out: the state it starts in.
// Must never guess at random: what is left out has one fixed default.
import { emptyHa } from './ha/state.ts';
import { hostFrom } from './nodes/spec.ts';
import type { HostSpec, ResourceSpec } from './nodes/spec.ts';
import { emptyWorld } from './nodes/state.ts';
import type { ClusterState, ConfigValue, GuestBehaviour, GuestConfig, GuestState, GuestType, NodeState, StorageState, VolumeState } from './state.ts';

export interface NodeSpec extends HostSpec {
  readonly name: string;
  readonly address?: string;
  readonly memoryBytes?: number;
  readonly cores?: number;
  readonly bridges?: readonly string[];
  readonly power?: 'on' | 'off';
  /** Hardware virtualisation; default true. */
  readonly kvm?: boolean;
  /** LVM thin pools, `pve/data`, and ZFS pools, `tank`: storages of these types are refused without theirs. */
  readonly thinPools?: readonly string[];
  readonly zpools?: readonly string[];
}
export interface VolumeSpec { readonly name: string; readonly sizeBytes: number; readonly node?: string; readonly vmid?: number; readonly content?: string; readonly format?: string }
export interface StorageSpec {
  readonly id: string;
  /** Default `dir`. */
  readonly type?: string;
  readonly shared?: boolean;
  readonly nodes?: readonly string[];
  readonly capacityBytes?: number;
  readonly content?: string;
  /** More of the definition: path, vgname … */
  readonly options?: Readonly<Record<string, ConfigValue>>;
  readonly volumes?: readonly VolumeSpec[];
}
export interface GuestSpec {
  readonly vmid: number;
  readonly node: string;
  /** Default `qemu`. */
  readonly type?: GuestType;
  readonly name?: string;
  readonly config?: GuestConfig;
  readonly running?: boolean;
  readonly template?: boolean;
  readonly behaviour?: GuestBehaviour;
}
export interface TokenSpec { readonly id: string; readonly secret: string; readonly privsep?: boolean }
export interface UserSpec { readonly id: string; readonly password?: string }
export interface ClusterSpec {
  readonly clusterName?: string;
  readonly pveVersion?: string;
  readonly qdevice?: boolean;
  readonly nodes?: readonly NodeSpec[];
  readonly storages?: readonly StorageSpec[];
  readonly guests?: readonly GuestSpec[];
  readonly users?: readonly UserSpec[];
  readonly tokens?: readonly TokenSpec[];
  readonly acl?: ClusterState['access']['acl'];
  readonly pools?: Readonly<Record<string, { readonly comment?: string; readonly vms?: readonly number[] }>>;
  readonly options?: ClusterState['options'];
  /** Sizes of volume groups by name and of file systems by path, in bytes: storages that are made on them get this capacity. */
  readonly disks?: Readonly<Record<string, number>>;
  /** DRBD resources that were made by hand. */
  readonly drbd?: readonly ResourceSpec[];
  /** How guests made through the API behave; default: they react to a shutdown. `{}`: their disks are empty and nothing reacts. */
  readonly newGuests?: GuestBehaviour;
}

const GIB = 2 ** 30;
const DEFAULT_CONTENT = 'backup,images,iso,rootdir,snippets,vztmpl';
const REACTING: GuestBehaviour = { shutdownMs: 3000 };
export const LAB_PASSWORD = 'latido-lab';
export const LAB_TOKEN = { id: 'root@pam!lab', secret: '00000000-0000-4000-8000-000000000001' } as const;

const DEFAULT_NODES: readonly NodeSpec[] = [{ name: 'pve1' }, { name: 'pve2' }, { name: 'pve3' }];
const DEFAULT_STORAGES: readonly StorageSpec[] = [
  { id: 'local', options: { path: '/var/lib/vz', 'prune-backups': 'keep-all=1' } },
  { id: 'shared', shared: true, options: { path: '/mnt/shared' } },
];

/** @param startMs when the cluster's nodes were switched on, and the time of every creation stamp. */
export function initialState(spec: ClusterSpec, release: string, startMs: number): ClusterState {
  const nodes = (spec.nodes ?? DEFAULT_NODES).map((node, at) => nodeState(node, at, startMs));
  const storages = (spec.storages ?? DEFAULT_STORAGES).map((storage) => storageState(storage, startMs));
  const state: ClusterState = {
    clusterName: spec.clusterName ?? 'lab', configVersion: nodes.length, qdevice: spec.qdevice ?? false,
    pveVersion: spec.pveVersion ?? pveVersion(release),
    nodes: Object.fromEntries(nodes.map((node) => [node.name, node])),
    guests: {},
    storages: Object.fromEntries(storages.map((storage) => [storage.id, storage])),
    pools: Object.fromEntries(Object.entries(spec.pools ?? {}).map(([id, pool]) => [id, { ...(pool.comment === undefined ? {} : { comment: pool.comment }), vms: [...(pool.vms ?? [])], storages: [] }])),
    access: accessState(spec), newGuests: spec.newGuests ?? REACTING, disks: spec.disks ?? {}, ha: emptyHa(), options: spec.options ?? {}, jobs: {}, tasks: {}, below: { ...emptyWorld(), hosts: hostsOf(spec, nodes) }, other: {},
  };
  for (const guest of spec.guests ?? []) addGuest(state, guest, startMs);
  return state;
}

/** Only those that are described: most clusters are only asked over the API. */
function hostsOf(spec: ClusterSpec, nodes: readonly NodeState[]): ClusterState['below']['hosts'] {
  const described = (spec.nodes ?? []).filter(({ drbd, volumeGroups, devices, programs, addresses }) => drbd !== undefined || volumeGroups || devices || programs || addresses);
  return Object.fromEntries(described.map((one) => [one.name, hostFrom(one.name, nodes.find(({ name }) => name === one.name)?.address ?? '', one)]));
}

function pveVersion(release: string): string {
  return release === '9.2' ? '9.2.11' : `${release}.1`;
}

function nodeState(spec: NodeSpec, at: number, startMs: number): NodeState {
  return {
    name: spec.name, nodeId: at + 1, address: spec.address ?? `10.99.0.${11 + at}`,
    cores: spec.cores ?? 8, kvm: spec.kvm ?? true, memoryBytes: spec.memoryBytes ?? 32 * GIB,
    power: spec.power ?? 'on', network: 'up', bridges: [...(spec.bridges ?? ['vmbr0'])],
    startedAtMs: startMs, nextPid: 1000,
    settings: { ...named('lvmthin', spec.thinPools), ...named('zpools', spec.zpools) },
  };
}

function named(kind: string, pools: readonly string[] = []): NodeState['settings'] {
  return pools.length === 0 ? {} : { [kind]: Object.fromEntries(pools.map((name) => [name, { name }])) };
}

function storageState(spec: StorageSpec, startMs: number): StorageState {
  const definition: Record<string, ConfigValue> = { content: spec.content ?? DEFAULT_CONTENT, ...spec.options };
  if (spec.shared) definition.shared = 1;
  if (spec.nodes) definition.nodes = spec.nodes.join(',');
  const volumes: Record<string, Record<string, VolumeState>> = {};
  for (const volume of spec.volumes ?? []) {
    const place = spec.shared ? '*' : volume.node ?? 'pve1';
    (volumes[place] ??= {})[volume.name] = {
      name: volume.name, sizeBytes: volume.sizeBytes, format: volume.format ?? formatOf(volume.name), content: volume.content ?? contentOf(volume.name),
      ctime: Math.floor(startMs / 1000), ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
    };
  }
  return { id: spec.id, type: spec.type ?? 'dir', definition, volumes, ...(spec.capacityBytes === undefined ? {} : { capacityBytes: spec.capacityBytes }) };
}

function formatOf(name: string): string {
  const packed = /\.tar\.(zst|gz|xz)$/.exec(name)?.[1];
  return packed ? `t${packed}` : /\.(raw|qcow2|vmdk|iso|vma\.zst)$/.exec(name)?.[1] ?? 'raw';
}

function contentOf(name: string): string {
  const folder = /^(iso|vztmpl|backup|snippets|import)\//.exec(name)?.[1];
  return folder ?? 'images';
}

function accessState(spec: ClusterSpec): ClusterState['access'] {
  const users: readonly UserSpec[] = spec.users ?? [];
  const tokens: readonly TokenSpec[] = [LAB_TOKEN, ...(spec.tokens ?? [])];
  const owners = tokens.map((token) => ({ id: token.id.slice(0, token.id.indexOf('!')) }));
  const all: UserSpec[] = [{ id: 'root@pam', password: LAB_PASSWORD }, ...users, ...owners];
  return {
    users: Object.fromEntries(all.map((user) => [user.id, { enable: 1, expire: 0 }])),
    passwords: Object.fromEntries(all.flatMap((user) => (user.password === undefined ? [] : [[user.id, user.password]]))) as Record<string, string>,
    tokens: Object.fromEntries(tokens.map((token) => [token.id, { secret: token.secret, privsep: token.privsep ? 1 : 0, expire: 0 }])),
    acl: [...(spec.acl ?? [])], roles: {}, groups: {},
    domains: {
      pam: { type: 'pam', comment: 'Linux PAM standard authentication' },
      pve: { type: 'pve', comment: 'Proxmox VE authentication server' },
    },
  };
}

function addGuest(state: ClusterState, spec: GuestSpec, startMs: number): void {
  const type = spec.type ?? 'qemu';
  const config: GuestConfig = { ...spec.config };
  if (spec.name !== undefined) config[type === 'qemu' ? 'name' : 'hostname'] = spec.name;
  if (spec.template) config.template = 1;
  const guest: GuestState = { vmid: spec.vmid, type, node: spec.node, config, pending: {}, pendingDelete: {}, snapshots: {}, behaviour: { ...REACTING, ...spec.behaviour } };
  if (spec.running) {
    const node = state.nodes[spec.node];
    guest.process = { pid: node ? node.nextPid++ : 1, startedAtMs: startMs, qmpStatus: 'running' };
  }
  addVolumes(state, guest, startMs);
  state.guests[String(spec.vmid)] = guest;
}

/** The volumes a literal configuration names exist, unless the storage lists them itself. */
function addVolumes(state: ClusterState, guest: GuestState, startMs: number): void {
  for (const value of Object.values(guest.config)) {
    const found = typeof value === 'string' ? /^(?:file=|volume=)?([a-z][\w.-]*):([^,]*(?:disk|subvol|cloudinit)[^,]*)(?:,|$)/i.exec(value) : null;
    const storage = found?.[1] === undefined ? undefined : state.storages[found[1]];
    const name = found?.[2];
    if (!storage || name === undefined) continue;
    const place = storage.definition.shared === 1 ? '*' : guest.node;
    const size = /(?:^|,)size=(\d+)([KMGT]?)/.exec(String(value));
    const unit = { K: 2 ** 10, M: 2 ** 20, G: GIB, T: 2 ** 40 }[size?.[2] ?? ''] ?? 1;
    (storage.volumes[place] ??= {})[name] ??= {
      name, sizeBytes: Number(size?.[1] ?? 0) * unit, format: formatOf(name), content: guest.type === 'lxc' ? 'rootdir' : 'images',
      vmid: guest.vmid, ctime: Math.floor(startMs / 1000),
    };
  }
}

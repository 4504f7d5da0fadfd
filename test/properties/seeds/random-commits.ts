// In: dice. Out: a small cluster with guests of other people, and a sequence of commits, each grown from the one before
// as people do it: something more, something less, something else.
import type { Json } from '../../../controller/model/json.ts';
import type { ClusterSpec } from '../../../controller/sim/cluster-spec.ts';
import type { Dice } from './dice.ts';

/** One guest as a commit wants it. */
export interface Wanted {
  readonly name: string;
  readonly vmid: number;
  readonly node: string | undefined;
  readonly power: 'running' | 'stopped';
  readonly memory: number;
  readonly cores: number;
  readonly storage: string;
  readonly gib: number;
  readonly reclaim: 'keep' | 'delete';
  readonly ha: boolean;
  readonly pool: boolean;
  /** Cloned from the template that was there before us: whole or linked. */
  readonly clone: 'full' | 'linked' | undefined;
  readonly secret: string | undefined;
  /** It exists before, and latido is to take it over. */
  readonly adopted: boolean;
}

/** What people commit: guests, or something that is not a commit at all. */
export type RandomCommit = { readonly valid: true; readonly guests: readonly Wanted[]; readonly yaml: string } | { readonly valid: false; readonly yaml: string };

export interface RandomCluster { readonly spec: ClusterSpec; readonly nodes: readonly string[]; readonly commits: readonly RandomCommit[]; readonly limits: Limits; readonly secrets: readonly string[] }
export interface Limits { readonly deletions: number; readonly restarts: number; readonly migrations: number }

const GIB = 2 ** 30;
export const TEMPLATE = 190;
/** Guests that no manifest ever names. */
export const STRANGERS: readonly number[] = [TEMPLATE, 901, 902];
const ADOPTED = 180;
const FIRST = 100;

export function randomCluster(dice: Dice): RandomCluster {
  const nodes = ['pve1', 'pve2', 'pve3'].slice(0, dice.between(2, 3));
  const limits = { deletions: dice.between(1, 3), restarts: dice.between(1, 3), migrations: dice.between(1, 3) };
  const restart = dice.pick(['now', 'never'] as const);
  const count = dice.between(1, 3);
  const commits: RandomCommit[] = [];
  const fresh = { vmid: FIRST + 10 };
  let guests = Array.from({ length: dice.between(1, 4) }, (_none, at) => newGuest(dice, nodes, FIRST + at));
  if (dice.chance(0.3)) guests.push({ ...newGuest(dice, nodes, ADOPTED), name: 'old', clone: undefined, ha: false, storage: 'shared', gib: 2, node: undefined, adopted: true });
  while (commits.length < count) {
    commits.push({ valid: true, guests, yaml: yamlOf(guests, limits, restart) });
    if (dice.chance(0.15)) commits.push({ valid: false, yaml: dice.pick(['', 'kind: [', '# nothing is here any more\n']) });
    guests = evolved(dice, nodes, guests, fresh);
  }
  const secrets = commits.flatMap((commit) => (commit.valid ? commit.guests : [])).flatMap(({ secret }) => secret ?? []);
  return { spec: specOf(nodes), nodes, commits, limits, secrets };
}

function specOf(nodes: readonly string[]): ClusterSpec {
  return {
    nodes: nodes.map((name) => ({ name })), qdevice: nodes.length === 2, pools: { apps: { vms: [] } },
    storages: [
      { id: 'local', options: { path: '/var/lib/vz' } }, { id: 'shared', shared: true, options: { path: '/mnt/shared' } },
      { id: 'fast', type: 'lvm', shared: true, capacityBytes: 64 * GIB, content: 'images,rootdir', options: { vgname: 'fast' } },
    ],
    guests: [
      { vmid: TEMPLATE, name: 'golden', node: 'pve1', template: true, config: { memory: '512', scsi0: `shared:${TEMPLATE}/base-${TEMPLATE}-disk-0.raw,size=1G` } },
      { vmid: 901, name: 'theirs', node: 'pve1', running: true, config: { memory: '512', scsi0: 'shared:901/vm-901-disk-0.raw,size=1G' } },
      { vmid: 902, name: 'web-1', node: 'pve2', config: { memory: '512', tags: 'prod', scsi0: 'fast:vm-902-disk-0,size=1G' } },
      { vmid: ADOPTED, name: 'old', node: 'pve2', running: true, config: { memory: '512', scsi0: `shared:${ADOPTED}/vm-${ADOPTED}-disk-0.raw,size=2G` } },
    ],
  };
}

function newGuest(dice: Dice, nodes: readonly string[], vmid: number): Wanted {
  const ha = dice.chance(0.25);
  const clone = dice.chance(0.2) ? dice.pick(['full', 'linked'] as const) : undefined;
  return {
    name: `web-${vmid}`, vmid, node: !ha && dice.chance(0.5) ? dice.pick(nodes) : undefined, power: dice.pick(['running', 'running', 'stopped']),
    memory: dice.pick([256, 512]), cores: dice.between(1, 2), storage: clone === 'linked' ? 'shared' : dice.pick(ha ? ['shared', 'fast'] : ['shared', 'fast', 'local']), gib: dice.between(1, 2),
    reclaim: dice.pick(['keep', 'delete']), ha, pool: dice.chance(0.2), clone, secret: dice.chance(0.2) ? `hunter2-${vmid}-${dice.between(1000, 9999)}` : undefined, adopted: false,
  };
}

/** One to three changes of what there was. A VMID is never used again: what was released keeps it. */
function evolved(dice: Dice, nodes: readonly string[], before: readonly Wanted[], fresh: { vmid: number }): Wanted[] {
  let guests = [...before];
  for (let changes = dice.between(1, 3); changes > 0; changes -= 1) {
    const which = dice.pick(guests.length > 0 ? guests : [undefined]);
    if (!which || dice.chance(0.2)) guests.push(newGuest(dice, nodes, fresh.vmid++));
    else if (dice.chance(0.25)) guests = guests.filter((guest) => guest !== which);
    else guests = guests.map((guest) => (guest === which ? changed(dice, nodes, guest) : guest));
  }
  return guests;
}

function changed(dice: Dice, nodes: readonly string[], guest: Wanted): Wanted {
  switch (dice.between(0, 7)) {
    case 0: return { ...guest, memory: guest.memory === 256 ? 512 : 256 };
    case 1: return { ...guest, cores: guest.cores === 1 ? 2 : 1 };
    case 2: return { ...guest, gib: guest.gib + 1 };
    case 3: return guest.clone === 'linked' ? guest : { ...guest, storage: guest.storage === 'shared' ? 'fast' : 'shared' };
    case 4: return guest.ha ? guest : { ...guest, node: dice.chance(0.2) ? undefined : dice.pick(nodes) };
    case 5: return { ...guest, power: guest.power === 'running' ? 'stopped' : 'running' };
    case 6: return { ...guest, ha: !guest.ha && guest.storage !== 'local', node: undefined };
    default: return { ...guest, reclaim: guest.reclaim === 'keep' ? 'delete' : 'keep' };
  }
}

function yamlOf(guests: readonly Wanted[], limits: Limits, restart: 'now' | 'never'): string {
  const cluster = { apiVersion: 'latido/v1', kind: 'Cluster', metadata: { name: 'lab' }, spec: { endpoints: ['https://pve1:8006', 'https://pve2:8006'], policy: { restart, prune: 'auto', limits } } };
  return [cluster, ...guests.map(documentOf)].map((document) => JSON.stringify(document)).join('\n---\n');
}

function documentOf(guest: Wanted): Json {
  const { name, vmid, node, power, memory, cores, storage, gib, reclaim, ha, pool, clone, secret } = guest;
  return {
    apiVersion: 'latido/v1', kind: 'VirtualMachine', metadata: { name },
    spec: {
      vmid, reclaim, ...(node === undefined ? {} : { placement: { node } }), ...(ha ? { ha: { state: power === 'running' ? 'started' : 'stopped' } } : { power }), ...(pool ? { pool: 'apps' } : {}),
      ...(clone ? { source: { template: TEMPLATE, full: clone === 'full', ...(clone === 'full' ? { storage } : {}) } } : {}),
      config: { memory, cores, scsi0: { storage, size: `${gib}G` }, ...(secret === undefined ? {} : { cipassword: secret }) },
    },
  };
}

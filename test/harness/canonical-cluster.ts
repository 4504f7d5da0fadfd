// In: the state of a simulated cluster. Out: what of it matters to whoever owns it, so that two clusters can be compared:
// guests with their configuration, volumes, HA, pools. Left out: what Proxmox makes up anew each time.
import type { ClusterState, GuestState } from '../../controller/sim/state.ts';

export interface CanonicalCluster {
  readonly guests: Readonly<Record<string, unknown>>;
  /** `fast vm-101 4G`, as often as there are such; where a volume stands counts only for local storages. */
  readonly volumes: readonly string[];
  /** Volumes of guests that no configuration names. */
  readonly orphans: readonly string[];
  readonly ha: unknown;
  readonly rest: unknown;
}

const GIB = 2 ** 30;
const MADE_UP = new Set(['meta', 'vmgenid', 'digest', 'smbios1']);

export function canonicalCluster(state: ClusterState): CanonicalCluster {
  const volumes = Object.values(state.storages).flatMap((storage) => Object.entries(storage.volumes).flatMap(([place, inside]) => Object.values(inside).map((volume) => ({ storage: storage.id, place, volume }))));
  const named = new Set(Object.values(state.guests).flatMap(volumesIn));
  return {
    guests: Object.fromEntries(Object.values(state.guests).map((guest) => [guest.vmid, canonicalGuest(guest)])),
    volumes: volumes.map(({ storage, place, volume }) => `${storage} ${place} ${volume.vmid ?? volume.name} ${volume.sizeBytes / GIB}G`).sort(),
    orphans: volumes.filter(({ storage, volume }) => volume.vmid !== undefined && !named.has(`${storage}:${volume.name}`)).map(({ storage, volume }) => `${storage}:${volume.name}`).sort(),
    ha: { resources: state.ha.resources, groups: state.ha.groups, rules: state.ha.rules },
    rest: { pools: Object.fromEntries(Object.entries(state.pools).map(([id, pool]) => [id, { ...pool, vms: [...pool.vms].sort() }])), storages: Object.fromEntries(Object.values(state.storages).map(({ id, type, definition }) => [id, { type, definition }])), jobs: Object.values(state.jobs), options: state.options },
  };
}

function volumesIn(guest: GuestState): readonly string[] {
  const configs = [guest.config, guest.pending, ...Object.values(guest.snapshots).map((snapshot) => snapshot.config)];
  return configs.flatMap((config) => Object.values(config)).flatMap((value) => /^(?:file=|volume=)?([a-z][\w.-]*:[^,]+)/i.exec(String(value))?.[1] ?? []);
}

function canonicalGuest(guest: GuestState): unknown {
  const options = Object.entries(guest.config).filter(([key]) => !MADE_UP.has(key)).map(([key, value]) => [key, canonicalValue(String(value))] as const);
  return { type: guest.type, node: guest.node, running: guest.process !== undefined, config: Object.fromEntries(options.sort(([a], [b]) => (a < b ? -1 : 1))), pending: guest.pending, deletes: guest.pendingDelete, snapshots: Object.keys(guest.snapshots).sort() };
}

/** A volume's number and a hardware address differ from time to time; that they are there does not. */
function canonicalValue(value: string): string {
  return value.replaceAll(/((?:vm|base)-\d+-disk-)\d+/g, '$1N').replaceAll(/([0-9A-F]{2}:){5}[0-9A-F]{2}/gi, 'MAC');
}

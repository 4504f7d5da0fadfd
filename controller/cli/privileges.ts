// What the calls of a plan and of an apply demand; on `/` so that it reaches every guest, storage and pool. `latido init` gives
// a role just these, `latido doctor` looks for them.

export interface Privilege { readonly name: string; /** What it is for. */ readonly to: string; /** The first version that knows it. */ readonly since?: number }

export const ROLE = 'Latido';
export const USER = 'latido@pve';
export const TOKEN_NAME = 'gitops';

const PRIVILEGES: readonly Privilege[] = [
  { name: 'Sys.Audit', to: 'read the cluster, its HA and its tasks' }, { name: 'VM.Audit', to: 'read guests' }, { name: 'Datastore.Audit', to: 'read storages' }, { name: 'Pool.Audit', to: 'read pools' },
  { name: 'VM.Allocate', to: 'create and delete guests' }, { name: 'VM.Clone', to: 'clone guests' }, { name: 'VM.Config.CDROM', to: 'change drives' }, { name: 'VM.Config.CPU', to: 'change processors' },
  { name: 'VM.Config.Cloudinit', to: 'change cloud-init' }, { name: 'VM.Config.Disk', to: 'change disks' }, { name: 'VM.Config.HWType', to: 'change hardware' }, { name: 'VM.Config.Memory', to: 'change memory' },
  { name: 'VM.Config.Network', to: 'change networks' }, { name: 'VM.Config.Options', to: 'change options' }, { name: 'VM.Migrate', to: 'migrate guests' }, { name: 'VM.PowerMgmt', to: 'start and stop guests' },
  { name: 'Datastore.Allocate', to: 'define storages' }, { name: 'Datastore.AllocateSpace', to: 'create disks' }, { name: 'Pool.Allocate', to: 'change pools' }, { name: 'Sys.Modify', to: 'change options of the datacenter' },
  { name: 'Sys.Console', to: 'change HA' }, { name: 'SDN.Use', to: 'connect guests to bridges', since: 8 },
];

/** @param release `8.4`; absent: the newest */
export function privilegesFor(release?: string): readonly Privilege[] {
  const major = release === undefined ? Infinity : Number(release.split('.')[0]);
  return PRIVILEGES.filter(({ since = 0 }) => !(major < since));
}

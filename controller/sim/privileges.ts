// The privileges and built-in roles of each Proxmox VE version (pve-access-control's valid_privs and the recorded role list).

type Reach = 'root' | 'admin' | 'user' | 'audit';
interface Privilege { readonly name: string; readonly reach: Reach; readonly since?: number; readonly until?: number }

const GROUPS: Readonly<Record<string, readonly Privilege[]>> = {
  VM: [
    ...of('admin', 'VM.Allocate', 'VM.Clone', 'VM.Config.CPU', 'VM.Config.Disk', 'VM.Config.HWType', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options', 'VM.Migrate', 'VM.Snapshot', 'VM.Snapshot.Rollback'),
    ...of('user', 'VM.Backup', 'VM.Config.CDROM', 'VM.Config.Cloudinit', 'VM.Console', 'VM.PowerMgmt'),
    ...of('audit', 'VM.Audit'),
    { name: 'VM.Monitor', reach: 'admin', until: 8.9 },
    { name: 'VM.Replicate', reach: 'admin', since: 9 },
    { name: 'VM.GuestAgent.Unrestricted', reach: 'admin', since: 9 },
    ...['VM.GuestAgent.FileRead', 'VM.GuestAgent.FileSystemMgmt', 'VM.GuestAgent.FileWrite'].map((name) => ({ name, reach: 'user', since: 9 }) as const),
    { name: 'VM.GuestAgent.Audit', reach: 'audit', since: 9 },
  ],
  Sys: [
    ...of('root', 'Sys.Incoming', 'Sys.Modify', 'Sys.PowerMgmt'),
    { name: 'Sys.AccessNetwork', reach: 'root', since: 8.2 },
    { name: 'Permissions.Modify', reach: 'root', since: 8 },
    { name: 'Permissions.Modify', reach: 'admin', until: 7.9 },
    ...of('admin', 'Sys.Console', 'Sys.Syslog'), ...of('audit', 'Sys.Audit'),
  ],
  Datastore: [...of('admin', 'Datastore.Allocate', 'Datastore.AllocateTemplate'), ...of('user', 'Datastore.AllocateSpace'), ...of('audit', 'Datastore.Audit')],
  SDN: [...of('admin', 'SDN.Allocate'), { name: 'SDN.Use', reach: 'user', since: 8 }, ...of('audit', 'SDN.Audit')],
  User: [...of('root', 'Realm.Allocate'), ...of('admin', 'Group.Allocate', 'Realm.AllocateUser', 'User.Modify')],
  Pool: [...of('admin', 'Pool.Allocate'), ...of('audit', 'Pool.Audit')],
  Mapping: [{ name: 'Mapping.Modify', reach: 'root', since: 8 }, { name: 'Mapping.Use', reach: 'user', since: 8 }, { name: 'Mapping.Audit', reach: 'audit', since: 8 }],
};

function of(reach: Reach, ...names: readonly string[]): readonly Privilege[] {
  return names.map((name) => ({ name, reach }));
}

const byVersion = new Map<string, Readonly<Record<string, readonly string[]>>>();

/** The roles that Proxmox makes itself, with sorted privileges. */
export function builtinRoles(version: string): Readonly<Record<string, readonly string[]>> {
  const known = byVersion.get(version);
  if (known) return known;
  const roles = rolesOf(Number(version));
  byVersion.set(version, roles);
  return roles;
}

export function allPrivileges(version: string): readonly string[] {
  return builtinRoles(version).Administrator ?? [];
}

function rolesOf(version: number): Readonly<Record<string, readonly string[]>> {
  const pick = (groups: readonly string[], reaches: readonly Reach[]): readonly string[] => [...new Set(groups.flatMap((group) => (GROUPS[group] ?? [])
    .filter((one) => reaches.includes(one.reach) && version >= (one.since ?? 0) && version <= (one.until ?? Infinity)).map((one) => one.name)))].sort();
  const every = Object.keys(GROUPS);
  const admin = ['admin', 'user', 'audit'] as const;
  const user = ['user', 'audit'] as const;
  return {
    Administrator: pick(every, ['root', ...admin]), NoAccess: [],
    PVEAdmin: pick(every, admin), PVEAuditor: pick(every, ['audit']),
    PVEVMAdmin: pick(['VM'], admin), PVEVMUser: pick(['VM'], user), PVETemplateUser: ['VM.Audit', 'VM.Clone'],
    PVEDatastoreAdmin: pick(['Datastore'], admin), PVEDatastoreUser: pick(['Datastore'], user),
    PVESysAdmin: pick(['Sys'], admin), PVEUserAdmin: pick(['User'], admin),
    PVEPoolAdmin: pick(['Pool'], admin), PVEPoolUser: pick(['Pool'], user), PVESDNAdmin: pick(['SDN'], admin),
    ...(version < 8 ? {} : {
      PVESDNUser: pick(['SDN'], user),
      PVEMappingUser: pick(['Mapping'], user), PVEMappingAdmin: pick(['Mapping'], ['root', ...admin]),
    }),
  };
}

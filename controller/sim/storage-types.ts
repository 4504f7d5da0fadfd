// What each kind of storage may be configured with, from pve-storage's plugins: a leading `!` marks what is required and fixed,
// `=` what is optional and fixed; everything else can be set, changed and deleted.

const GENERAL = 'nodes disable content bwlimit';
const BACKUPS = 'prune-backups max-protected-backups';
const FOLDERS = `${GENERAL} ${BACKUPS} content-dirs format mkdir create-base-path create-subdirs preallocation`;

interface StorageType { readonly options: string; readonly content: readonly string[]; readonly byDefault: string; readonly shared?: true; readonly secret?: readonly string[]; readonly mount?: true }

const FILES = ['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets', 'import'];
const TYPES: Readonly<Record<string, StorageType>> = {
  dir: { options: `!path ${FOLDERS} shared is_mountpoint =snapshot-as-volume-chain`, content: [...FILES, 'none'], byDefault: 'images,rootdir' },
  btrfs: { options: `!path ${FOLDERS} shared is_mountpoint nocow`, content: [...FILES, 'none'], byDefault: 'images,rootdir' },
  nfs: { options: `=path !server !export ${FOLDERS} options =snapshot-as-volume-chain`, content: FILES, byDefault: 'images', shared: true, mount: true },
  cifs: { options: `=path !server !share subdir username domain smbversion options ${FOLDERS} =snapshot-as-volume-chain`, content: FILES, byDefault: 'images', shared: true, secret: ['password'], mount: true },
  cephfs: { options: `=path ${FOLDERS} monhost subdir options username fuse fs-name`, content: ['vztmpl', 'iso', 'backup', 'snippets', 'import'], byDefault: 'backup', shared: true, secret: ['keyring'], mount: true },
  lvm: { options: `!vgname ${GENERAL} shared saferemove saferemove-stepsize saferemove_throughput =base tagged_only snapshot-as-volume-chain`, content: ['images', 'rootdir'], byDefault: 'images' },
  lvmthin: { options: `!thinpool !vgname ${GENERAL}`, content: ['images', 'rootdir'], byDefault: 'images,rootdir' },
  zfspool: { options: `!pool blocksize sparse mountpoint ${GENERAL}`, content: ['images', 'rootdir'], byDefault: 'images,rootdir' },
  zfs: { options: `!portal !target !pool !blocksize !iscsiprovider nowritecache sparse comstar_hg comstar_tg lio_tpg zfs-base-path ${GENERAL}`, content: ['images'], byDefault: 'images', shared: true },
  rbd: { options: `monhost pool data-pool namespace username krbd ${GENERAL}`, content: ['images', 'rootdir'], byDefault: 'images', shared: true, secret: ['keyring'] },
  iscsi: { options: `!portal !target ${GENERAL}`, content: ['images', 'none'], byDefault: 'images', shared: true },
  iscsidirect: { options: `!portal !target ${GENERAL}`, content: ['images', 'none'], byDefault: 'images', shared: true },
  pbs: { options: `!server !datastore namespace port username fingerprint ${GENERAL} ${BACKUPS}`, content: ['backup', 'none'], byDefault: 'backup', shared: true, secret: ['password', 'encryption-key', 'master-pubkey'] },
  esxi: { options: '!server !username skip-cert-verification port nodes shared disable content', content: ['import'], byDefault: 'import', shared: true, secret: ['password'] },
  glusterfs: { options: `=path !volume server server2 transport ${FOLDERS}`, content: FILES, byDefault: 'images', shared: true, mount: true },
};

export type Rule = 'required' | 'fixed' | 'free';

/** What may be done with an option of a kind of storage; nothing when the kind does not have it. */
export function optionRule(type: string, option: string): Rule | undefined {
  const words = TYPES[type]?.options.split(' ') ?? [];
  if (words.includes(`!${option}`)) return 'required';
  if (words.includes(`=${option}`)) return 'fixed';
  return words.includes(option) || isSecret(type, option) ? 'free' : undefined;
}

export function requiredOptions(type: string): readonly string[] {
  return (TYPES[type]?.options.split(' ') ?? []).filter((word) => word.startsWith('!')).map((word) => word.slice(1));
}

/** Kept apart from the definition and never shown. */
export function isSecret(type: string, option: string): boolean {
  return TYPES[type]?.secret?.includes(option) ?? false;
}

export function allowedContent(type: string): readonly string[] {
  return TYPES[type]?.content ?? [];
}

export function defaultContent(type: string): string {
  return TYPES[type]?.byDefault ?? 'images';
}

export function isSharedType(type: string): boolean {
  return TYPES[type]?.shared ?? false;
}

/** Mounted by Proxmox below /mnt/pve unless a path is given. */
export function isMounted(type: string): boolean {
  return TYPES[type]?.mount ?? false;
}

// What each type of storage may be configured with, from the plugins of pve-storage (branches 7, 8 and 9): the API's
// own data lists the options of all types together and tells neither which type has one nor which can be changed.

/** Before an option: `!` required and fixed, `=` optional and fixed, `+` required and free; else it can be set and removed. */
interface StorageType { readonly options: string; readonly content: string; readonly formats?: string; readonly secrets?: string }

const COMMON = 'nodes disable content';
const PRUNED = 'prune-backups max-protected-backups maxfiles';
const FOLDERS = `${COMMON} ${PRUNED} format mkdir create-base-path create-subdirs`;
const FILES = 'images rootdir vztmpl iso backup snippets import';
const DISKS = 'images rootdir';

const TYPES: Readonly<Record<string, StorageType>> = {
  dir: { options: `!path ${FOLDERS} content-dirs shared is_mountpoint bwlimit preallocation =snapshot-as-volume-chain`, content: `${FILES} none`, formats: 'raw qcow2 vmdk subvol' },
  btrfs: { options: `!path ${FOLDERS} shared is_mountpoint nocow preallocation`, content: `${FILES} none`, formats: 'raw subvol' },
  nfs: { options: `=path !server !export ${FOLDERS} content-dirs options bwlimit preallocation =snapshot-as-volume-chain`, content: FILES, formats: 'raw qcow2 vmdk' },
  cifs: { options: `=path !server !share ${FOLDERS} content-dirs subdir username domain smbversion options bwlimit preallocation =snapshot-as-volume-chain`, content: FILES, formats: 'raw qcow2 vmdk', secrets: 'password' },
  cephfs: { options: `=path ${FOLDERS} content-dirs monhost subdir options username fuse bwlimit fs-name`, content: 'vztmpl iso backup snippets import', secrets: 'keyring' },
  glusterfs: { options: `=path !volume ${FOLDERS} server server2 transport bwlimit preallocation`, content: 'images vztmpl iso backup snippets import', formats: 'raw qcow2 vmdk' },
  lvm: { options: `!vgname ${COMMON} shared saferemove saferemove-stepsize saferemove_throughput =base tagged_only bwlimit snapshot-as-volume-chain`, content: DISKS },
  lvmthin: { options: `!thinpool !vgname ${COMMON} bwlimit`, content: DISKS },
  zfspool: { options: `!pool ${COMMON} blocksize sparse bwlimit mountpoint`, content: DISKS },
  zfs: { options: `!portal !target !pool !blocksize !iscsiprovider ${COMMON} nowritecache sparse comstar_hg comstar_tg lio_tpg bwlimit zfs-base-path`, content: 'images' },
  rbd: { options: `${COMMON} monhost pool data-pool namespace username krbd bwlimit`, content: DISKS, secrets: 'keyring' },
  iscsi: { options: `!portal !target ${COMMON} bwlimit`, content: 'images none' },
  iscsidirect: { options: `!portal !target ${COMMON} bwlimit`, content: 'images none' },
  pbs: { options: `!server !datastore ${COMMON} ${PRUNED} namespace port username fingerprint`, content: 'backup none', secrets: 'password encryption-key master-pubkey' },
  esxi: { options: `+server +username ${COMMON} shared skip-cert-verification port`, content: 'import', secrets: 'password' },
};

/** Options that a type got later than another type had them. */
const SINCE: Readonly<Record<string, number>> = { 'cifs options': 8 };
/** Proxmox VE 7 imports nothing. */
const IMPORT_SINCE = 8;

export type Rule = 'fixed' | 'required' | 'free';

export const STORAGE_TYPES: readonly string[] = Object.keys(TYPES);

/** What may be done with an option of a type; nothing when the type does not have it. */
export function ruleOf(type: string, option: string, version: string): Rule | undefined {
  if (isSecret(type, option)) return 'free';
  if (Number(version) < (SINCE[`${type} ${option}`] ?? 0)) return undefined;
  const word = words(TYPES[type]?.options).find((one) => one.replace(/^[!=+]/, '') === option);
  if (word === undefined) return undefined;
  return /^[!=]/.test(word) ? 'fixed' : word.startsWith('+') ? 'required' : 'free';
}

export function requiredOptions(type: string): readonly string[] {
  return words(TYPES[type]?.options).filter((word) => /^[!+]/.test(word)).map((word) => word.slice(1));
}

export function optionsOf(type: string): readonly string[] {
  return [...words(TYPES[type]?.options).map((word) => word.replace(/^[!=+]/, '')), ...words(TYPES[type]?.secrets)];
}

/** Kept in a file of its own and never answered. */
export function isSecret(type: string, option: string): boolean {
  return secretsOf(type).includes(option);
}

export function secretsOf(type: string): readonly string[] {
  return words(TYPES[type]?.secrets);
}

/** What a type can hold; Proxmox passes over everything else in silence. */
export function contentOf(type: string, version: string): readonly string[] {
  return words(TYPES[type]?.content).filter((one) => one !== 'import' || Number(version) >= IMPORT_SINCE);
}

/** The formats of volumes that a type can hold; nothing where Proxmox does not say. */
export function formatsOf(type: string): readonly string[] | undefined {
  return TYPES[type]?.formats?.split(' ');
}

function words(text: string | undefined): readonly string[] {
  return text?.split(' ') ?? [];
}

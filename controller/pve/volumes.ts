// What the text in front of a disk's options means: `local-lvm:vm-100-disk-0`, `local:20` (a new one of 20 GiB),
// `none`, `/dev/sdb`. Source: qemu-server Drive.pm NEW_DISK_RE and drive_is_cloudinit, pve-container MountPoint.

const GIB = 1024 ** 3;
const NEW_DISK = /^([^/:\s]+):(\d+(?:\.\d+)?)$/;
const CLOUD_INIT = /[:/](?:vm-\d+-)?cloudinit(?:\.(?:raw|qcow2?|qed|vmdk|cloop))?$/;
const FORMAT = /\.(raw|qcow2|vmdk|subvol)$/;

export type Volume =
  /** To be allocated; zero bytes: as large as what is imported. */
  | { readonly kind: 'new'; readonly storage: string; readonly bytes: number }
  | { readonly kind: 'cloud-init'; readonly storage: string }
  /** An existing one; `format` only where the name says it. */
  | { readonly kind: 'existing'; readonly storage: string; readonly id: string; readonly format: string | undefined }
  /** `none`, `cdrom`, or an absolute path. */
  | { readonly kind: 'outside'; readonly text: string };

export function parseVolume(text: string): Volume {
  const fresh = NEW_DISK.exec(text);
  if (fresh) return { kind: 'new', storage: fresh[1] as string, bytes: Math.round(Number(fresh[2]) * GIB) };
  const at = text.indexOf(':');
  if (at < 1 || text.startsWith('/')) return { kind: 'outside', text };
  const storage = text.slice(0, at);
  if (CLOUD_INIT.test(text)) return { kind: 'cloud-init', storage };
  return { kind: 'existing', storage, id: text, format: FORMAT.exec(text)?.[1] };
}

/** `local:20`, `local:0.5`: Proxmox takes the size of a new disk in GiB. */
export function printNewVolume(storage: string, bytes: number): string {
  return `${storage}:${bytes / GIB}`;
}

// How migrations write times and sizes in their logs.
// In: milliseconds and bytes. Out: text as QEMU, dd and Proxmox's own code write it.
// Must never round a size up to a larger unit.

/** `00:00:14`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

/** `176.8 MiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 2 ** (10 * at)).toFixed(1)} ${units[at] ?? 'B'}`;
}

/** dd's two ways to write a size: `1.1 GB` and `1.0 GiB`, without the point from ten on. */
export function decimal(bytes: number): string {
  return short(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
}

export function binary(bytes: number): string {
  return short(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

function short(bytes: number, step: number, units: readonly string[]): string {
  let value = bytes;
  let at = 0;
  while (value >= step && at < units.length - 1) {
    value /= step;
    at += 1;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at] ?? 'B'}`;
}

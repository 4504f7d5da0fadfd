// Sizes as Proxmox writes them: a number with K, M, G or T (powers of 1024), without a letter bytes.

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Bytes of `32G`, `1.5T`, `528K`, `4194304`, `2GiB`; nothing when it is no size. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)([KMGT]?)(?:iB)?$/.exec(text);
  if (!found || (found[2] === '' && text.endsWith('iB'))) return undefined;
  return Math.floor(Number(found[1]) * (UNITS[found[2] as string] as number));
}

/** The shortest exact writing: the largest unit that divides `bytes` evenly. */
export function printSize(bytes: number): string {
  const whole = Math.floor(bytes);
  if (whole === 0) return '0T'; // Proxmox prints zero so, too
  const unit = ['T', 'G', 'M', 'K'].find((letter) => whole % (UNITS[letter] as number) === 0) ?? '';
  return `${whole / (UNITS[unit] as number)}${unit}`;
}

// What a change of a disk or mount point costs, as far as virtual machines and containers have it in common: moves
// and sizes. Everything else is the guest type's own.
import type { OptionChange, ChangeClass } from './change-class.ts';
import { isGenerated } from './guest-options.ts';

export type Values = Readonly<Record<string, string>>;

export function valuesOf(side: OptionChange['from']): Values | undefined {
  return side.as === 'keys' ? side.values : undefined;
}

/** The keys that differ; what the manifest leaves to Proxmox does not. */
export function changedKeys(change: OptionChange, from: Values, to: Values): readonly string[] {
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].filter((key) => from[key] !== to[key] && (to[key] !== undefined || !isGenerated(change.state.guest, change.option, key))).sort();
}

/** Another storage, unless the manifest names a volume of its own there; another format, where the name tells the present one. */
export function isMove(from: Values, to: Values): boolean {
  const otherStorage = to['storage'] !== undefined && from['storage'] !== undefined && to['storage'] !== from['storage'] && to['volume'] === undefined;
  const otherFormat = to['format'] !== undefined && from['format'] !== undefined && to['format'] !== from['format'];
  return otherStorage || otherFormat;
}

/** Proxmox grows volumes and never shrinks them. */
export function sizeChange(from: Values, to: Values): ChangeClass | undefined {
  if (to['size'] === undefined || from['size'] === undefined || to['size'] === from['size']) return undefined;
  return Number(to['size']) > Number(from['size']) ? 'resize' : 'refused';
}

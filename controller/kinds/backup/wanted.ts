import type { DesiredObject } from '../../model/desired.ts';
import type { Scope, Wanted } from '../collection-ops.ts';
import { findGuest, vmidOf } from '../guests-named.ts';
import type { GuestName } from '../guests-named.ts';
import type { BackupJobSpec } from './schema.ts';

/** Options for which Proxmox answers “Only root may set this option.” to everybody else. */
export const ROOT_OPTIONS: ReadonlySet<string> = new Set(['tmpdir', 'dumpdir', 'script']);

/** Which guests: of these four Proxmox keeps what was set before, so that what is not wanted is taken away. */
export const SELECTION: readonly Wanted[] = [
  { option: 'vmid', path: 'guests', value: '' }, { option: 'pool', path: 'pool', value: '' }, { option: 'all', path: 'all', value: '' }, { option: 'exclude', path: 'exclude', value: '' },
];

/** The parameters that a backup job's manifest asks for, by Proxmox's names. */
export function wantedOf({ spec }: DesiredObject<BackupJobSpec>, scope: Scope): readonly Wanted[] {
  const { config, schedule, storage, pool, all, enabled } = spec;
  const plain = { schedule, storage, pool, all, enabled };
  return [
    ...Object.entries(plain).flatMap(([option, value]): readonly Wanted[] => (value === undefined ? [] : [{ option, path: option, value }])),
    ...guestsWanted('vmid', 'guests', spec.guests, scope), ...guestsWanted('exclude', 'exclude', spec.exclude, scope),
    ...Object.entries(config ?? {}).map(([option, value]): Wanted => ({ option, path: `config.${option}`, value })),
  ];
}

function guestsWanted(option: string, path: string, guests: readonly GuestName[] | undefined, scope: Scope): readonly Wanted[] {
  if (guests === undefined) return [];
  const vmids = guests.flatMap((name) => findGuest(name, scope.desired)?.vmid ?? vmidOf(name) ?? []);
  return [{ option, path, value: [...new Set(vmids)].sort((a, b) => a - b) }];
}

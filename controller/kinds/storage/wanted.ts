import type { DesiredObject } from '../../model/desired.ts';
import type { Wanted } from '../collection-ops.ts';
import type { StorageSpec } from './schema.ts';

/** The parameters that a storage's manifest asks for, by Proxmox's names. */
export function wantedOf({ spec }: DesiredObject<StorageSpec>): readonly Wanted[] {
  const config = Object.entries(spec.config ?? {}).flatMap(([option, value]): readonly Wanted[] => {
    const isEmpty = value === '' || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) return [{ option, path: `config.${option}`, value }];
    // No content is a content of its own; an empty list of anything else is not set.
    return option === 'content' ? [{ option, path: 'config.content', value: 'none' }] : [];
  });
  return [{ option: 'type', path: 'type', value: spec.type }, ...config];
}

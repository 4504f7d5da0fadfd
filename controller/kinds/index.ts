// The registry: what a cluster is made of, in the order in which plans build it. Explicit, so that it is typed and the
// order is nobody's accident.
import type { AnyKind, Registry } from '../model/kind.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { guestKind } from './guest/kind.ts';

/** @param tables of the version that the cluster runs: options, limits and the shape of HA follow it */
export function createRegistry(tables: ApiTables): Registry {
  const kinds: readonly AnyKind[] = [
    guestKind(tables, 'qemu') as AnyKind,
    guestKind(tables, 'lxc') as AnyKind,
  ];
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}

// The registry: what a cluster is made of, in the order in which plans build it. Explicit, so that it is typed and the
// order is nobody's accident.
import type { AnyKind, Registry } from '../model/kind.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { backupJobKind } from './backup/kind.ts';
import { clusterKind } from './cluster/kind.ts';
import { drbdKind } from './drbd/kind.ts';
import { guestKind } from './guest/kind.ts';
import { RULES_SINCE } from './guest/ha.ts';
import { affinityGroupKind } from './ha/affinity-group.ts';
import { haGroupKind } from './ha/group.ts';
import { haRuleKind } from './ha/rule.ts';
import { nodeKind } from './node/kind.ts';
import { poolKind } from './pool.ts';
import { storageKind } from './storage/kind.ts';
import { virtualIpKind } from './virtual-ip/kind.ts';

/** @param tables of the version that the cluster runs: options, limits and the shape of HA follow it */
export function createRegistry(tables: ApiTables): Registry {
  const isRules = Number(tables.version) >= RULES_SINCE;
  const kinds: readonly unknown[] = [
    clusterKind(tables), nodeKind(), drbdKind(), storageKind(tables), poolKind(tables),
    // A group is there before its guests; a rule refuses guests that the HA manager does not manage yet.
    ...(isRules ? [] : [haGroupKind(tables)]),
    guestKind(tables, 'qemu'), guestKind(tables, 'lxc'),
    ...(isRules ? [affinityGroupKind(tables)] : []),
    haRuleKind(tables), backupJobKind(tables),
    virtualIpKind(),
  ];
  return new Map((kinds as readonly AnyKind[]).map((kind) => [kind.kind, kind]));
}

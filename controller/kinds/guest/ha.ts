// In: `spec.ha` and the HA resource as it is. Out: what to ask of the HA manager. Pure.
import type { Subject } from '../../model/change.ts';
import { sidOf } from '../../model/facts.ts';
import type { GuestType, HaResourceFact } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import type { GuestLive } from './live.ts';
import type { Op } from './ops.ts';
import type { GuestSpec } from './spec.ts';

/** HA groups became node-affinity rules with this version. */
export const RULES_SINCE = 9;

export function desiredHaState(spec: GuestSpec): string {
  return spec.ha?.state ?? (spec.power === 'stopped' ? 'stopped' : 'started');
}

/** Parameters of POST and PUT /cluster/ha/resources, by Proxmox's names; only what the manifest writes, and the state. */
export function haParams(version: string, spec: GuestSpec): Readonly<Record<string, string | number>> {
  const ha = spec.ha ?? {};
  const rules = Number(version) >= RULES_SINCE;
  return {
    state: desiredHaState(spec),
    ...(ha.group !== undefined && !rules ? { group: ha.group } : {}),
    ...(ha.maxRestart !== undefined ? { max_restart: ha.maxRestart } : {}),
    ...(ha.maxRelocate !== undefined ? { max_relocate: ha.maxRelocate } : {}),
    ...(ha.failback !== undefined && rules ? { failback: ha.failback ? 1 : 0 } : {}),
  };
}

export function haOps(version: string, type: GuestType, subject: Subject<GuestSpec>, live: GuestLive): readonly Op[] {
  const spec = subject.desired?.spec;
  if (!spec) return [];
  if (!spec.ha) return live.ha && subject.memory?.fields.includes('ha') ? [{ op: 'ha-remove' }] : [];
  const wanted = haParams(version, spec);
  const state = desiredHaState(spec);
  if (!live.ha) {
    const fields = Object.entries(wanted).map(([key, to]) => ({ path: `ha.${FIELD[key] ?? key}`, from: undefined, to: to as Json }));
    return [{ op: 'ha-create', params: wanted, fields, state }];
  }
  const have = current(live.ha);
  const changed = Object.entries(wanted).filter(([key, to]) => have[key] !== to);
  const leaves = Number(version) < RULES_SINCE && spec.ha.group === undefined && live.ha.group !== undefined && subject.memory?.fields.includes('ha.group') === true;
  if (changed.length === 0 && !leaves) return errorOps(type, live);
  if (live.ha.crmState === 'error' && state !== 'disabled') return errorOps(type, live);
  const gone = leaves ? [{ path: 'ha.group', from: live.ha.group, to: undefined }] : [];
  return [{ op: 'ha-update', params: { ...Object.fromEntries(changed), ...(leaves ? { delete: 'group' } : {}) }, fields: [...gone, ... changed.map(([key, to]) => ({ path: `ha.${FIELD[key] ?? key}`, from: have[key], to }))], state }];
}

const FIELD: Readonly<Record<string, string>> = { max_restart: 'maxRestart', max_relocate: 'maxRelocate' };

function current(ha: HaResourceFact): Readonly<Record<string, string | number | undefined>> {
  return { state: ha.state === 'enabled' ? 'started' : ha.state, group: ha.group, max_restart: ha.maxRestart, max_relocate: ha.maxRelocate, failback: ha.failback ? 1 : 0 };
}

/** In error state the HA manager refuses everything but `disabled`; a person has to find out why it does not start. */
function errorOps(type: GuestType, live: GuestLive): readonly Op[] {
  if (live.ha?.crmState !== 'error') return [];
  return [{ op: 'ha-error', reason: `the HA manager has ${sidOf(type, live.guest.vmid)} in error state: find out why it does not start, then set ha.state to disabled and back` }];
}

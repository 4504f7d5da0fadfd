// In: an option of a guest. Out: how it compares, what to send, what changing it costs. Pure; a thin layer over pve/.
import type { Effect } from '../../model/change.ts';
import type { GuestType } from '../../model/facts.ts';
import type { Json } from '../../model/json.ts';
import { isSecretRef } from '../../model/secret.ts';
import type { SecretRef } from '../../model/secret.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { changeClass } from '../../pve/change-class.ts';
import { updateRequest } from '../../pve/request.ts';
import { CREATE_ONLY } from './create-only.ts';
import type { GuestLive } from './live.ts';

import { diffOption } from '../../pve/canonical.ts';

export { diffOption };
import { rootOnly as rootOnlyOption } from '../../pve/root-only.ts';

/** Why only root may set it. A container without a user namespace of its own has no feature that anybody else may set. */
export function rootOnly(tables: ApiTables, type: GuestType, option: string, value: Json, config: Readonly<Record<string, Json>>): string | undefined {
  const isPrivileged = diffOption(tables, 'lxc', 'unprivileged', config.unprivileged, undefined) === 'same';
  if (type === 'lxc' && option === 'features' && isPrivileged) return 'changing feature flags for privileged container is only allowed for root@pam';
  return rootOnlyOption(tables, type, option, value);
}

/** Parameters of the create call that leave no trace in the configuration: sent once, never compared. */
export const CREATE_ONLY_OPTIONS: ReadonlySet<string> = CREATE_ONLY;

export function createOnlyValue(value: Json): string | SecretRef {
  if (isSecretRef(value)) return value;
  return value === true ? '1' : value === false ? '0' : String(value);
}

/** What to send so that the option has this value; what Proxmox generated before (a MAC address) is kept. A secret stays a reference. */
export function requestValue(tables: ApiTables, type: GuestType, option: string, value: Json, live: Json | undefined): string | SecretRef {
  return isSecretRef(value) ? value : updateRequest(tables, type, option, value, live);
}

/** What Proxmox would show of what was sent. */
export function shownText(request: string | SecretRef): string {
  return isSecretRef(request) ? '**********' : request;
}

export function changeEffect(tables: ApiTables, type: GuestType, option: string, wanted: Json, live: GuestLive, running: boolean): { readonly effect: Effect; readonly reason?: string } {
  const text = (name: string) => (live.current[name] === undefined ? {} : { [name]: String(live.current[name]) });
  const state = { guest: type, running, ...text('hotplug'), ...text('ostype'), ...text('machine') };
  const found = changeClass(tables, state, option, live.config[option], wanted ?? undefined);
  switch (found) {
    case 'pending': return { effect: 'restart' };
    case 'resize': case 'live': return { effect: 'live' };
    case 'refused': return { effect: 'refused', reason: `Proxmox cannot change ${option} of an existing guest this way` };
    default: return { effect: found };
  }
}

// In: a value that Proxmox takes and never tells, and what is remembered of it. Out: whether it has to be written. Pure.
import type { Subject } from '../model/change.ts';
import type { Facts } from '../model/facts.ts';
import type { Json } from '../model/json.ts';
import { isSecretRef } from '../model/secret.ts';

export interface Shown {
  /** Proxmox tells that there is a value, that there is none, or neither. */
  readonly state: 'set' | 'absent' | 'untold';
  /** The object carries our mark, or its kind cannot carry one. */
  readonly owned: boolean;
}

/**
 * What was written last is remembered by its version. Without any memory of an object that is ours it was we who wrote it:
 * to write it again would change nothing but make guests wait for a restart. A value in clear is sent once and never compared.
 */
export function isSecretDue(value: Json, path: string, subject: Subject, shown: Shown, facts: Facts): boolean {
  if (shown.state === 'absent') return true;
  if (!isSecretRef(value)) return false;
  const version = facts.secrets?.get(value.secret);
  if (version === undefined) return false;
  if (subject.memory === undefined) return !shown.owned;
  return subject.memory.secrets?.[path] !== version;
}

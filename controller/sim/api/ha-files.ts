// The HA configuration files as the API shows and checks them.
// In: sections and what a call wants changed in one. Out: the section, its file's digest, Proxmox's words for what is wrong.
import type { HaSection } from '../ha/state.ts';
import { haText } from '../pmxcfs-text.ts';
import { sha1 } from '../section-config.ts';
import { failure, text, type Call } from './handler.ts';

/** sha1 of the file as Proxmox writes it. */
export function fileDigest(sections: Readonly<Record<string, HaSection>>): string {
  return sha1(haText(sections));
}

export function refuseStaleDigest(call: Call, sections: Readonly<Record<string, HaSection>>): void {
  const expected = text(call, 'digest');
  if (expected !== undefined && expected !== fileDigest(sections)) throw failure('detected modified configuration - file changed by other user? Try again.');
}

/** The call's parameters that are options of the section; what names it or steers the call is left out. */
export function optionsOf(call: Call, except: readonly string[]): HaSection {
  const skipped = new Set(['digest', 'delete', ...except]);
  const options: HaSection = {};
  for (const [name, value] of Object.entries(call.params)) {
    if (!skipped.has(name)) options[name] = typeof value === 'object' ? value.join(',') : value;
  }
  return options;
}

export interface Deletable { readonly known: readonly string[]; readonly required: readonly string[] }

export function deleteOptions(call: Call, section: HaSection, allowed: Deletable): void {
  for (const name of (text(call, 'delete') ?? '').split(/[,;\s]+/).filter((one) => one !== '')) {
    if (!allowed.known.includes(name)) throw failure(`no such option '${name}'`);
    if (allowed.required.includes(name)) throw failure(`unable to delete required option '${name}'`);
    delete section[name];
  }
}

/** HA groups became rules with Proxmox VE 9. */
export function hasGroups(call: Call): boolean {
  return Number(call.version.split('.')[0]) < 9;
}

export const MIGRATED = 'ha groups have been migrated to rules';

/** Runs `change` under the lock of the HA files; its failures are told after `failing`. */
export function changeHaFiles<T>(call: Call, failing: string, change: () => T): T {
  try {
    const result = change();
    call.sim.ha.wake();
    return result;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) throw error;
    throw failure(`${failing}: ${error.message.trimEnd()}`);
  }
}

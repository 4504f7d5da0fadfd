// One value of a file of /etc/pve, typed as the API answers it.
import type { Param } from '../pve/api-tables.ts';

export type FileValue = string | number;

/** A guest's option: integers and flags are numbers, other numbers stay text (`cpulimit: 1.5`). Nothing: it is not what the option may be. */
export function guestValue(param: Param, text: string): FileValue | undefined {
  if (param.type === 'boolean') return flag(text);
  if (param.type === 'integer') return /^\d+$/.test(text) ? Number(text) : undefined;
  if (param.type === 'number') return /^\d+(\.\d+)?$/.test(text) ? text : undefined;
  return text;
}

/** An option of a section: everything that the API calls a number is one; a flag needs no value. */
export function sectionValue(param: Param, text: string | undefined): FileValue | undefined {
  if (param.type === 'boolean') return text === undefined ? 1 : flag(text);
  if (text === undefined || (param.type !== 'integer' && param.type !== 'number')) return text;
  return Number.isFinite(Number(text)) ? Number(text) : undefined;
}

export function flag(text: string): 0 | 1 | undefined {
  if (/^(1|on|yes|true)$/i.test(text)) return 1;
  return /^(0|off|no|false)$/i.test(text) ? 0 : undefined;
}

// The API tables of every version we carry, read once for the tests of this folder.
import { readFileSync } from 'node:fs';
import { type ApiMethod, type ApiTables, apiTables, type HttpMethod, type Param, paramOf } from '../../controller/pve/api-tables.ts';

export const VERSIONS = ['7.4', '8.4', '9.0', '9.1', '9.2'] as const;
export type Version = (typeof VERSIONS)[number];

const read = new Map<string, ApiTables>();

export function tablesOf(version: Version = '9.2'): ApiTables {
  const known = read.get(version) ?? apiTables(JSON.parse(readFileSync(new URL(`../../schema/pve/${version}.json`, import.meta.url), 'utf8')));
  read.set(version, known);
  return known;
}

export function methodOf(verb: HttpMethod, template: string, version: Version = '9.2'): ApiMethod {
  const method = tablesOf(version).method(verb, template);
  if (!method) throw new Error(`${verb} ${template} is not in ${version}`);
  return method;
}

/** An option of a new guest. */
export function optionOf(guest: 'qemu' | 'lxc', option: string, version: Version = '9.2'): Param {
  const param = paramOf(methodOf('POST', `/nodes/{node}/${guest}`, version), option);
  if (!param) throw new Error(`${guest} has no ${option} in ${version}`);
  return param;
}

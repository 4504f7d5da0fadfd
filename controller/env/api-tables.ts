// In: a version of Proxmox VE. Out: what its API accepts, from schema/pve/<version>.json next to the package.
// Must never guess across major versions.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../model/finding.ts';
import { apiTables, type ApiTables } from '../pve/api-tables.ts';
import { packageRoot } from './package-root.ts';

const loaded = new Map<string, ApiTables>();

/** @param version exactly one of `tableVersions()`: `9.2` */
export function loadApiTables(version: string): ApiTables {
  const known = loaded.get(version);
  if (known) return known;
  if (!tableVersions().includes(version)) throw unsupported(version);
  const tables = apiTables(JSON.parse(readFileSync(join(folder(), `${version}.json`), 'utf8')));
  loaded.set(version, tables);
  return tables;
}

/** In rising order. */
export function tableVersions(): readonly string[] {
  return readdirSync(folder()).flatMap((name) => /^(\d+\.\d+)\.json$/.exec(name)?.[1] ?? []).sort((a, b) => minorOf(a) - minorOf(b)).sort((a, b) => majorOf(a) - majorOf(b));
}

export interface NearestTables { readonly tables: ApiTables; /** For the reader, when the tables are not exactly those of the release. */ readonly note?: string }

/**
 * The tables for a release as `/version` gives it: its own, else those of the next release of the same major version
 * that we know, else the newest of that major version.
 * @param release `9.2.11`, `9.2`
 */
export function nearestTables(release: string): NearestTables {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const kin = tableVersions().filter((version) => major !== undefined && majorOf(version) === Number(major));
  const version = kin.find((one) => minorOf(one) >= Number(minor)) ?? kin.at(-1);
  if (version === undefined) throw unsupported(release);
  const tables = loadApiTables(version);
  if (version === `${major}.${minor}`) return { tables };
  const older = minorOf(version) < Number(minor) ? 'newer than what we know' : 'not known in detail';
  return { tables, note: `Proxmox VE ${release} is ${older}; options are checked against ${version}` };
}

function unsupported(release: string): Error {
  return failure('VERSION_UNSUPPORTED', `Proxmox VE ${release} is not supported`, { fix: `the supported versions are ${tableVersions().join(', ')}` });
}

function folder(): string {
  return join(packageRoot(), 'schema', 'pve');
}

function majorOf(version: string): number {
  return Number(version.split('.')[0]);
}

function minorOf(version: string): number {
  return Number(version.split('.')[1]);
}

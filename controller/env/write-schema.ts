// Run by `npm run schema`: writes schema/<Kind>.json and schema/latido.schema.json from the registry of kinds.
// With --check it writes nothing, lists the files that are stale and fails.
import { existsSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Registry } from '../model/kind.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import { loadApiTables, tableVersions } from './api-tables.ts';
import { packageRoot } from './package-root.ts';
import { schemaFiles } from './schema-files.ts';

/** Names of files that differ from `wanted`, that are missing, or that nobody wants any more. */
export function staleFiles(folder: string, wanted: ReadonlyMap<string, string>): readonly string[] {
  const there = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.json')).map((entry) => entry.name);
  const names = [...new Set([...there, ...wanted.keys()])].sort();
  return names.filter((name) => !there.includes(name) || readFileSync(join(folder, name), 'utf8') !== wanted.get(name));
}

export function writeFiles(folder: string, wanted: ReadonlyMap<string, string>): readonly string[] {
  const stale = staleFiles(folder, wanted);
  for (const name of stale) {
    const text = wanted.get(name);
    if (text === undefined) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), text);
  }
  return stale;
}

async function main(check: boolean): Promise<number> {
  const root = packageRoot();
  const kinds = await loadKinds(root);
  if (!kinds) {
    console.error('there are no kinds: controller/kinds/index.ts does not exist');
    return 1;
  }
  const folder = join(root, 'schema');
  const wanted = schemaFiles(kinds);
  const stale = check ? staleFiles(folder, wanted) : writeFiles(folder, wanted);
  if (check && stale.length > 0) console.error(`stale: ${stale.map((name) => `schema/${name}`).join(', ')}\n  fix: npm run schema`);
  else console.log(check ? `${wanted.size} schema files are up to date` : `${stale.length} of ${wanted.size} schema files written`);
  return check && stale.length > 0 ? 1 : 0;
}

/** The contract is written for the newest API; validation against a cluster uses that cluster's own tables. */
async function loadKinds(root: string): Promise<Registry | undefined> {
  const index = join(root, 'controller', 'kinds', 'index.ts');
  if (!existsSync(index)) return undefined;
  const { createRegistry } = (await import(index)) as { readonly createRegistry: (tables: ApiTables) => Registry };
  return createRegistry(loadApiTables(tableVersions().at(-1) ?? ''));
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.includes('--check'));

// Run by `npm run schema`: writes schema/*.json and the generated sections of README.md from the constants in controller/.
// With --check it writes nothing, lists what is stale and fails.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLAN_SCHEMA } from '../controller/cli/plan-schema.ts';
import { loadApiTables, tableVersions } from '../controller/env/api-tables.ts';
import { packageRoot } from '../controller/env/package-root.ts';
import { schemaFiles } from '../controller/env/schema-files.ts';
import { staleFiles, writeFiles } from '../controller/env/write-schema.ts';
import { createRegistry } from '../controller/kinds/index.ts';
import { withReference } from './readme-reference.ts';

const isCheck = process.argv.includes('--check');
const kinds = createRegistry(loadApiTables(tableVersions().at(-1) ?? ''));
const folder = join(packageRoot(), 'schema');
const readme = join(packageRoot(), 'README.md');

const wanted = new Map([...schemaFiles(kinds), ['plan.v1.json', `${JSON.stringify(PLAN_SCHEMA, null, 2)}\n`] as const]);
const stale = (isCheck ? staleFiles(folder, wanted) : writeFiles(folder, wanted)).map((name) => `schema/${name}`);
const text = readFileSync(readme, 'utf8');
const fresh = withReference(text, kinds);
if (fresh !== text) {
  stale.push('README.md');
  if (!isCheck) writeFileSync(readme, fresh);
}
if (isCheck && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}\n  fix: npm run schema`);
  process.exitCode = 1;
} else console.log(isCheck ? `${wanted.size} schema files and README.md are up to date` : `${stale.length} written: ${stale.join(', ') || 'nothing was stale'}`);

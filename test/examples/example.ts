// In: a folder of examples/. Out: what is in it, and the simulated cluster on which it starts, as `latido lab` makes it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { shapeOf } from '../../controller/cli/lab-shape.ts';
import { machineSecrets } from '../../controller/env/secret-files.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Parsed } from '../../controller/manifests/parse.ts';
import { declaredVersion } from '../../controller/manifests/validate.ts';
import { applyRound, planRound } from '../../controller/reconcile.ts';
import type { Round } from '../../controller/reconcile.ts';
import type { ApplyResult } from '../../controller/model/progress.ts';
import { createVault } from '../../controller/secrets/vault.ts';
import { labCluster } from '../../controller/sim/lab.ts';
import { parseLive } from '../../controller/sim/live-file.ts';
import { play } from '../../controller/sim/script.ts';
import type { StoryStep } from '../../controller/sim/script.ts';
import { parseStory } from '../../controller/sim/script-parse.ts';
import { warmSecrets } from '../harness/warm-secrets.ts';
import { kindsFor, World } from '../harness/world.ts';

export const EXAMPLES = new URL('../../examples', import.meta.url).pathname;

export interface Example {
  readonly name: string;
  readonly folder: string;
  readonly version: string;
  readonly manifests: Parsed;
  /** The commit before, which was applied already. */
  readonly before: Parsed | undefined;
  /** What happens to the cluster after that. */
  readonly story: readonly StoryStep[];
}

/** Files for the hosts of repositories and for monitoring, and no cluster. */
const NO_CLUSTER = new Set(['ci', 'monitoring']);

export function exampleNames(): readonly string[] {
  return readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !NO_CLUSTER.has(entry.name)).map((entry) => entry.name).sort();
}

export function readExample(name: string): Example {
  const folder = join(EXAMPLES, name);
  const manifests = parseFiles(filesBelow(join(folder, 'clusters')));
  const before = join(folder, 'before');
  return { name, folder, version: declaredVersion(manifests) ?? '9.2', manifests, before: existsSync(before) ? parseFiles(filesBelow(before)) : undefined, story: storyOf(join(folder, 'story.yaml')) };
}

function storyOf(file: string): readonly StoryStep[] {
  const { steps, findings } = existsSync(file) ? parseStory(parse(readFileSync(file, 'utf8'))) : { steps: [], findings: [] };
  if (findings[0]) throw new Error(`${file}: ${findings[0].fact}`);
  return steps;
}

/** Until a minute after its last deed. */
export async function happen({ sim }: World, story: readonly StoryStep[]): Promise<void> {
  if (story.length === 0) return;
  play(sim, story);
  await sim.clock.advance(60_000 + 1_000 * Math.max(...story.map(({ when }) => ('at' in when ? when.at : 0))));
}

function filesBelow(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml')).sort()
    .map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }));
}

/** The cluster of live.yaml, or the least one on which the manifests can be applied. */
export function worldOf({ folder, version, manifests, before }: Example): World {
  const live = join(folder, 'live.yaml');
  const cluster = existsSync(live) ? parseLive(readFileSync(live, 'utf8'), live) : labCluster(shapeOf(before ?? manifests, 3), 0);
  const key = join(folder, 'public-test-key.txt');
  if (!existsSync(key)) return new World(cluster, { version });
  // A key that is in the repository for everybody: of an example, never of a cluster.
  const machine = machineSecrets({ config: {}, environment: { SOPS_AGE_KEY: readFileSync(key, 'utf8') } });
  return new World(cluster, { version, secrets: createVault({ machine, random: () => 0.5 }) });
}

/** As a person without Git sees it. */
const REVISION = 'dir';
/** What the cluster tells of its guests is up to ten seconds old. */
const TOLD_MS = 30_000;

export async function planOf(world: World, parsed: Parsed, approved?: string): Promise<Round> {
  await warmSecrets(world.env.secrets, parsed);
  await world.sim.clock.advance(TOLD_MS);
  return world.run(planRound(world.env, { parsed, revision: REVISION }, kindsFor, approved));
}

export function doPlan(world: World, round: Round): Promise<ApplyResult> {
  return world.run(applyRound(world.env, round));
}

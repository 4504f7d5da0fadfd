// The demo's own apply: killed just before and just after each of its calls of the API, every one, and started again.
// Around commands on nodes it is killed in drbd-kills.test.ts, around writes of our own files in kills-journal.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machinesAdded, moved } from '../../controller/cli/demo-commits.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { DEMO_CLUSTER } from '../../controller/sim/demo-cluster.ts';
import { killedAt, named, unharmed } from '../harness/kills.ts';
import type { Ending, KillStory } from '../harness/kills.ts';
import { played } from '../harness/mortal.ts';
import { World } from '../harness/world.ts';

const FOLDER = new URL('../../clusters/unq-lab/', import.meta.url).pathname;
/** Real time, for machines that do much else. */
const PATIENCE_MS = 600_000;

const MANIFESTS = Object.fromEntries(readdirSync(FOLDER).filter((name) => name.endsWith('.yaml')).sort().map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
/** What the tour has pushed when its daemon is killed: the cluster, the move, the machines. */
const PUSHED = { ...MANIFESTS, ...moved(MANIFESTS), ...machinesAdded() };

const demo: KillStory = {
  world: () => new World(DEMO_CLUSTER),
  commit: { parsed: parseFiles(Object.entries(PUSHED).map(([path, text]) => ({ path, text }))), revision: 'main@sha1:0000000' },
};

/** The container may be on either node, and where it goes depends on what is there already when it is made. */
function eitherNode(ending: Ending): unknown {
  return JSON.parse(JSON.stringify(ending, (key, value: unknown) => (key === '200' && typeof value === 'object' && value !== null ? { ...value, node: 'either' } : value)));
}

test('killed around each effect of the demo, it ends in the same cluster', async () => {
  const { cluster, remembered, effects, points } = await unharmed(demo);
  expect(Object.keys(cluster.guests)).toHaveLength(27);
  expect(cluster.orphans).toEqual([]);
  expect(effects.filter(({ via }) => via === 'api').length).toBeGreaterThanOrEqual(46);
  for (const point of played(points.filter(({ effect }) => effects[effect]?.via === 'api'))) expect(eitherNode(await killedAt(demo, point)), named(point, effects)).toEqual(eitherNode({ cluster, remembered }));
}, PATIENCE_MS);

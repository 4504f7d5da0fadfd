// The controller dies just before and just after each write to the cluster, and another one starts on its files: the
// cluster ends as if nobody had died. Every write, not a sample, unless one is asked for.
import { expect, test } from 'vitest';
import { killedAt, named, unharmed } from '../harness/kills.ts';
import { played } from '../harness/mortal.ts';
import { killStory } from './kill-story.ts';

/** Real time, for machines that do much else. */
const PATIENCE_MS = 600_000;

test.each(['9.2', '8.4'])('killed around each write to a cluster of version %s, it ends in the same cluster', async (version) => {
  const story = killStory(version);
  const { cluster, remembered, effects, points } = await unharmed(story);
  const writes = points.filter(({ effect }) => effects[effect]?.via === 'api');
  expect(cluster.orphans).toEqual([]);
  expect(writes.length).toBeGreaterThan(60);
  for (const point of played(writes)) expect(await killedAt(story, point), named(point, effects)).toEqual({ cluster, remembered });
}, PATIENCE_MS);

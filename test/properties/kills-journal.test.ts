// The controller dies before each line of its journal, in the middle of it, and before each file it writes; another one
// starts on what is there: the cluster ends as if nobody had died. Every line, not a sample, unless one is asked for.
import { expect, test } from 'vitest';
import { killedAt, named, unharmed } from '../harness/kills.ts';
import { played } from '../harness/mortal.ts';
import { killStory } from './kill-story.ts';

/** Real time, for machines that do much else. */
const PATIENCE_MS = 600_000;

test('killed around each line of the journal, it ends in the same cluster', async () => {
  const story = killStory('9.2');
  const { cluster, remembered, effects, points } = await unharmed(story);
  const lines = points.filter(({ effect }) => effects[effect]?.via !== 'api');
  expect(lines.length).toBeGreaterThan(180);
  for (const point of played(lines)) expect(await killedAt(story, point), named(point, effects)).toEqual({ cluster, remembered });
}, PATIENCE_MS);

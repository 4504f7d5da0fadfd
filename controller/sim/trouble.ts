// In: a seed and the names of the nodes. Out: a story of trouble for a rehearsal, and one sentence that tells it.
// Must never be more than a cluster survives: what is broken is mended again, so that latido has to get there.
import { seededRandom } from './random.ts';
import type { StoryStep } from './script.ts';

export type Trouble = 'none' | 'network' | 'power';
export interface Told { readonly text: string; readonly steps: readonly StoryStep[] }

export function troubleOf(trouble: Trouble, seed: number, nodes: readonly string[]): Told {
  const random = seededRandom(seed);
  const upTo = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const node = nodes[upTo(0, nodes.length - 1)] ?? '';
  switch (trouble) {
    case 'none': return { text: 'none', steps: [] };
    case 'network': return network(upTo, node);
    case 'power': return power(upTo, node);
    default: return trouble satisfies never;
  }
}

type Between = (from: number, to: number) => number;

function network(upTo: Between, node: string): Told {
  const lost = upTo(1, 3);
  const refused = upTo(1, 4);
  return {
    text: `${lost} ${lost === 1 ? 'answer is' : 'answers are'} lost, ${node} refuses ${refused} ${refused === 1 ? 'connection' : 'connections'}, one answer is 20 s late`,
    steps: [
      { when: { after: { request: 'POST *' }, nth: upTo(1, 6), inSeconds: 0 }, deed: { do: 'answer-lost', match: { request: 'POST *' }, times: lost } },
      { when: { after: { request: 'PUT *' }, nth: upTo(1, 4), inSeconds: 0 }, deed: { do: 'answer-late', seconds: 20, match: { request: 'PUT *' }, times: 1 } },
      { when: { at: upTo(1, 20) }, deed: { do: 'refuse', match: { node }, times: refused } },
    ],
  };
}

function power(upTo: Between, node: string): Told {
  const off = upTo(2, 60);
  const minutes = upTo(3, 8);
  return {
    text: `${node} loses its power after ${off} s, for ${minutes} min`,
    steps: [{ when: { at: off }, deed: { do: 'node-off', node } }, { when: { at: off + minutes * 60 }, deed: { do: 'node-on', node } }],
  };
}

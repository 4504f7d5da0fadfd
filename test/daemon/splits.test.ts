// A split brain is told once, and its end when both sides say so.
import { expect, test } from 'vitest';
import { afterSplits } from '../../controller/daemon/splits.ts';
import type { Generation, NodeStorageFact } from '../../controller/model/node-facts.ts';
import { learn } from '../../controller/notify/notice.ts';
import type { Problems } from '../../controller/notify/notice.ts';
import type { Records } from '../../controller/status/record.ts';

const REF = { kind: 'DrbdResource', name: 'r0' };
const [BASE, LEFT, RIGHT, LATER] = ['A0', 'B0', 'C0', 'D0'].map((text) => text.padEnd(16, '0')) as [string, string, string, string];
const history: readonly string[] = [];
const apart = (current: string): Partial<Generation> => ({ current, bitmap: BASE, history });
const same: Partial<Generation> = { current: LATER, bitmap: '0000000000000000', history };

function nodes(sides: Readonly<Record<string, Partial<Generation> | undefined>>) {
  const facts = Object.entries(sides).flatMap(([node, side]) => (side ? [[node, { replicas: new Map([['r0', { generations: [side] }]]) } as unknown as NodeStorageFact] as const] : []));
  return { storageNodes: new Map(facts) };
}

function story() {
  let records: Records = new Map();
  let problems: Problems = new Map();
  return (sides: Parameters<typeof nodes>[0]) => {
    const { events, records: next } = afterSplits([REF], nodes(sides), records, 5);
    records = next;
    const learnt = learn(problems, events.map((event, index) => ({ v: 1, seq: index, at: 5, ...event })), undefined, 5);
    problems = learnt.problems;
    return [events.map(({ type, isOver }) => `${type}${isOver ? ' is over' : ''}`), learnt.notices.map(({ occasion }) => occasion)];
  };
}

test('it is told once, and its end only when both sides tell', () => {
  const look = story();
  expect(look({ a: same, b: same })).toEqual([[], []]);
  expect(look({ a: apart(LEFT), b: apart(RIGHT) })).toEqual([['split-brain'], ['split-brain']]);
  expect(look({ a: apart(LEFT), b: apart(RIGHT) })).toEqual([[], []]);
  expect(look({ a: apart(LEFT), b: undefined })).toEqual([[], []]);
  expect(look({ a: same, b: same })).toEqual([['split-brain is over'], ['recovery']]);
  expect(look({ a: same, b: same })).toEqual([[], []]);
});

test('another event is another story', () => {
  const look = story();
  look({ a: apart(LEFT), b: apart(RIGHT) });
  expect(look({ a: apart(LEFT), b: apart(LATER) })[0]).toEqual(['split-brain']);
});

test('a resource that is no object is not told of', () => {
  expect(afterSplits([], nodes({ a: apart(LEFT), b: apart(RIGHT) }), new Map(), 5).events).toEqual([]);
});

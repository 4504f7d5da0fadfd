// Nobody or two with the cluster's address is told once, and its end; whoever cannot look says nothing.
import { expect, test } from 'vitest';
import { afterStandings } from '../../controller/daemon/standings.ts';
import { learn } from '../../controller/notify/notice.ts';
import type { Problems } from '../../controller/notify/notice.ts';
import type { Records } from '../../controller/status/record.ts';

const ADDRESS = { kind: 'VirtualIP', name: 'cluster' };

function story(ref = ADDRESS) {
  let records: Records = new Map();
  let problems: Problems = new Map();
  return (trouble: string | undefined | 'unknown') => {
    const standings = trouble === 'unknown' ? [] : [{ ref, message: 'pve1 …', ...(trouble === undefined ? {} : { trouble }) }];
    const { events, records: next } = afterStandings({ standings }, records, 5);
    records = next;
    const learnt = learn(problems, events.map((event, index) => ({ v: 1, seq: index, at: 5, ...event })), undefined, 5);
    problems = learnt.problems;
    return [...events.map(({ type, isOver }) => `${type}${isOver ? ' is over' : ''}`), ...learnt.notices.map(({ occasion }) => occasion)];
  };
}

test('told once, and its end', () => {
  const look = story();
  expect(look(undefined)).toEqual([]);
  expect(look('TwoHolders')).toEqual(['virtual-ip', 'failure']);
  expect(look('TwoHolders')).toEqual([]);
  expect(look('unknown')).toEqual([]);
  expect(look(undefined)).toEqual(['virtual-ip is over', 'recovery']);
  expect(look(undefined)).toEqual([]);
});

test('from two to nobody is news', () => {
  const look = story();
  look('TwoHolders');
  expect(look('NoHolder')[0]).toBe('virtual-ip');
});

test('copies that differ are a trouble of their own, over only when all tell that they are equal', () => {
  const look = story({ kind: 'DrbdResource', name: 'r0' });
  expect(look('CopiesDiffer')).toEqual(['copies-differ', 'failure']);
  expect(look('CopiesDiffer')).toEqual([]);
  expect(look('unknown')).toEqual([]);
  expect(look(undefined)).toEqual(['copies-differ is over', 'recovery']);
});

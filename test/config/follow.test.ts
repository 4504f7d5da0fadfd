// The address to follow, as it has to be written to be compared with what the kernel says.
import { expect, test } from 'vitest';
import { readConfig } from '../../controller/config/read.ts';
import { Failure } from '../../controller/model/finding.ts';

const follow = (words: string) => readConfig(`cluster: a\nsource: { directory: /x }\nfollow: ${words}\n`, 'config.yaml').follow;

test.each([['{ address: 10.0.0.50 }', { address: '10.0.0.50' }], ['{ address: "2001:db8::50", patienceSeconds: 120 }', { address: '2001:db8::50', patienceSeconds: 120 }]])('%s is taken', (words, expected) => {
  expect(follow(words)).toEqual(expected);
});

test.each([
  ['{ address: 10.0.0.50/24 }', 'follow.address'], ['{ address: VirtualIP/main }', 'follow.address'], ['{ address: 10.0.0.500 }', '10.0.0.500 is no address'], ['{ address: "2001:DB8:0::50" }', 'the nodes write 2001:DB8:0::50 as 2001:db8::50'],
  ['{ address: 10.0.0.50, patienceSeconds: 5 }', 'the least is 30'], ['10.0.0.50', 'follow'], ['{}', 'address'],
])('%s is a mistake at its place', (words, fact) => {
  let caught: unknown;
  try {
    follow(words);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(Failure);
  const [finding] = (caught as Failure).findings;
  expect(`${finding?.place?.line} ${finding?.fact} ${finding?.fix}`).toMatch(/^3 /);
  expect(finding?.fact).toContain(fact);
});

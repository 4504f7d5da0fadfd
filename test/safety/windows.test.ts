// Maintenance windows: wall-clock openings in their own time zone, over the two days of a year on which the clock changes.
import { describe, expect, test } from 'vitest';
import type { Window } from '../../controller/model/desired.ts';
import { insideWindow, nextOpening } from '../../controller/safety/windows.ts';
import { commitOf, kindsFor, World } from '../harness/world.ts';
import { validate } from '../../controller/manifests/validate.ts';

const MADRID = { timezone: 'Europe/Madrid' } as const;
const at = (text: string) => Date.parse(text);

describe('a window', () => {
  const saturday: Window = { schedule: '0 2 * * 6', hours: 4, ...MADRID };
  const nightly: Window = { start: '02:30', hours: 2, ...MADRID };
  test.each<[string, Window, string, boolean]>([
    ['opens at its minute, winter', saturday, '2026-11-21T01:00:00Z', true],
    ['is closed a millisecond before', saturday, '2026-11-21T00:59:59.999Z', false],
    ['is open to its last millisecond', saturday, '2026-11-21T04:59:59.999Z', true],
    ['is closed at its end', saturday, '2026-11-21T05:00:00Z', false],
    ['opens at its minute, summer', saturday, '2026-07-04T00:00:00Z', true],
    ['is closed an hour before, summer', saturday, '2026-07-03T23:59:59Z', false],
    ['whose time does not exist in spring opens when the clock is past it', nightly, '2026-03-29T01:00:00Z', true],
    ['which does, not before', nightly, '2026-03-29T00:59:59Z', false],
    ['and stays open for its hours', nightly, '2026-03-29T02:59:59Z', true],
    ['whose time comes twice in autumn opens at the first', nightly, '2026-10-25T00:30:00Z', true],
    ['and stays open for its hours of real time', nightly, '2026-10-25T02:29:59Z', true],
    ['and no longer, though the clock says 03:30', nightly, '2026-10-25T02:30:00Z', false],
    ['of the first Saturday is closed on the second', { schedule: '0 2 * * 6#1', hours: 4, ...MADRID }, '2026-11-14T02:00:00Z', false],
    ['of the first Saturday is open on the first', { schedule: '0 2 * * 6#1', hours: 4, ...MADRID }, '2026-11-07T02:00:00Z', true],
    ['of a whole week never closes', { start: '00:00', days: ['mon'], hours: 168 }, '2026-11-22T23:59:59Z', true],
  ])('%s', (_, window, moment, isOpen) => expect(insideWindow([window], at(moment))).toBe(isOpen));

  test.each<[string, readonly Window[], string, string | undefined]>([
    ['next Saturday', [saturday], '2026-11-22T12:00:00Z', '2026-11-28T01:00:00.000Z'],
    ['the earliest of several', [saturday, { start: '22:00', hours: 1 }], '2026-11-22T12:00:00Z', '2026-11-22T22:00:00.000Z'],
    ['never, for a day that is in no month', [{ schedule: '0 2 31 2 *', hours: 1 }], '2026-11-22T12:00:00Z', undefined],
  ])('opens next: %s', (_, windows, moment, opening) => expect(nextOpening(windows, at(moment))).toBe(opening === undefined ? undefined : at(opening)));
});

const cluster = (policy: string) => `apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: lab }\nspec:\n  endpoints: ["https://pve1:8006", "https://pve2:8006"]\n  policy: ${policy}\n---\napiVersion: latido/v1\nkind: VirtualMachine\nmetadata: { name: web }\nspec: { vmid: 101, config: { memory: 512 } }\n`;

test.each([
  ['no cron', '{ apply: window, windows: [{ schedule: "0 2 * 6", hours: 1 }] }', '"0 2 * 6" is not a schedule of cron'],
  ['an hour that no day has', '{ apply: window, windows: [{ schedule: "0 25 * * 6", hours: 1 }] }', '"0 25 * * 6" is not a schedule of cron'],
  ['both', '{ apply: window, windows: [{ schedule: "0 2 * * 6", start: "02:00", hours: 1 }] }', 'schedule says when the window opens, and so does start'],
  ['neither', '{ apply: window, windows: [{ hours: 1 }] }', 'the window never opens'],
  ['no zone', '{ apply: window, windows: [{ schedule: "0 2 * * 6", hours: 1, timezone: Mars/Base }] }', '"Mars/Base" is not a time zone'],
  ['no windows', '{ apply: window }', 'apply is "window", and there are no windows'],
])('%s is a finding with its place', (_, policy, fact) => {
  const { findings } = validate(commitOf(cluster(policy)).parsed, 'dir', kindsFor('9.2').kinds);
  expect(findings.map((finding) => [finding.code, finding.fact, finding.place?.line])).toEqual([['POLICY_INVALID', fact, 6]]);
});

describe('policy.apply: window', () => {
  // The simulated world begins on Sunday, 22 November 2026, at noon.
  test('outside of it everything is held, and says until when; an approval lifts it', async () => {
    const yaml = cluster('{ apply: window, windows: [{ schedule: "0 2 * * 6", hours: 4, timezone: Europe/Madrid }] }');
    const world = new World();
    const { plan } = await world.round(yaml);
    expect(plan.changes.map(({ hold }) => hold)).toEqual([{ code: 'WINDOW', reason: 'no window of the policy is open; the next one opens at 2026-11-28T01:00:00.000Z', approvable: true }]);
    await world.apply(yaml);
    expect(world.sim.state.guests[101]).toBeUndefined();
    expect((await world.round(yaml, world.env, plan.fingerprint)).plan.counts.held).toBe(0);
  });

  test('within it everything is done', async () => {
    const world = new World();
    await world.apply(cluster('{ apply: window, windows: [{ schedule: "30 11 * * *", hours: 1 }] }'));
    expect(world.guest(101).config.memory).toBe('512');
  });
});

// When copies are due, on whose clock; and what of a schedule cannot be meant.
import { describe, expect, test } from 'vitest';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { validate } from '../../controller/manifests/validate.ts';
import { lastTime, nextTime, shortestGapMs } from '../../controller/kinds/drbd/verify-schedule.ts';
import { kindsOf } from './scene.ts';

const at = (text: string) => Date.parse(text);
const told = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

describe('the last time', () => {
  test.each([
    ['0 3 * * 0', undefined, '2026-11-22T03:00:00Z', '2026-11-22T03:00:00.000Z'],
    ['0 3 * * 0', undefined, '2026-11-22T02:59:59Z', '2026-11-15T03:00:00.000Z'],
    ['0 3 * * 0', undefined, '2026-11-28T23:00:00Z', '2026-11-22T03:00:00.000Z'],
    ['0 3 * * 0', 'Europe/Madrid', '2026-11-22T02:00:00Z', '2026-11-22T02:00:00.000Z'],
    ['0 3 * * 0', 'Asia/Tokyo', '2026-11-22T03:00:00Z', '2026-11-21T18:00:00.000Z'],
    ['30 4 1 * *', undefined, '2026-11-22T03:00:00Z', '2026-11-01T04:30:00.000Z'],
    // Clocks went back in the night to 2026-10-25: three o'clock came once.
    ['0 3 * * *', 'Europe/Madrid', '2026-10-25T12:00:00Z', '2026-10-25T02:00:00.000Z'],
    // And forward in the night to 2026-03-29: half past two did not come, and was made up for at three.
    ['30 2 * * *', 'Europe/Madrid', '2026-03-29T12:00:00Z', '2026-03-29T01:00:00.000Z'],
  ] as const)('%s %s, seen %s', (schedule, timezone, now, last) => {
    expect(told(lastTime({ schedule, ...(timezone === undefined ? {} : { timezone }) }, at(now)))).toBe(last);
  });
  test('each night has one, wherever clocks change', () => {
    const schedule = { schedule: '30 2 * * *', timezone: 'Europe/Madrid' };
    const seen = new Set(Array.from({ length: 364 * 24 }, (_, hour) => lastTime(schedule, at('2026-01-01T12:00:00Z') + hour * 3_600_000)));
    expect([seen.size, told(nextTime(schedule, at('2026-11-22T12:00:00Z')))]).toEqual([365, '2026-11-23T01:30:00.000Z']);
  });
});

test.each([['0 3 * * 0', 7 * 24 * 60], ['0 */2 * * *', 120], ['*/10 * * * *', 10], ['0 0 31 2 *', undefined], ['0,5 3 * * 0', 5]])('between two of %s lie %s minutes', (schedule, minutes) => {
  expect(shortestGapMs(schedule)).toBe(minutes === undefined ? undefined : minutes * 60_000);
});

const manifest = (verify: string) => `apiVersion: latido/v1
kind: Cluster
metadata: { name: test }
spec: { endpoints: [https://pve1:8006] }
---
apiVersion: latido/v1
kind: DrbdResource
metadata: { name: r0 }
spec:
  size: 1G
  nodes: { pve1: { address: "10.0.0.1:7788", volumeGroup: pve }, pve2: { address: "10.0.0.2:7788", volumeGroup: pve } }
  verify: ${verify}
`;
const findings = (verify: string) => validate(parseFiles([{ path: 'all.yaml', text: manifest(verify) }]), 'dir', kindsOf('9.2')).findings.map(({ code, severity, fact, place }) => `${severity} ${code} ${place?.line}: ${fact}`);

describe('what is found in a manifest', () => {
  test.each([
    ['{ algorithm: sha1, schedule: "0 3 * * 0", timezone: Europe/Madrid, repair: true }', []],
    ['{ algorithm: sha1, schedule: "each Sunday" }', ['error OPTION_INVALID 12: "each Sunday" is not a schedule of cron']],
    ['{ algorithm: sha1, schedule: "0 0 3 * * 0" }', ['error OPTION_INVALID 12: "0 0 3 * * 0" is not a schedule of cron']],
    ['{ algorithm: sha1, schedule: "0 0 31 2 *" }', ['error OPTION_INVALID 12: "0 0 31 2 *" never comes']],
    ['{ algorithm: sha1, schedule: "*/10 * * * *" }', ['warning OPTION_INVALID 12: the copies would be compared every 10 minutes, and each time all of their disks is read']],
    ['{ algorithm: sha1, schedule: "0 3 * * 0", timezone: Mars/Olympus }', ['error OPTION_INVALID 12: "Mars/Olympus" is not a time zone']],
    ['{ algorithm: sha1, timezone: UTC }', ['warning OPTION_INVALID 12: it has no effect without a schedule']],
  ])('%s', (verify, expected) => expect(findings(verify)).toEqual(expected));
  test('a schedule without a checksum cannot be written', () => expect(findings('{ schedule: "0 3 * * 0" }')).toEqual([expect.stringContaining('algorithm')]));
});

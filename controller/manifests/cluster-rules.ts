// In: a Desired whose every object fits its schema. Out: what contradicts itself across the whole cluster.
// Must never ask the live cluster: `latido validate` works without one.
import { Cron } from 'croner';
import { DRIFT_ANNOTATION, DRIFT_POLICIES, policyOf } from '../model/desired.ts';
import type { Desired, DesiredObject, Policy, Window } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { GUEST_KINDS } from './duplicates.ts';

export function clusterFindings(desired: Desired): readonly Finding[] {
  const policy = policyOf(desired.cluster.spec);
  return [...windowFindings(desired, policy), ...vmidFindings(desired, policy), ...driftFindings(desired), ...thirdVote(desired)];
}

function windowFindings({ cluster }: Desired, policy: Policy): readonly Finding[] {
  const about = reporter(cluster);
  const { windows, restart, apply } = policy;
  return [
    ...(restart === 'window' && windows.length === 0 ? [about('/spec/policy/restart', 'restart is "window", and there are no windows', 'add policy.windows, or write restart: never or now')] : []),
    ...(apply === 'window' && windows.length === 0 ? [about('/spec/policy/apply', 'apply is "window", and there are no windows', 'add policy.windows, or write apply: always')] : []),
    ...(restart !== 'window' && apply !== 'window' && windows.length > 0 ? [{ ...about('/spec/policy/windows', `windows have no effect while restart is "${restart}"`, 'write restart: window'), severity: 'warning' as const }] : []),
    ...windows.flatMap((window, i) => [
      ...openingFindings(window, `/spec/policy/windows/${i}`, about),
      ...(window.hours > 0 && window.hours <= HOURS_OF_A_WEEK ? [] : [about(`/spec/policy/windows/${i}/hours`, `a window of ${window.hours} hours is not possible`, `write more than 0 and at most ${HOURS_OF_A_WEEK}`)]),
      ...(window.timezone === undefined || isTimeZone(window.timezone) ? [] : [about(`/spec/policy/windows/${i}/timezone`, `"${window.timezone}" is not a time zone`, 'write a name of the IANA list, such as Europe/Madrid or UTC')]),
    ]),
  ];
}

/** Either a time of day, or a schedule of cron; not both, and not neither. */
function openingFindings({ start, schedule, days }: Window, at: string, about: ReturnType<typeof reporter>): readonly Finding[] {
  if (schedule === undefined) {
    if (start === undefined) return [about(at, 'the window never opens', 'write start: "02:00", or schedule: "0 2 * * 6"')];
    return /^([01]\d|2[0-3]):[0-5]\d$/.test(start) ? [] : [about(`${at}/start`, `"${start}" is not a time of day`, 'write hours and minutes: "02:00"')];
  }
  if (start !== undefined || days !== undefined) return [about(`${at}/schedule`, `schedule says when the window opens, and so ${start === undefined ? 'do days' : 'does start'}`, 'leave one of them out')];
  return isCron(schedule) ? [] : [about(`${at}/schedule`, `"${schedule}" is not a schedule of cron`, 'write minute, hour, day, month and weekday: "0 2 * * 6" is each Saturday at 02:00')];
}

function isCron(schedule: string): boolean {
  if (schedule.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(schedule, { paused: true }).getPattern() !== undefined;
  } catch {
    return false;
  }
}

const HOURS_OF_A_WEEK = 168;

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function driftFindings({ objects }: Desired): readonly Finding[] {
  return objects.flatMap((object) => {
    const written = object.annotations[DRIFT_ANNOTATION];
    if (written === undefined || DRIFT_POLICIES.some((each) => each === written)) return [];
    return [reporter(object)('/metadata/annotations', `the annotation ${DRIFT_ANNOTATION} is "${written}"`, `write ${DRIFT_POLICIES.join(', ')}`)];
  });
}

function vmidFindings({ cluster, objects }: Desired, { vmids }: Policy): readonly Finding[] {
  if (vmids.from > vmids.to) return [reporter(cluster)('/spec/policy/vmids', `vmids start at ${vmids.from} and end at ${vmids.to}`, 'write the smaller number as from')];
  return guests(objects).flatMap(({ guest, spec }) => {
    const vmid = spec['vmid'];
    if (typeof vmid !== 'number' || (vmid >= vmids.from && vmid <= vmids.to)) return [];
    return [reporter(guest)('/spec/vmid', `the VMID ${vmid} is outside of ${vmids.from} to ${vmids.to}, which the cluster's policy allows`, 'choose a VMID in that range, or widen policy.vmids of the Cluster')];
  });
}

/** With two nodes, the one that is left when the other fails has half the votes, and HA starts nothing. */
function thirdVote({ cluster, objects }: Desired): readonly Finding[] {
  const nodes = objects.filter(({ ref }) => ref.kind === 'Node').length;
  const ha = guests(objects).filter(({ spec }) => isObject(spec['ha']) && spec['ha']['state'] !== 'ignored').length;
  if (nodes !== 2 || ha === 0 || cluster.spec.qdevice === true) return [];
  return [{
    code: 'HA_WITHOUT_THIRD_VOTE', severity: 'warning', ref: cluster.ref, place: cluster.place('/spec/qdevice'),
    fact: `${ha} ${ha === 1 ? 'guest uses' : 'guests use'} HA on two nodes: when one fails, the other has no quorum and starts nothing`,
    fix: 'set up a QDevice on a third machine (pvecm qdevice setup) and write qdevice: true',
  }];
}

function guests(objects: readonly DesiredObject[]): readonly { readonly guest: DesiredObject; readonly spec: { readonly [key: string]: unknown } }[] {
  return objects.flatMap((guest) => (GUEST_KINDS.includes(guest.ref.kind) && isObject(guest.spec) ? [{ guest, spec: guest.spec }] : []));
}

function reporter(object: DesiredObject): (pointer: string, fact: string, fix: string) => Finding {
  return (pointer, fact, fix) => ({ code: 'POLICY_INVALID', severity: 'error', ref: object.ref, place: object.place(pointer), fact, fix });
}

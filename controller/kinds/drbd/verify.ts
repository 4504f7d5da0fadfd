// In: a resource at work or at rest, and the moment. Out: the same work with the comparison of its copies: begun when it is due, noted
// when it has ended; and left alone while one runs, whoever began it. Pure. What was done stands on the nodes, so that another
// daemon, after whatever kill, sees the same.
// Must never begin where copies are not good and connected, nor twice for one time.
import { BEGIN_VERIFY, END_VERIFY, script } from '../../drbd/scripts.ts';
import { objectsOf } from '../../model/desired.ts';
import { compareText } from '../../model/ref.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { notConnected, notUpToDate, split } from '../../safety/drbd.ts';
import { command, withHold } from './commands.ts';
import { resyncText } from '../../safety/resync.ts';
import { diskful, nodesOf, sceneOf } from './scene.ts';
import type { Scene, Work } from './scene.ts';
import type { DrbdSpec } from './schema.ts';
import { repairWork } from './verify-repair.ts';
import { lastTime } from './verify-schedule.ts';
import { amount, comparedText, comparing, differencesOf, differencesText, foundOf, lastVerify, minute } from './verify-text.ts';

const NOTHING: Work = { fields: [], steps: [], notes: [] };

/** @param work of the resource itself, which goes first */
export function withVerify(scene: Scene, work: Work): Work {
  const running = comparing(scene.copies);
  if (running !== undefined) return leftAlone(work, `its copies are being compared, ${running}`);
  const notes = [...work.notes, ...notesOf(scene)];
  if (work.steps.some(({ hold }) => hold === undefined)) return { ...work, notes };
  const own = [ending(scene), repairWork(scene), beginning(scene)].find(({ steps }) => steps.length > 0) ?? NOTHING;
  // What is held anyway would keep waiting what comes after it.
  return { fields: [...work.fields, ...own.fields], steps: [...own.steps, ...work.steps], notes: [...notes, ...own.notes] };
}

/** DRBD refuses some of what would be done meanwhile, and ends the comparison for the rest. */
function leftAlone(work: Work, why: string): Work {
  return { ...work, steps: withHold(work.steps, { code: 'BUSY', reason: `${why}: nothing of it is changed until that ends`, approvable: false }), notes: [...work.notes, why] };
}

function notesOf(scene: Scene): readonly string[] {
  const { spec, copies } = scene;
  if (spec.verify === undefined) return [];
  const differences = differencesOf(copies);
  const blind = spec.verify.schedule === undefined ? undefined : diskful(copies).find(({ fact, file }) => file?.options.has('net.verify-alg') === true && fact.verifies === undefined);
  const compared = comparedText(scene);
  return [
    ...(blind ? [`${blind.node} does not tell when its copies were compared last: until then nothing is compared`] : []),
    ...(differences.length > 0 ? [`${differencesText(differences)}${compared === undefined ? '' : ` (${compared})`}${spec.verify.repair ? '' : '; repair: true copies that from the node where it is in use'}`] : []),
  ];
}

/** It came to its end, and nobody noted yet what it found. */
function ending(scene: Scene): Work {
  const last = lastVerify(scene);
  if (!last || last.fact.endedMs !== undefined || last.fact.found === undefined) return NOTHING;
  const found = foundOf(scene, last);
  const bytes = Math.max(0, ...found.map(([, each]) => each));
  const argv = script(END_VERIFY, scene.name, seconds(last.fact.dueMs), ...found.map(([peer, each]) => `${peer} ${each}`));
  return {
    fields: [{ path: 'verify.found', from: undefined, to: `${amount(bytes)} differ`, effect: 'live', isScheduled: true }],
    steps: [command(last.node, `note what the comparison of ${minute(last.fact.begunMs)} found`, argv)], notes: [],
  };
}

interface Due { readonly dueMs: number; readonly node: string; /** It was broken off. */ readonly isRest: boolean }

/** Until when it should have been compared and was not. What was missed is made up for, once. */
function dueOf({ name, spec, copies, facts }: Scene): Due | undefined {
  const data = diskful(copies);
  const { schedule, timezone } = spec.verify ?? {};
  if (schedule === undefined || data.some(({ fact }) => fact.verifies === undefined)) return undefined;
  const dueMs = lastTime({ schedule, ...(timezone === undefined ? {} : { timezone }) }, facts.observedAt);
  const [first] = nodesOf(data);
  if (dueMs === undefined || first === undefined) return undefined;
  const last = lastVerify({ name, copies });
  if (last === undefined || last.fact.dueMs < dueMs) return { dueMs, node: first, isRest: false };
  return last.fact.found === undefined ? { dueMs: last.fact.dueMs, node: last.node, isRest: true } : undefined;
}

function beginning(scene: Scene): Work {
  const due = dueOf(scene);
  if (!due) return NOTHING;
  const compared = comparedText(scene) ?? 'never compared before';
  return {
    fields: [{ path: 'verify.due', from: lastDue(scene), to: minute(due.dueMs), effect: 'live', isScheduled: true, note: due.isRest ? 'it was broken off, and goes on' : compared }],
    steps: withHold([beginStep(scene, due)], notComparable(scene) ?? notItsTurn(scene)), notes: [],
  };
}

function lastDue(scene: Scene): string | undefined {
  const last = lastVerify(scene);
  return last && minute(last.fact.dueMs);
}

/** Both sides read all of it; guests go on meanwhile. */
function beginStep({ name, major, copies }: Scene, { dueMs, node, isRest }: Due): Step {
  const data = diskful(copies);
  const nodes = nodesOf(data);
  const others = nodes.filter((other) => other !== node);
  const targets = major === 9 ? others.map((other) => `${name}:${other}/0`) : [name];
  const guards: readonly Condition[] = [
    { is: 'drbd-not-split', resource: name, nodes }, { is: 'drbd-connected', resource: name, nodes },
    ...nodes.map((each): Condition => ({ is: 'drbd-uptodate', resource: name, node: each })),
  ];
  const bytes = data.find(({ replica }) => replica?.sizeBytes !== undefined)?.replica?.sizeBytes ?? 0;
  return {
    ...command(node, `begin to compare its copies with ${others.join(' and ')} (verify)`, script(BEGIN_VERIFY, name, seconds(dueMs), isRest ? '-' : '0', ...targets), { guards }),
    cost: { note: `reads ${amount(bytes)} on each of its nodes, while guests go on` },
  };
}

function seconds(ms: number): string {
  return String(Math.round(ms / 1000));
}

function notComparable({ name, facts, copies }: Scene): Hold | undefined {
  const nodes = nodesOf(diskful(copies));
  const why = split({ resource: name, nodes }, facts) ?? notConnected({ resource: name, nodes }, facts) ?? nodes.map((node) => notUpToDate({ resource: name, node, is: 'drbd-uptodate' }, facts)).find((reason) => reason !== undefined);
  const running = resyncText(copies);
  if (running !== undefined) return { code: 'RESYNC', reason: running, approvable: false };
  return why === undefined ? undefined : { code: 'WAITS_FOR', reason: why, approvable: false };
}

/** Comparing reads whole disks: on one node one at a time. Whose turn it is passes on after so long, lest one that a person suspended keep all others waiting. */
const TURN_MS = 15 * 60_000;

function notItsTurn(scene: Scene): Hold | undefined {
  const { name, copies, facts } = scene;
  const nodes = nodesOf(diskful(copies));
  const busy = nodes.find((node) => [...facts.storageNodes?.get(node)?.replicas.values() ?? []].some((replica) => replica.resource !== name && replica.peers.some(({ replication }) => /^Verify[ST]$/.test(replication))));
  if (busy !== undefined) return { code: 'WAITS_FOR', reason: `another resource is being compared on ${busy}, and one at a time is enough for its disks`, approvable: false };
  const before = takenBefore(scene);
  return before === undefined ? undefined : { code: 'WAITS_FOR', reason: `${before} is compared first: one at a time on a node is enough for its disks`, approvable: false };
}

/** All that are due take turns in the order of their names; one that shares no node with those before it begins with them. */
function takenBefore({ name, facts, desired, mark }: Scene): string | undefined {
  const all = objectsOf(desired, 'DrbdResource').map(({ ref, spec }) => ({ ref, spec: spec as DrbdSpec })).filter(({ spec }) => spec.verify?.schedule !== undefined)
    .map(({ ref, spec }) => sceneOf(ref.name, spec, facts, desired, mark)).filter((scene) => dueOf(scene) !== undefined && notComparable(scene) === undefined)
    .sort((a, b) => compareText(a.name, b.name));
  const first = Math.floor(facts.observedAt / TURN_MS) % Math.max(1, all.length);
  const taken = new Map<string, string>();
  for (const scene of [...all.slice(first), ...all.slice(0, first)]) {
    const nodes = nodesOf(diskful(scene.copies));
    const by = nodes.map((node) => taken.get(node)).find((one) => one !== undefined);
    if (scene.name === name) return by;
    if (by === undefined) for (const node of nodes) taken.set(node, scene.name);
  }
  return undefined;
}

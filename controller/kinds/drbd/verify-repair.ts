// In: a resource whose copies were compared and differ. Out: the steps that copy what differs to the side that nobody uses; or, where
// nobody can tell which side is right, the reason why nothing is done. Pure.
// Must never let go of the connection while both are Primary (each would begin a generation of its own: a split brain), nor
// overwrite a copy that somebody uses.
// 8.4 copies marked blocks when both meet again and one is newer, which the Primary is by then (drbd_receiver.c: of two equal
// generations nothing is copied, whatever is marked). 9 does it without letting go (`--reset-bitmap=no`, since 9.0.29).
import type { Condition, Hold, Step } from '../../model/step.ts';
import { heldStep } from '../held-step.ts';
import { becomePrimary, command, lookAgain, waitConnected, waitInSync } from './commands.ts';
import { guestsOn } from './guests-on.ts';
import { physicalOn } from './on-top.ts';
import { diskful, nodesOf, rateOf } from './scene.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { amount, differencesOf } from './verify-text.ts';
import type { Difference } from './verify-text.ts';

const NOTHING: Work = { fields: [], steps: [], notes: [] };

export function repairWork(scene: Scene): Work {
  const [found] = scene.spec.verify?.repair ? differencesOf(scene.copies) : [];
  if (!found) return NOTHING;
  const sides = found.nodes.flatMap((node) => scene.copies.find((copy) => copy.node === node) ?? []);
  const rightOne = usedSide(scene, sides);
  const field = { path: 'data', from: `${amount(found.bytes)} differ between ${found.nodes.join(' and ')}`, effect: 'live', isScheduled: true } as const;
  if (typeof rightOne === 'string') return { ...NOTHING, fields: [{ ...field, to: 'equal' }], steps: [heldStep('make its copies equal again', unknown(rightOne))] };
  const wrongOne = sides.find((copy) => copy !== rightOne);
  if (!wrongOne) return NOTHING;
  const old = cannotKeepMarks(wrongOne);
  if (old !== undefined) return { ...NOTHING, fields: [{ ...field, to: `as on ${rightOne.node}` }], steps: [heldStep('make its copies equal again', unknown(`DRBD ${old} on ${wrongOne.node} cannot copy only what differs, which 9.0.29 and later can: copy all of it anew with drbdadm invalidate ${scene.name} there`))] };
  return { ...NOTHING, fields: [{ ...field, to: `as on ${rightOne.node}` }], steps: repairSteps(scene, rightOne, wrongOne, found) };
}

function unknown(reason: string): Hold {
  return { code: 'REFUSED', reason, approvable: false };
}

/** What is in use is what counts: its readers saw that side. Else why nobody knows. */
function usedSide(scene: Scene, sides: readonly Copy[]): Copy | string {
  const primaries = sides.filter(({ replica }) => replica?.role === 'Primary');
  const [only] = primaries;
  const names = nodesOf(sides).join(' and ');
  if (!only) return `it is Primary on neither ${names.replace(' and ', ' nor ')}, so that nobody can tell which copy is right: make it Primary on the node whose copy is, or copy the other anew with drbdadm invalidate ${scene.name} there`;
  if (primaries.length === 1) return only;
  const used = primaries.filter(({ node }) => guestsOn(scene, node).length > 0);
  if (used.length === 1 && used[0]) return used[0];
  const guests = used.flatMap(({ node }) => guestsOn(scene, node).map((guest) => `${guest} on ${node}`));
  return used.length === 0
    ? `it is Primary on ${names}, and no guest runs on it, so that nobody can tell which copy is right: copy the wrong one anew with drbdadm invalidate ${scene.name} on its node`
    : `guests run on both copies (${guests.join(', ')}), so that nobody can tell which one is right: shut those down that are on the wrong one`;
}

/** The version, where it is too old. */
function cannotKeepMarks({ fact: { drbdVersion = '' } }: Copy): string | undefined {
  const patch = /^9\.0\.(\d+)/.exec(drbdVersion)?.[1];
  return patch !== undefined && Number(patch) < KEEPS_MARKS_SINCE ? drbdVersion : undefined;
}

/** 9.0.29 (drbdsetup(8), invalidate). */
const KEEPS_MARKS_SINCE = 29;

function repairSteps(scene: Scene, source: Copy, target: Copy, { bytes }: Difference): readonly Step[] {
  const { name, major, spec } = scene;
  const nodes = nodesOf(diskful(scene.copies));
  const good: readonly Condition[] = [{ is: 'drbd-uptodate', resource: name, node: source.node }, { is: 'drbd-role', resource: name, node: source.node, role: 'Primary' }];
  const idle: readonly Condition[] = [...good, { is: 'drbd-role', resource: name, node: target.node, role: 'Secondary' }];
  const at = (title: string, argv: readonly string[], guards: readonly Condition[], alsoDone?: readonly number[]): Step => command(target.node, title, argv, { guards, ...(alsoDone === undefined ? {} : { alsoDone }) });
  const group = physicalOn(scene)?.group;
  const wasPrimary = target.replica?.role === 'Primary';
  const isSeen = group !== undefined && group !== '' && target.fact.groups.some((one) => one.name === group);
  return [
    ...(wasPrimary && isSeen ? [at(`let go of the volume group ${group}`, ['vgchange', '-an', group], good)] : []),
    ...(wasPrimary ? [at('make it Secondary', ['drbdadm', 'secondary', name], good)] : []),
    ...(major === 9
      ? [at(`copy what differs from ${source.node}`, ['drbdadm', 'invalidate', '--reset-bitmap=no', `${name}:${source.node}/0`], idle)]
      : [at('end its connection', ['drbdadm', 'disconnect', name], idle, ALREADY), at('connect it again: what differs is copied', ['drbdadm', 'connect', name], good, ALREADY), waitConnected(scene)]),
    waitInSync(name, nodes, bytes, rateOf(scene)),
    ...(wasPrimary && spec.dualPrimary ? [becomePrimary(target.node, name, [{ is: 'drbd-in-sync', resource: name, nodes }]), ...(spec.storage ? [lookAgain(target.node, scene)] : [])] : []),
  ];
}

/** `drbdsetup` says that there is no such connection, or that there is one already. */
const ALREADY = [10];

// In: a resource that is Primary on two nodes where its manifest allows one: DRBD refuses its options, and both sides to meet. Out: the
// steps that make the side Secondary that nobody uses; or, where that is not plain, why a person has to say which. Pure.
// Must never take the device from under anybody: the kernel refuses that as well.
import type { Condition, Hold, Step } from '../../model/step.ts';
import { sameGenerations } from './generations-seen.ts';
import { command } from './commands.ts';
import { guestsOn } from './guests-on.ts';
import { physicalOn } from './on-top.ts';
import type { Copy, Scene } from './scene.ts';
import { nodesOf } from './scene.ts';
import { groupOf } from './split.ts';

export interface Fewer { readonly steps: readonly Step[]; readonly hold: Hold | undefined }

/** @returns what comes before the options are adjusted, and what keeps those waiting */
export function fewerPrimaries(scene: Scene): Fewer {
  const { name, spec, copies, live } = scene;
  const primaries = copies.filter(({ replica }) => replica?.role === 'Primary');
  // While its file allows two, that is kept as it is (compare.ts).
  if (spec.dualPrimary || primaries.length < 2 || live?.options.get('net.allow-two-primaries') === 'yes') return { steps: [], hold: undefined };
  const users = primaries.map((copy) => ({ copy, uses: usersOf(scene, copy) }));
  const idle = users.filter(({ uses }) => uses.length === 0).map(({ copy }) => copy);
  if (idle.length === primaries.length - 1) return { steps: idle.flatMap((copy) => demote(scene, copy, primaries)), hold: undefined };
  const used = users.filter(({ uses }) => uses.length > 0).map(({ copy, uses }) => `${uses.join(', ')} on ${copy.node}`);
  const what = used.length === 0
    ? `run drbdadm secondary ${name} on the one that nothing uses`
    : `${used.join(' and ')} use it: move them all to one node, and it is made Secondary on the other`;
  return { steps: [], hold: { code: 'WAITS_FOR', reason: `${nodesOf(primaries).join(' and ')} are both Primary, and ${name} allows one, so that DRBD takes no other options: ${what}`, approvable: false } };
}

function usersOf(scene: Scene, copy: Copy): readonly string[] {
  const guests = guestsOn(scene, copy.node);
  const group = physicalOn(scene)?.group ?? '';
  const open = copy.fact.volumes.filter((volume) => group !== '' && volume.group === group && volume.open).map((volume) => `${volume.group}/${volume.name}`).sort();
  return guests.length > 0 ? guests : open;
}

function demote(scene: Scene, copy: Copy, primaries: readonly Copy[]): readonly Step[] {
  const { node } = copy;
  const guards: readonly Condition[] = [{ is: 'drbd-generations', resource: scene.name, generations: sameGenerations(scene.facts, scene.name, nodesOf(primaries)) }];
  const group = groupOf(scene, copy);
  return [
    ...(group === undefined ? [] : [command(node, `let go of the volume group ${group}`, ['vgchange', '-an', group], { guards })]),
    command(node, 'make it Secondary, because it allows one Primary and nothing uses it there,', ['drbdadm', 'secondary', scene.name], { guards }),
  ];
}

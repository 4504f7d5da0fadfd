// In: a resource whose nodes may have written apart from each other. Out: what each side would lose, and nothing to be done;
// or, when a person has named the victim of this very event, the steps that drop its changes. Pure.
// Must never choose a side: everything waits until Git does.
import type { Condition, Hold, Step } from '../../model/step.ts';
import { sameGenerations } from './generations-seen.ts';
import { split as apart } from '../../safety/drbd.ts';
import { splitsOf } from '../../safety/generations.ts';
import type { Split } from '../../safety/generations.ts';
import { heldStep } from '../held-step.ts';
import { command, waitConnected, waitInSync, withHold, becomePrimary, lookAgain } from './commands.ts';
import { guestsOn } from './guests-on.ts';
import { physicalOn } from './on-top.ts';
import { lastPrimaryText } from './last-primary.ts';
import { amount } from './verify-text.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { diskful, nodesOf, rateOf } from './scene.ts';

/** Nothing when no two nodes have written apart. */
export function splitWork(scene: Scene): Work | undefined {
  const { name, copies, facts } = scene;
  const nodes = nodesOf(diskful(copies));
  const [event] = splitsOf(name, nodes, facts.storageNodes);
  if (!event) {
    const why = apart({ resource: name, nodes }, facts);
    return why === undefined ? undefined : frozen('unrelated data', 'SPLIT_BRAIN', `${why}: a person has to decide whose copy is made anew, with drbdadm wipe-md on that node`);
  }
  const sides = event.nodes.map((node) => sideText(scene, event, node));
  const decided = scene.spec.resolveSplitBrain;
  const ask = `event ${event.id}: ${sides.join('; ')}. ${lastPrimaryText(scene, event)}. To drop the changes of one of them, write resolveSplitBrain: { discard: NODE, event: ${event.id} }`;
  const held = (reason: string): Work => frozen(`split brain ${event.id}`, 'SPLIT_BRAIN', reason, `${event.nodes.join(' and ')} have written apart from each other`);
  if (!decided) return held(ask);
  if (decided.event !== event.id) return held(`resolveSplitBrain names event ${decided.event}, and this is another one. ${ask}`);
  if (!event.nodes.includes(decided.discard)) return held(`resolveSplitBrain names ${decided.discard}, which is no side of it. ${ask}`);
  return resolution(scene, event, decided.discard, [...sides, lastPrimaryText(scene, event)]);
}

/** @param reason all that a person has to know to decide; the field says only what it is */
function frozen(from: string, code: Hold['code'], reason: string, note = reason): Work {
  return { fields: [{ path: 'data', from, to: 'in sync', effect: 'refused', note }], steps: [heldStep('bring its copies together again', { code, reason, approvable: false })], notes: [] };
}

/** `5 MiB (5242880 bytes)`: two sides may have changed nearly the same. */
function exactly(bytes: number): string {
  const text = amount(bytes);
  return text.endsWith(' bytes') ? text : `${text} (${bytes} bytes)`;
}

function sideText(scene: Scene, { nodes }: Split, node: string): string {
  const copy = scene.copies.find((one) => one.node === node);
  const other = nodes.find((one) => one !== node);
  const peer = copy?.replica?.peers.find(({ name }) => name === other);
  const guests = guestsOn(scene, node);
  const changed = peer === undefined ? 'it does not tell how much it changed' : `${exactly(peer.outOfSyncBytes)} changed since`;
  return `${node} is ${copy?.replica?.role ?? 'Unknown'}, ${copy?.replica?.disk ?? 'down'}, ${changed}, ${guests.length === 0 ? 'no guest runs there on it' : `${guests.join(', ')} run${guests.length === 1 ? 's' : ''} there on it`}`;
}

function resolution(scene: Scene, event: Split, victim: string, sides: readonly string[]): Work {
  const survivor = event.nodes.find((node) => node !== victim) ?? '';
  const [lost, kept] = [victim, survivor].map((node) => scene.copies.find((copy) => copy.node === node));
  const steps = lost && kept ? discardSteps(scene, lost, kept) : [];
  return {
    fields: [{ path: 'data', from: `split brain ${event.id}`, to: `as on ${survivor}`, effect: 'live', note: `what ${victim} changed since is dropped` }],
    steps: withHold(steps, whyNot(scene, victim, kept)), notes: sides,
  };
}

function whyNot(scene: Scene, victim: string, kept: Copy | undefined): Hold | undefined {
  const guests = guestsOn(scene, victim);
  if (guests.length > 0) return { code: 'SPLIT_BRAIN', reason: `${guests.join(', ')} still run${guests.length === 1 ? 's' : ''} on ${victim}, on data that would be dropped: shut ${guests.length === 1 ? 'it' : 'them'} down first`, approvable: false };
  if (kept?.replica?.disk === 'UpToDate') return undefined;
  return { code: 'LAST_COPY', reason: `${kept?.node ?? 'the other side'} is ${kept?.replica?.disk ?? 'down'}, so that ${victim} may be the last good copy`, approvable: false };
}

/** The order of drbd's own guide: the victim lets go first, and says that its changes are to be dropped. */
function discardSteps(scene: Scene, lost: Copy, kept: Copy): readonly Step[] {
  const { name, spec, major } = scene;
  const nodes = nodesOf(diskful(scene.copies));
  const guards: readonly Condition[] = [{ is: 'drbd-generations', resource: name, generations: sameGenerations(scene.facts, name, [lost.node, kept.node]) }, { is: 'drbd-uptodate', resource: name, node: kept.node }];
  const group = groupOf(scene, lost);
  const at = (title: string, argv: readonly string[], more: { readonly alsoDone?: readonly number[] } = {}): Step => command(lost.node, title, argv, { guards, ...more });
  const standsAlone = kept.replica?.peers.some(({ name: peer, connection }) => peer === lost.node && connection === 'StandAlone') === true;
  const rejoin = major === 9 && nodes.length > 2 ? ['drbdadm', 'adjust', name] : ['drbdadm', 'connect', name];
  return [
    ...(group === undefined ? [] : [at(`let go of the volume group ${group}`, ['vgchange', '-an', group])]),
    at('make it Secondary', ['drbdadm', 'secondary', name]),
    at('end its connection', ['drbdadm', 'disconnect', name], { alsoDone: ALREADY }),
    at('connect it again, dropping what it changed since,', ['drbdadm', 'connect', '--discard-my-data', name]),
    ...(standsAlone ? [command(kept.node, 'connect it again', rejoin, { guards, alsoDone: ALREADY })] : []),
    waitConnected(scene), waitInSync(name, nodes, Math.max(0, ...[lost, kept].flatMap(({ replica }) => replica?.peers.map(({ outOfSyncBytes }) => outOfSyncBytes) ?? [])), rateOf(scene)),
    ...(spec.dualPrimary ? [lost, kept].filter((copy) => copy === lost || copy.replica?.role !== 'Primary').flatMap(({ node }) => [becomePrimary(node, name, [{ is: 'drbd-in-sync', resource: name, nodes }]), ...(spec.storage ? [lookAgain(node, scene)] : [])]) : []),
  ];
}

/** `drbdsetup` says that there is no such connection, or that there is one already. */
const ALREADY = [10];

/** The volume group that the node has on it. */
export function groupOf(scene: Scene, { fact }: Copy): string | undefined {
  const physical = physicalOn({ ...scene, copies: scene.copies.filter((copy) => copy.fact === fact), leaving: [] });
  const group = physical?.group ?? scene.spec.storage?.volumeGroup;
  return group !== undefined && group !== '' && fact.groups.some(({ name }) => name === group) ? group : undefined;
}

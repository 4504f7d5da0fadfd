// In: nodes that have a resource and that its manifest does not name any more. Out: how they let go of it, before the others forget
// them: whoever still writes there would else write apart. Pure.
// Must never take away the last good copy, nor forget a node that does not tell; what they hold stays on their disks.
import type { Condition, Hold, Step } from '../../model/step.ts';
import { nodeFact } from '../../model/facts.ts';
import { notInSync, notUpToDate, untold } from '../../safety/drbd.ts';
import { generationTowards, lineage } from '../../safety/generations.ts';
import { heldStep } from '../held-step.ts';
import { command } from './commands.ts';
import { guestsOn } from './guests-on.ts';
import { physicalOn } from './on-top.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { diskful, isNewCopy, nodesOf } from './scene.ts';

/** @returns steps that come before all others, and those that are held, which come after */
export function departures(scene: Scene): Work & { readonly held: readonly Step[] } {
  const { leaving, live, copies } = scene;
  if (!changesHosts(scene)) return { fields: [], steps: [], notes: [], held: [] };
  const stays = new Map(namedNoMore(scene).flatMap((node) => {
    const hold = whyStays(scene, node);
    return hold ? [[node, hold] as const] : [];
  }));
  const going = leaving.filter(({ node }) => !stays.has(node));
  const forgotten = (live?.hosts ?? []).map((host) => host.name).filter((node) => !nodesOf([...copies, ...leaving]).includes(node) && nodeFact(scene.facts, node) === undefined);
  return {
    fields: leaving.map(({ node }) => ({ path: `nodes.${node}.state`, from: 'there', to: undefined, effect: 'live' })),
    steps: going.flatMap((copy) => letGo(copy, scene, [remaining(scene)])),
    held: [...stays].map(([node, hold]) => heldStep(`take the resource away from ${node}`, hold)),
    notes: [
      ...going.flatMap(({ node, backing }) => (backing ? [`${backing.path} on ${node} stays as it is`] : [])),
      ...forgotten.map((node) => `the others forget ${node}, which is no node of the cluster any more`),
    ],
  };
}

/** Copies come and go with DRBD 9; 8.4 has two, of which one may be replaced. */
export function changesHosts({ major, live, copies }: Scene): boolean {
  const had = (live?.hosts ?? []).map(({ name }) => name);
  return major === 9 || (had.length === 2 && copies.length === 2 && nodesOf(copies).filter((node) => had.includes(node)).length === 1);
}

/** With 8.4 the new copy can be made only once the old one has gone: until then one remains. */
function remaining({ name, major, live, copies }: Scene): Extract<Condition, { is: 'drbd-in-sync' | 'drbd-uptodate' }> {
  const stays = copies.find(({ node }) => live?.hosts.some((host) => host.name === node));
  return major === 9 || !stays ? { is: 'drbd-in-sync', resource: name, nodes: nodesOf(diskful(copies)) } : { is: 'drbd-uptodate', resource: name, node: stays.node };
}

function namedNoMore({ leaving, live, copies }: Scene): readonly string[] {
  const all = [...nodesOf(leaving), ...(live?.hosts ?? []).map(({ name }) => name)];
  return [...new Set(all)].filter((node) => !nodesOf(copies).includes(node)).sort();
}

/** Why a node that the manifest does not name any more keeps its copy now; the files name it so long. */
export function whyStays(scene: Scene, node: string): Hold | undefined {
  const { leaving, copies, name, facts } = scene;
  const hold = (code: Hold['code'], reason: string): Hold => ({ code, reason, approvable: false });
  // What is no member any more cannot be asked, and does not come back by itself.
  if (nodeFact(facts, node) === undefined) return undefined;
  const silent = untold(node, facts);
  if (silent !== undefined) return hold('UNKNOWN', `${node} is to give its copy away, and does not tell of it (${silent}); if it is gone for good, take it out of the cluster: pvecm delnode ${node}`);
  const copy = leaving.find((one) => one.node === node);
  if (!copy) return undefined;
  const newer = diskful(copies).find((other) => isNewer(scene, copy, other));
  if (newer) return hold('LAST_COPY', `the copy on ${node} is newer than that on ${newer.node}: connect it, and let the resync end`);
  const users = usersOn(scene, copy);
  if (users.length > 0) return hold('REFERENCED', `${users.join(', ')} still ${users.length === 1 ? 'uses' : 'use'} ${name} on ${node}: move ${users.length === 1 ? 'it' : 'them'} away first`);
  const stays = remaining(scene);
  const behind = stays.is === 'drbd-uptodate' ? notUpToDate(stays, facts) : notInSync(stays, facts);
  if (behind === undefined) return undefined;
  // What mends them comes first: who leaves would wait for it before it.
  return hold(copy.replica?.disk === 'UpToDate' ? 'LAST_COPY' : 'WAITS_FOR', `the copies that stay are not all good yet: ${behind}`);
}

function isNewer({ name, facts }: Scene, copy: Copy, other: Copy): boolean {
  const [own, theirs] = [generationTowards(facts.storageNodes?.get(copy.node), name, other.node), generationTowards(facts.storageNodes?.get(other.node), name, copy.node)];
  return own !== undefined && theirs !== undefined && !isNewCopy(other) && lineage(own, theirs) === 'first-newer';
}

function usersOn(scene: Scene, { node, fact }: Copy): readonly string[] {
  const guests = guestsOn(scene, node);
  const group = physicalOn(scene)?.group;
  const open = fact.volumes.filter((volume) => group !== undefined && group !== '' && volume.group === group && volume.open).map((volume) => `${volume.group}/${volume.name}`);
  return guests.length > 0 ? guests : open.sort();
}

function letGo({ node, replica, text, fact }: Copy, scene: Scene, guards: readonly Condition[]): readonly Step[] {
  const { name } = scene;
  const group = physicalOn(scene)?.group;
  const isSeen = group !== undefined && group !== '' && fact.groups.some((one) => one.name === group);
  return [
    ...(replica?.role === 'Primary' && isSeen ? [command(node, `let go of the volume group ${group}`, ['vgchange', '-an', group], { guards })] : []),
    ...(replica?.role === 'Primary' ? [command(node, 'make it Secondary', ['drbdadm', 'secondary', name], { guards })] : []),
    ...(replica?.isUp ? [command(node, 'take it down', ['drbdsetup', 'down', name], { guards })] : []),
    ...(text === undefined ? [] : [command(node, `remove /etc/drbd.d/${name}.res`, ['rm', '-f', `/etc/drbd.d/${name}.res`])]),
  ];
}

/** Why no copy may leave now. */
export function lastCopy({ live, copies, name }: Scene): Hold | undefined {
  const gone = (live?.hosts ?? []).filter((host) => host.disk !== undefined && host.disk !== 'none' && !nodesOf(copies).includes(host.name));
  if (gone.length === 0 || copies.some(({ replica }) => replica?.disk === 'UpToDate')) return undefined;
  return { code: 'LAST_COPY', reason: `none of the copies of ${name} that would remain is UpToDate`, approvable: false };
}

// In: a resource of ours that left Git. Out: the way back, in exactly the reverse order of making it; or, where its last manifest
// kept the data, our mark taken off and nothing else. Pure.
// Must never destroy what it did not make, nor what still holds somebody's volumes. The file goes last: it is what a plan after a
// kill goes on from.
import { markOf } from '../../drbd/res-text.ts';
import { VERIFY_NOTES } from '../../drbd/scripts.ts';
import type { FieldChange } from '../../model/change.ts';
import type { KindContext } from '../../model/kind.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { printSize } from '../../pve/sizes.ts';
import { split } from '../../safety/drbd.ts';
import { ownerOf } from '../guest/disks.ts';
import { guestsLeaving } from '../guests-leaving.ts';
import { command, releaseFile, withHold } from './commands.ts';
import { physicalOn } from './on-top.ts';
import { copyOf, diskful, holdersOf, minorInForce, nodesOf } from './scene.ts';
import type { Copy, Work } from './scene.ts';

interface Leftover { readonly name: string; readonly minor: number; readonly copies: readonly Copy[]; readonly leaving: readonly Copy[]; readonly context: KindContext }

export function removeResource(name: string, context: KindContext): Work {
  const { facts, mark } = context;
  const copies = holdersOf(name, facts).flatMap((node) => copyOf(name, node, undefined, facts) ?? []);
  const marks = copies.map(({ text }) => (text === undefined ? undefined : markOf(text)));
  const isDestroyed = marks.every((one) => one?.mark === mark && one.reclaim === 'delete');
  const left: Leftover = { name, copies, leaving: [], context, minor: minorInForce(name, facts) ?? 0 };
  return isDestroyed ? destroy(left) : release(left);
}

function release({ name, copies, context }: Leftover): Work {
  const ours = copies.filter(({ text }) => text !== undefined && markOf(text)?.mark === context.mark);
  return {
    fields: [], steps: ours.map(({ node }) => releaseFile(node, name, context.mark)),
    notes: [`released: the resource, what stands on it and its data stay as they are on ${nodesOf(copies).join(' and ')}, because its last manifest did not say reclaim: delete`],
  };
}

function destroy(left: Leftover): Work {
  const { name, copies, minor, context } = left;
  const data = diskful(copies);
  const physical = physicalOn(left);
  const group = physical === undefined || physical.group === '' ? undefined : physical.group;
  const device = `/dev/drbd${minor}`;
  const top = data.find(({ replica }) => replica?.role === 'Primary');
  const steps: readonly Step[] = [
    ...(group === undefined ? [] : [
      ...copies.filter(({ fact }) => fact.groups.some((one) => one.name === group)).map(({ node }) => command(node, `let go of the volume group ${group}`, ['vgchange', '-an', group], { guards: [{ is: 'group-unused', node, group }, ...emptied(node, group, copies)] })),
      ...(top ? [command(top.node, `remove the volume group ${group}, which holds nothing,`, ['vgremove', group])] : []),
    ]),
    ...(physical && top ? [command(top.node, `take LVM off ${device}`, ['pvremove', device])] : []),
    ...copies.filter(({ replica }) => replica?.role === 'Primary').map(({ node }) => command(node, 'make it Secondary', ['drbdadm', 'secondary', name])),
    ...copies.filter(({ replica }) => replica?.isUp).map(({ node }) => command(node, 'take it down', ['drbdadm', 'down', name])),
    ...data.filter(({ replica, backing }) => replica?.metadata !== 'absent' && !(backing?.in === 'group' && !backing.volume)).map(({ node }) => command(node, 'destroy its metadata', ['drbdadm', '--', '--force', 'wipe-md', name], { risk: 'data-loss' })),
    ...data.flatMap((copy) => removeVolume(copy, context.mark)),
    // Another resource of this name would take them for its own.
    ...copies.filter(({ fact }) => fact.verifies?.has(name)).map(({ node }) => command(node, 'forget when its copies were compared', ['rm', '-f', `${VERIFY_NOTES}/verify-${name}`])),
    ...copies.filter(({ text }) => text !== undefined).map(({ node }) => command(node, `remove /etc/drbd.d/${name}.res`, ['rm', '-f', `/etc/drbd.d/${name}.res`])),
  ];
  return { fields: data.map((copy) => lostField(copy, context.mark)), steps: withHold(steps, whyNot(left, group)), notes: keptNotes(data, context.mark) };
}

function isMade({ backing }: Copy, mark: string): boolean {
  return backing?.in === 'group' && backing.volume?.tags.includes(mark) === true;
}

function removeVolume(copy: Copy, mark: string): readonly Step[] {
  const { node, backing } = copy;
  if (backing?.in !== 'group' || !backing.volume || !isMade(copy, mark)) return [];
  const { group, name, volume } = backing;
  return [command(node, `destroy the volume ${group}/${name} (${printSize(volume.sizeBytes)})`, ['lvremove', '-y', `${group}/${name}`], { guards: [{ is: 'volume-is', node, group, volume: name, uuid: volume.uuid }], risk: 'data-loss' })];
}

function lostField({ node, backing, replica }: Copy, _mark: string): FieldChange {
  const bytes = backing?.in === 'group' ? backing.volume?.sizeBytes : replica?.sizeBytes;
  return { path: `nodes.${node}`, from: `${backing?.path ?? 'none'}${bytes === undefined ? '' : ` (${printSize(bytes)})`}`, to: undefined, effect: 'live', note: 'its data is destroyed' };
}

function keptNotes(data: readonly Copy[], mark: string): readonly string[] {
  return data.filter((copy) => copy.backing && !isMade(copy, mark)).map(({ node, backing }) => `${backing?.path} on ${node} stays, empty: latido did not make it`);
}

function whyNot({ name, copies, context }: Leftover, group: string | undefined): Hold | undefined {
  const data = diskful(copies);
  const apart = split({ resource: name, nodes: nodesOf(data) }, context.facts);
  if (apart !== undefined) return { code: 'SPLIT_BRAIN', reason: apart, approvable: false };
  const leaving = guestsLeaving(context);
  const volumes = volumesIn(group, copies).filter((name) => !leaving.has(ownerOf(`${group}/${name}`) ?? 0));
  if (group !== undefined && volumes.length > 0) return { code: 'REFERENCED', reason: `volume group ${group} on it still holds ${volumes.slice(0, 5).join(', ')}${volumes.length > 5 ? ` and ${volumes.length - 5} more` : ''}`, approvable: false };
  if (data.some(({ replica }) => replica?.role === 'Primary')) return undefined;
  return { code: 'REFERENCED', reason: 'it is Primary nowhere, so that nobody can see what is on it', approvable: true };
}

function volumesIn(group: string | undefined, copies: readonly Copy[]): readonly string[] {
  return [...new Set(copies.flatMap(({ fact }) => fact.volumes.filter((volume) => volume.group === group).map((volume) => volume.name)))].sort();
}

/** What the same plan destroys before has to be gone by then. */
function emptied(node: string, group: string, copies: readonly Copy[]): readonly Condition[] {
  return volumesIn(group, copies).map((volume) => ({ is: 'volume-absent', node, group, volume }));
}

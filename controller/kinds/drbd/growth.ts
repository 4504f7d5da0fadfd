// In: a resource whose manifest asks for another size. Out: growth in the order in which it is safe, while guests run. Pure.
// Must never make anything smaller.
import type { Condition, Step } from '../../model/step.ts';
import { printSize } from '../../pve/sizes.ts';
import { becomePrimary, command, waitInSync } from './commands.ts';
import type { Backing, Copy, Scene } from './scene.ts';
import { deviceOf, diskful, nodesOf } from './scene.ts';
import { physicalOn } from './on-top.ts';
import { noRoom, targetBytes } from './room.ts';
import { rateOf } from './scene.ts';
import type { Work } from './scene.ts';

const EXTENT = 4 * 2 ** 20;
const NOTHING: Work = { fields: [], steps: [], notes: [] };

interface Grown { readonly copy: Copy; readonly backing: Extract<Backing, { in: 'group' }>; readonly had: number; readonly target: number }

export function growth(scene: Scene): Work {
  const volumes = diskful(scene.copies).flatMap((copy): readonly Grown[] => (copy.backing?.in === 'group' && copy.backing.volume ? [{ copy, backing: copy.backing, had: copy.backing.volume.sizeBytes, target: targetBytes(scene.bytes, copy.backing.room) }] : []));
  if (volumes.length === 0 || scene.copies.some(({ replica }) => replica === undefined)) return NOTHING;
  const least = Math.min(...volumes.map(({ had }) => had));
  if (volumes.every(({ had, target }) => had > target)) {
    return { ...NOTHING, fields: [{ path: 'size', from: printSize(least), to: printSize(scene.bytes), effect: 'refused', note: 'it only grows: what is on it would lose its end' }] };
  }
  const small = volumes.filter(({ had, target }) => had < target);
  const isBehind = volumes.length === scene.copies.filter(({ backing }) => backing).length && lags(scene, least);
  const steps = [...small.map((one) => extend(one)), ...(small.length > 0 || isBehind ? resize(scene, scene.bytes - least) : physicalLags(scene) ? physicalStep(scene) : [])];
  const from = small.length > 0 ? printSize(least) : 'not all of its volumes in use';
  return { ...NOTHING, fields: steps.length === 0 ? [] : [{ path: 'size', from, to: printSize(scene.bytes), effect: 'live' }], steps };
}

function extend({ copy, backing, had, target }: Grown): Step {
  const { node } = copy;
  const { group, name, volume } = backing;
  return command(node, `grow the volume ${group}/${name} from ${printSize(had)} to ${printSize(target)}`, ['lvextend', '-L', `${target}b`, `${group}/${name}`], {
    guards: [{ is: 'volume-is', node, group, volume: name, uuid: volume?.uuid ?? '' }], hold: noRoom(node, backing, target - had),
  });
}

/** On one node, for all of them. It needs a Primary; where there is none, one is made for as long as it takes. */
function resize(scene: Scene, grownBytes: number): readonly Step[] {
  const { name, copies } = scene;
  const nodes = nodesOf(diskful(copies));
  const primary = diskful(copies).find(({ replica }) => replica?.role === 'Primary')?.node;
  const node = primary ?? nodes[0] ?? '';
  const guards: readonly Condition[] = [{ is: 'drbd-in-sync', resource: name, nodes }, { is: 'drbd-not-split', resource: name, nodes }];
  const isBorrowed = primary === undefined && !scene.spec.dualPrimary;
  return [
    ...(primary === undefined ? [becomePrimary(node, name, guards)] : []),
    command(node, 'take the new size into use', ['drbdadm', 'resize', name], { guards }),
    waitInSync(name, nodes, Math.max(0, grownBytes), rateOf(scene)),
    ...physicalStep(scene, node),
    ...(isBorrowed ? [command(node, 'make it Secondary again', ['drbdadm', 'secondary', name])] : []),
  ];
}

function physicalStep(scene: Scene, node?: string): readonly Step[] {
  const at = node ?? scene.copies.find(({ replica }) => replica?.role === 'Primary')?.node;
  if (!scene.spec.storage || at === undefined || physicalOn(scene) === undefined) return [];
  return [command(at, `let LVM use all of ${deviceOf(scene)}`, ['pvresize', deviceOf(scene)], { guards: [{ is: 'drbd-role', resource: scene.name, node: at, role: 'Primary' }] })];
}

/** DRBD's own data at the end of a volume: superblock, activity log, and a bit for 4 KiB and peer. */
const FIXED_METADATA = 36 * 2 ** 10;
const PEERS_MOST = 31;

/** What can be used is smaller than the volumes by more than metadata can explain: a growth was begun. */
function lags({ copies, major }: Scene, least: number): boolean {
  const usable = Math.max(0, ...copies.map(({ replica }) => replica?.sizeBytes ?? 0));
  const metadata = FIXED_METADATA + (major === 9 ? PEERS_MOST : 1) * (Math.ceil(least / 32768 / 4096) + 1) * 4096;
  return usable > 0 && least - usable - metadata >= EXTENT;
}

function physicalLags(scene: Scene): boolean {
  const physical = physicalOn(scene);
  const usable = scene.copies.find(({ replica }) => replica?.sizeBytes !== undefined)?.replica?.sizeBytes ?? 0;
  // LVM keeps a megabyte in front and rounds down to extents.
  return physical !== undefined && usable - physical.sizeBytes >= 3 * EXTENT;
}

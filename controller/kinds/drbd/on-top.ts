// In: a resource that Proxmox is to use as storage. Out: LVM on it, made once and on one node. Pure.
// Must never put LVM on what holds anything, nor where LVM sees the backing device as well: it would write past DRBD.
import type { PhysicalVolumeFact } from '../../model/node-facts.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { heldStep } from '../held-step.ts';
import { command, lookAgain, makePhysical, withHold } from './commands.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { deviceOf, diskful, isNewCopy, nodesOf } from './scene.ts';

const NOTHING: Work = { fields: [], steps: [], notes: [] };

/** The physical volume on the mirrored device, as whichever node sees it. */
export function physicalOn(scene: Pick<Scene, 'copies' | 'minor' | 'name' | 'leaving'>): PhysicalVolumeFact | undefined {
  const names = [deviceOf(scene), `/dev/drbd/by-res/${scene.name}/0`];
  return [...scene.copies, ...scene.leaving].flatMap(({ fact }) => fact.physical).find(({ device }) => names.includes(device));
}

export function onTop(scene: Scene): Work {
  const { storage } = scene.spec;
  if (!storage) return NOTHING;
  const physical = physicalOn(scene);
  if (physical?.group === storage.volumeGroup) return unseen(scene, storage.volumeGroup);
  const field = { path: 'storage', from: physical ? `a physical volume ${physical.group === '' ? 'without a group' : `of ${physical.group}`}` : undefined, to: storage.volumeGroup, effect: 'live' } as const;
  const other = physical !== undefined && physical.group !== '' ? `${deviceOf(scene)} belongs to volume group ${physical.group}` : foreignGroup(scene, storage.volumeGroup);
  if (other !== undefined) return { ...NOTHING, fields: [{ ...field, effect: 'refused', note: `${other}: latido neither renames nor overwrites a volume group` }] };
  const data = diskful(scene.copies);
  // A Secondary shows nothing of what is on it.
  if (!data.every(isNewCopy) && !data.some(({ replica }) => replica?.role === 'Primary')) return { ...NOTHING, notes: ['whether LVM is on it shows once it is Primary'] };
  return { ...NOTHING, fields: [field], steps: withHold(groupSteps(scene, data, storage.volumeGroup, physical !== undefined), filterHold(scene, data)) };
}

/** Made by another node, and never looked for by this one since. */
function unseen(scene: Scene, group: string): Work {
  const blind = diskful(scene.copies).filter(({ replica, fact }) => replica?.role === 'Primary' && accepts(fact.lvmFilter, deviceOf(scene)) && !fact.groups.some(({ name }) => name === group));
  return { ...NOTHING, fields: blind.map(({ node }) => ({ path: `nodes.${node}.storage`, from: 'not seen by LVM', to: group, effect: 'live' })), steps: blind.map(({ node }) => lookAgain(node, scene)) };
}

function groupSteps(scene: Scene, data: readonly Copy[], group: string, isPhysical: boolean): readonly Step[] {
  const copy = data.find(({ replica }) => replica?.role === 'Primary') ?? data[0];
  if (!copy) return [heldStep('make the volume group', { code: 'REFUSED', reason: 'no node holds data of it', approvable: false })];
  const guards: readonly Condition[] = [{ is: 'drbd-in-sync', resource: scene.name, nodes: nodesOf(data) }, { is: 'drbd-role', resource: scene.name, node: copy.node, role: 'Primary' }];
  return [
    ...(isPhysical ? [] : [makePhysical(copy, scene, guards)]),
    command(copy.node, `make the volume group ${group}`, ['vgcreate', group, deviceOf(scene)], { guards }),
    ...data.filter((other) => other !== copy).map(({ node }) => lookAgain(node, scene)),
  ];
}

function foreignGroup({ copies }: Scene, group: string): string | undefined {
  const holder = copies.find(({ fact }) => fact.groups.some(({ name }) => name === group));
  return holder && `${holder.node} has a volume group ${group} on another device`;
}

/** LVM does not look into logical volumes (scan_lvs=0), so those need nothing; a device of its own has to be hidden from it. */
function filterHold(scene: Scene, data: readonly Copy[]): Hold | undefined {
  for (const { node, backing, fact } of data) {
    const device = deviceOf(scene);
    const shows = backing?.in === 'device' && !backing.path.startsWith('/dev/mapper/') && !hides(fact.lvmFilter, backing.path);
    if (!shows && accepts(fact.lvmFilter, device)) continue;
    const others = fact.physical.map((one) => one.device).filter((one) => one !== backing?.path && !one.startsWith('/dev/drbd')).sort();
    const wanted = `global_filter = [ "a|^/dev/drbd[0-9]+$|", ${others.map((one) => `"a|^${one}$|", `).join('')}"r|.*|" ]`;
    const why = shows ? `LVM on ${node} sees ${backing.path} beside ${device}, and would take one for the other` : `LVM on ${node} does not see ${device}`;
    return { code: 'REFUSED', reason: `${why}: write this line into the section devices of /etc/lvm/lvm.conf there: ${wanted}`, approvable: false };
  }
  return undefined;
}

/** Devices have many names, so that only a filter which refuses all that it does not name hides one. */
function hides(filter: string | undefined, device: string): boolean {
  const patterns = patternsOf(filter);
  const last = patterns.at(-1);
  return last !== undefined && last.isRefusal && /^\^?(?:\/dev\/)?\.\*(?:\$|\/)?$/.test(last.pattern) && !accepts(filter, device);
}

/** The first pattern that fits decides; what none fits is seen. */
function accepts(filter: string | undefined, device: string): boolean {
  const first = patternsOf(filter).find(({ pattern }) => fits(pattern, device));
  return first === undefined || !first.isRefusal;
}

function patternsOf(filter: string | undefined): readonly { readonly pattern: string; readonly isRefusal: boolean }[] {
  return [...(filter ?? '').matchAll(/"([ar])(.)(.*?)\2"/g)].map(([, sign, , pattern = '']) => ({ pattern, isRefusal: sign === 'r' }));
}

/** What is no regular expression to us is taken to fit: then a person looks. */
function fits(pattern: string, device: string): boolean {
  try {
    return new RegExp(pattern).test(device);
  } catch {
    return true;
  }
}

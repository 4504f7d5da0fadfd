// In: a resource as it is on its nodes and as the manifest wants it. Out: what differs, and the steps that make the one the other,
// together, so that what is shown is what is done. Pure. Each part looks only at the present state: after a kill anywhere the
// next plan goes on where things are.
// Must never create metadata where there is some, promote what is not in sync, or reconnect sides that have written apart.
import type { FieldChange, Subject } from '../../model/change.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { notConnected, notInSync } from '../../safety/drbd.ts';
import { printSize } from '../../pve/sizes.ts';
import { heldStep } from '../held-step.ts';
import { adjust, becomePrimary, checkEmpty, command, createMetadata, loadModule, lookAgain, makeVolume, refused, waitConnected, waitInSync, withHold, writeFile } from './commands.ts';
import { compareFiles } from './compare.ts';
import type { Comparison } from './compare.ts';
import { growth } from './growth.ts';
import { noRoom, targetBytes } from './room.ts';
import { onTop } from './on-top.ts';
import { differText } from './differ.ts';
import { changesHosts, departures, lastCopy } from './departures.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { diskful, isNewCopy, nodesOf, rateOf } from './scene.ts';
import { resyncText } from '../../safety/resync.ts';
import { splitWork } from './split.ts';
import { adjustInOrder } from './stranded.ts';
import { withVerify } from './verify.ts';
import { wantedRes } from './wanted.ts';
import type { DrbdSpec } from './schema.ts';

export function workOf(scene: Scene, subject: Subject<DrbdSpec>): Work {
  const silent = scene.copies.filter(({ fact, text }) => fact.drbdVersion === undefined && (text !== undefined || scene.major === undefined));
  if (silent.length > 0) return withoutModule(silent);
  return splitWork(scene) ?? withVerify(scene, wholeWork(scene, compareFiles(scene, subject)));
}

/** How a file has to look depends on the version, which only the loaded module tells; and without it nobody sees what a copy holds. */
function withoutModule(copies: readonly Copy[]): Work {
  return {
    fields: copies.map(({ node }) => ({ path: `nodes.${node}.module`, from: 'not loaded', to: 'loaded', effect: 'live' })),
    steps: copies.map(({ node }) => loadModule(node)), notes: ['what there is, and for which version of DRBD, shows once its module is loaded: the rest follows in the next plan'],
  };
}

function wholeWork(scene: Scene, files: Comparison): Work {
  const data = diskful(scene.copies);
  const isNew = data.every(isNewCopy);
  const building = buildSteps(scene, files, isNew);
  const link = linkSteps(scene, building.length > 0 || files.isMoved);
  const first = isNew ? firstData(scene) : [];
  const going = departures(scene);
  if (scene.major !== 9 && files.isHostChangeBlocked) return waitingWork(scene, files, going);
  const rest = [growth(scene), rolesWork(scene), onTop(scene)];
  const later = rest.flatMap(({ steps }) => steps);
  const isSyncDue = first.length > 0 || link.length > 0 || data.some((copy) => needsMetadata(copy));
  const sync = isSyncDue ? [waitInSync(scene.name, nodesOf(data), isNew && (scene.spec.initialSync ?? 'skip') === 'skip' ? 0 : resyncBytes(scene), rateOf(scene))] : [];
  const refusals = [...files.fields, ...rest.flatMap(({ fields }) => fields)].filter(({ path, effect }) => effect === 'refused' && !isDeparture(scene, path)).map(({ path, note }) => refused(`change ${path}`, note ?? 'it cannot be changed'));
  const hold = isSyncDue ? undefined : unlessInSync(scene, nodesOf(data));
  return {
    fields: [...files.fields, ...stateFields(scene, files), ...rest.flatMap(({ fields }) => fields), ...going.fields],
    // Refusals stand last: what comes after a held step would wait for it.
    steps: withHold([...going.steps, ...building, ...link, ...first, ...sync, ...withHold(later, hold), ...refusals, ...going.held], lastCopy(scene)),
    notes: [...notesOf(scene), ...rest.flatMap(({ notes }) => notes), ...going.notes],
  };
}

/** 8.4 has room for two: until one has gone nothing can be made for the other. */
function waitingWork(scene: Scene, files: Comparison, going: ReturnType<typeof departures>): Work {
  const refusals = files.fields.filter(({ path, effect }) => effect === 'refused' && !isDeparture(scene, path)).map(({ path, note }) => refused(`change ${path}`, note ?? 'it cannot be changed'));
  return { fields: [...files.fields, ...going.fields], steps: [...refusals, ...going.held], notes: [...notesOf(scene), ...going.notes] };
}

/** Of a node that the manifest does not name any more: departures.ts says what becomes of it. */
function isDeparture(scene: Scene, path: string): boolean {
  const [, node] = /^nodes\.([^.]+)$/.exec(path) ?? [];
  return changesHosts(scene) && node !== undefined && !nodesOf(scene.copies).includes(node);
}

function resyncBytes({ copies, bytes }: Scene): number {
  return Math.max(bytes, ...copies.map(({ replica }) => replica?.sizeBytes ?? 0));
}

/** Volumes, files, metadata, and up: on each node what it lacks, one kind of thing after the other. */
function buildSteps(scene: Scene, files: Comparison, isNew: boolean): readonly Step[] {
  const { copies, name } = scene;
  const all = nodesOf(diskful(copies));
  const good = goodCopy(copies);
  const res = wantedRes(scene, files.keep);
  const moved = files.isMoved && notInSync({ resource: name, nodes: all }, scene.facts) === undefined ? all : undefined;
  const notSplit: Condition = { is: 'drbd-not-split', resource: name, nodes: all };
  const fromGood = (node: string): readonly Condition[] => (isNew || good === undefined || good === node ? [] : [{ is: 'drbd-uptodate', resource: name, node: good }]);
  const changed = new Set(files.write);
  return [
    ...copies.filter(({ fact }) => fact.drbdVersion === undefined).map(({ node }) => loadModule(node)),
    ...copies.flatMap((copy) => volumeSteps(copy, scene)),
    ...files.write.map((node, at) => writeFile(node, res, at === 0 && moved ? [{ is: 'drbd-in-sync', resource: name, nodes: moved }] : [])),
    ...copies.flatMap((copy) => metadataSteps(copy, scene, isNew, good, fromGood(copy.node))),
    ...adjustInOrder(scene, copies.filter((copy) => changed.has(copy.node) || needsAdjust(copy)), ({ node }) => adjust(node, name, [notSplit, ...fromGood(node)])),
  ];
}

/** A node whose data all others can be copied from. */
export function goodCopy(copies: readonly Copy[]): string | undefined {
  return copies.find(({ replica }) => replica?.disk === 'UpToDate')?.node;
}

function volumeSteps({ node, backing, replica, file }: Copy, scene: Scene): readonly Step[] {
  if (!backing) return [];
  if (backing.in === 'device') return file || replica ? [] : [checkEmpty(node, backing.path)];
  const { group, name, volume } = backing;
  if (!volume) return [makeVolume(node, group, name, targetBytes(scene.bytes, backing.room), scene.mark, noRoom(node, backing, targetBytes(scene.bytes, backing.room)))];
  if (file || replica || volume.tags.includes(scene.mark)) return [];
  return [heldStep(`use the volume ${group}/${name} on ${node}`, { code: 'NOT_OWNED', reason: `${node} has a logical volume ${group}/${name} that latido did not make: rename or remove it, or name it as \`device\``, approvable: false })];
}

/** Nothing that could be read as metadata is there. */
function needsMetadata({ backing, replica }: Copy): boolean {
  if (!backing) return false;
  return replica === undefined || replica.metadata === 'absent';
}

function metadataSteps(copy: Copy, scene: Scene, isNew: boolean, good: string | undefined, guards: readonly Condition[]): readonly Step[] {
  const { node, replica, backing } = copy;
  if (backing && replica && replica.metadata === 'unknown' && !(backing.in === 'group' && !backing.volume)) {
    return [heldStep(`look at the metadata on ${node}`, { code: 'UNKNOWN', reason: `drbdadm cannot tell whether ${backing.path} on ${node} has metadata: run drbdadm dump-md ${scene.name} there`, approvable: false })];
  }
  const isLost = backing?.in === 'group' && !backing.volume;
  if (!needsMetadata(copy) && !isLost) return [];
  if (!isNew && good === undefined) return [heldStep(`create the metadata on ${node}`, { code: 'LAST_COPY', reason: 'no other copy is UpToDate: it would have nothing to be copied from', approvable: false })];
  return [createMetadata(node, scene, guards)];
}

/** Down, without its disk, standing alone, or not as its file says; what only waits for its peer is left waiting. */
function needsAdjust({ replica, backing }: Copy): boolean {
  if (!replica?.isUp) return true;
  if (backing && (replica.disk === 'Diskless' || replica.metadata === 'absent')) return true;
  return replica.peers.some(({ connection }) => connection === 'StandAlone') || (replica.adjust?.length ?? 0) > 0;
}

/** Waited for where this plan brings it about; a link that is cut would be waited for in vain. */
function linkSteps(scene: Scene, isBuilding: boolean): readonly Step[] {
  if (!isBuilding) return [];
  const isCut = scene.copies.every(({ replica }) => replica?.isUp === true && replica.peers.some(({ connection }) => connection !== 'Connected' && connection !== 'StandAlone'));
  return isCut ? [] : [waitConnected(scene)];
}

/** Once, for copies that never held anything. */
function firstData({ name, major, copies, spec }: Scene): readonly Step[] {
  const data = diskful(copies);
  const [first] = data;
  const isFresh: Condition = { is: 'drbd-new', resource: name, nodes: nodesOf(data) };
  const linked: Condition = { is: 'drbd-connected', resource: name, nodes: nodesOf(copies) };
  if (!first) return [];
  if (typeof spec.initialSync === 'object') {
    const { from } = spec.initialSync;
    return [
      command(from, 'begin the first synchronisation: its data goes to all others, from it', ['drbdadm', 'primary', '--force', name], { guards: [isFresh, linked] }),
      ...(spec.dualPrimary ? [] : [command(from, 'make it Secondary again', ['drbdadm', 'secondary', name])]),
    ];
  }
  const argv = major === 9 ? ['drbdadm', 'new-current-uuid', '--clear-bitmap', `${name}/0`] : ['drbdadm', '--', '--clear-bitmap', 'new-current-uuid', name];
  return [command(first.node, 'declare the new copies equal, without copying,', argv, { guards: [isFresh, linked] })];
}

/** One subject with stateFields: a role is wanted only where both may write. */
function rolesWork(scene: Scene): Work {
  const { spec, copies, name } = scene;
  const data = diskful(copies);
  const missing = spec.dualPrimary ? data.filter(({ replica }) => replica?.role !== 'Primary') : [];
  return {
    fields: missing.map(({ node, replica }) => ({ path: `nodes.${node}.role`, from: replica?.role, to: 'Primary', effect: 'live' })),
    steps: missing.flatMap(({ node }) => [becomePrimary(node, name, [{ is: 'drbd-in-sync', resource: name, nodes: nodesOf(data) }]), ...(spec.storage && !data.every(isNewCopy) ? [lookAgain(node, scene)] : [])]), notes: [],
  };
}

/** What needs every copy equal waits for a resync that runs already, or for a link that is cut, in a later plan. */
function unlessInSync({ name, facts, copies, spec }: Scene, nodes: readonly string[]): Hold | undefined {
  const why = differText(name, copies, spec.verify?.repair === true) ?? notInSync({ resource: name, nodes }, facts);
  if (why === undefined) return undefined;
  const running = resyncText(copies);
  return running === undefined ? { code: 'WAITS_FOR', reason: why, approvable: false } : { code: 'RESYNC', reason: running, approvable: false };
}

function stateFields(scene: Scene, files: Comparison): readonly FieldChange[] {
  return scene.copies.flatMap((copy): readonly FieldChange[] => {
    const from = stateOf(copy);
    if (from !== undefined) return [{ path: `nodes.${copy.node}.state`, from, to: copy.backing ? 'UpToDate' : 'up', effect: 'live' }];
    const drift = copy.replica?.adjust ?? [];
    if (drift.length === 0 || files.write.includes(copy.node)) return [];
    return [{ path: `nodes.${copy.node}.running`, from: 'not as its file says', to: 'as its file says', effect: 'live', note: drift.join('; ') }];
  });
}

/** What a node lacks that its steps give it; nothing where DRBD itself is at work, or only the peer is missing. */
function stateOf(copy: Copy): string | undefined {
  const { backing, replica, text } = copy;
  if (backing?.in === 'group' && !backing.volume) return 'no volume';
  if (text === undefined && !replica) return 'no file';
  if (needsMetadata(copy)) return 'no metadata';
  if (!replica?.isUp) return 'down';
  if (backing && replica.disk === 'Diskless') return 'Diskless';
  if (replica.peers.some(({ connection }) => connection === 'StandAlone')) return 'StandAlone';
  return backing && isNewCopy(copy) && replica.disk === 'Inconsistent' && !replica.peers.some(({ disk }) => disk === 'UpToDate') ? 'Inconsistent' : undefined;
}

function notesOf({ copies, facts, name, spec }: Scene): readonly string[] {
  const running = resyncText(copies);
  const nodes = nodesOf(diskful(copies));
  const apart = running === undefined && copies.every(({ replica }) => replica?.isUp) ? notConnected({ resource: name, nodes: nodesOf(copies) }, facts) : undefined;
  const behind = running === undefined && apart === undefined && copies.every(({ replica }) => replica?.isUp) ? differText(name, copies, spec.verify?.repair === true) ?? notInSync({ resource: name, nodes }, facts) : undefined;
  const decided = spec.resolveSplitBrain;
  return [
    ...(running === undefined ? [] : [running]), ...(apart === undefined ? [] : [apart]), ...(behind === undefined ? [] : [behind]),
    ...(decided === undefined ? [] : [`resolveSplitBrain names event ${decided.event}, which is over: it may be taken out`]),
    ...copies.flatMap(({ node, replica }) => (replica?.suspended === undefined ? [] : [`writes wait on ${node}: ${replica.suspended}`])),
  ];
}

/** What a reader of a new resource is told. */
export function createdFields(scene: Scene): readonly FieldChange[] {
  const { spec, copies, minor } = scene;
  const field = (path: string, to: FieldChange['to']): FieldChange => ({ path, from: undefined, to, effect: 'live' });
  return [
    field('size', printSize(scene.bytes)), field('device', `/dev/drbd${minor}`),
    ...copies.map(({ node, backing, spec: own }) => field(`nodes.${node}`, `${backing?.path ?? 'diskless'} at ${own?.address ?? ''}`)),
    ...[...wantedRes(scene).options].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, value]) => field(`options.${path}`, value)),
    ...(spec.sharedSecret ? [field('sharedSecret', spec.sharedSecret)] : []),
    ...(spec.storage ? [field('storage', `${spec.storage.volumeGroup} as ${spec.storage.id}`)] : []), field('reclaim', spec.reclaim ?? 'keep'),
  ];
}

// In: copies that `adjust` alone cannot bring together again: a Primary that has lost its disk and hears of no good copy, a Primary
// whose data is older than its peer's, two Primaries where one is allowed. Out: `adjust` where it can succeed, and what comes first. Pure.
// Must never drop anything: an older copy holds nothing that its peer lacks; else it is a split brain, and Git decides (split.ts).
import type { Condition, Hold, Step } from '../../model/step.ts';
import { generationTowards, lineage } from '../../safety/generations.ts';
import { command, waitConnected, withHold } from './commands.ts';
import { sameGenerations } from './generations-seen.ts';
import { guestsOn } from './guests-on.ts';
import type { Copy, Scene } from './scene.ts';
import { diskful, isNewCopy, nodesOf } from './scene.ts';
import { fewerPrimaries } from './primaries.ts';
import { groupOf } from './split.ts';

/** @param due copies whose kernel is not as their file says */
export function adjustInOrder(scene: Scene, due: readonly Copy[], adjust: (copy: Copy) => Step): readonly Step[] {
  if (due.length === 0) return [];
  const last = due.filter(isStranded);
  const steps = [...connectFirst(scene, last), ...due.filter((copy) => !isStranded(copy)).map(adjust)];
  const isWaiting = last.length > 0 && !isCut(scene, last);
  const following = scene.copies.flatMap((copy) => followSteps(scene, copy));
  // Neither is older than the other.
  const fewer = following.length > 0 ? undefined : fewerPrimaries(scene);
  return [
    ...following, ...fewer?.steps ?? [], ...withHold(steps, fewer?.hold),
    ...(isWaiting ? [waitConnected(scene)] : []), ...last.flatMap((copy) => withHold([adjust(copy)], isWaiting ? undefined : unheard(copy))),
  ];
}

/** DRBD gives users of a Primary no other data than they saw last: another disk is taken only while a good copy is heard (Failure 150). */
function isStranded(copy: Copy): boolean {
  const { backing, replica } = copy;
  if (!backing || replica?.role !== 'Primary' || replica.disk !== 'Diskless' || !isNewCopy(copy)) return false;
  return !replica.peers.some(({ connection, disk }) => connection === 'Connected' && disk === 'UpToDate');
}

/** `adjust` would try the disk first, and end there. */
function connectFirst({ name, copies }: Scene, stranded: readonly Copy[]): readonly Step[] {
  const notSplit: Condition = { is: 'drbd-not-split', resource: name, nodes: nodesOf(diskful(copies)) };
  return stranded.filter(standsAlone).map(({ node }) => command(node, 'connect it, so that it hears of a good copy,', ['drbdadm', 'connect', name], { guards: [notSplit], alsoDone: CONNECTED }));
}

/** `drbdsetup` says that there is such a connection already. */
const CONNECTED = [10];

function standsAlone({ replica }: Copy): boolean {
  return replica?.peers.some(({ connection }) => connection === 'StandAlone') === true;
}

/** Nothing that a step could mend keeps them apart. */
function isCut({ copies }: Scene, stranded: readonly Copy[]): boolean {
  return copies.every((copy) => copy.replica?.isUp === true && !standsAlone(copy)) && stranded.every(({ replica }) => replica?.peers.every(({ connection }) => connection !== 'Connected'));
}

function unheard({ node }: Copy): Hold {
  return { code: 'WAITS_FOR', reason: `${node} is Primary and lost its disk: DRBD takes another one only once it hears of a good copy`, approvable: false };
}

/** DRBD 9 makes no new generation before the first write: after a cut only one of two Primaries may have gone on, and the other would have to be overwritten in use. */
function followSteps(scene: Scene, copy: Copy): readonly Step[] {
  const { name, copies, facts } = scene;
  const { node, replica } = copy;
  const newer = diskful(copies).find((other) => other !== copy && (standsAlone(copy) || standsAlone(other)) && isOlder(scene, copy, other));
  // Under a Primary whose own data is no good anyway, DRBD copies.
  if (replica?.role !== 'Primary' || !['UpToDate', 'Consistent', 'Outdated'].includes(replica.disk) || !newer) return [];
  const guards: readonly Condition[] = [{ is: 'drbd-generations', resource: name, generations: sameGenerations(facts, name, [node, newer.node]) }, { is: 'drbd-uptodate', resource: name, node: newer.node }];
  const group = groupOf(scene, copy);
  const guests = guestsOn(scene, node);
  const hold: Hold | undefined = guests.length === 0 ? undefined : { code: 'WAITS_FOR', reason: `${guests.join(', ')} run on ${node}, whose copy is older than that of ${newer.node} and has to follow it: shut them down first`, approvable: false };
  return withHold([
    ...(group === undefined ? [] : [command(node, `let go of the volume group ${group}`, ['vgchange', '-an', group], { guards })]),
    command(node, `make it Secondary, for its copy to follow that of ${newer.node},`, ['drbdadm', 'secondary', name], { guards }),
  ], hold);
}

function isOlder({ name, facts }: Scene, copy: Copy, other: Copy): boolean {
  const [own, theirs] = [generationTowards(facts.storageNodes?.get(copy.node), name, other.node), generationTowards(facts.storageNodes?.get(other.node), name, copy.node)];
  return own !== undefined && theirs !== undefined && !isNewCopy(copy) && other.replica?.disk === 'UpToDate' && lineage(own, theirs) === 'second-newer';
}

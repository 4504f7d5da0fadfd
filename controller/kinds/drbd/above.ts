// In: the storages that something stands on. Out: the DRBD resources below them, and why nothing may be moved, started, stopped
// or changed on them now. Pure. Found by the manifests, and by what LVM shows where no manifest tells.
import { objectsOf } from '../../model/desired.ts';
import type { KindContext } from '../../model/kind.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { compareText, refText } from '../../model/ref.ts';
import { nodeFact } from '../../model/facts.ts';
import { notInSync, untold, unusable } from '../../safety/drbd.ts';
import { resyncText } from '../../safety/resync.ts';
import { splitsOf } from '../../safety/generations.ts';
import { isMove } from '../node/drain.ts';
import { differText } from './differ.ts';
import { copyOf, diskful, holdersOf } from './scene.ts';
import type { Copy } from './scene.ts';
import type { DrbdSpec } from './schema.ts';
import { usedAt } from './used-at.ts';

interface Base { readonly resource: string; readonly nodes: readonly string[]; readonly copies: readonly Copy[]; /** By a manifest. */ readonly isNamed: boolean; /** By which what differs is made equal. */ readonly isRepaired: boolean }

/** Resources below these storages, by name. */
function basesOf(storages: readonly string[], { facts, desired }: KindContext): readonly Base[] {
  const named = objectsOf(desired, 'DrbdResource').filter(({ spec }) => storages.includes((spec as DrbdSpec).storage?.id ?? '')).map(({ ref }) => ref.name);
  const groups = storages.flatMap((storage) => facts.storageDefs.get(storage)?.vgname ?? []);
  const found = [...facts.storageNodes?.values() ?? []].flatMap(({ physical, replicas }) => physical.filter(({ group }) => groups.includes(group)).flatMap(({ device }) => {
    const minor = /^\/dev\/drbd(\d+)$/.exec(device)?.[1];
    return [...replicas.values()].filter((replica) => minor !== undefined && replica.minor === Number(minor)).map(({ resource }) => resource);
  }));
  return [...new Set([...named, ...found])].sort(compareText).map((resource) => {
    const copies = holdersOf(resource, facts).flatMap((node) => copyOf(resource, node, undefined, facts) ?? []);
    const written = objectsOf(desired, 'DrbdResource').find(({ ref }) => ref.name === resource)?.spec as DrbdSpec | undefined;
    const nodes = written ? Object.entries(written.nodes).filter(([, { diskless }]) => !diskless).map(([node]) => node) : diskful(copies).map(({ node }) => node);
    return { resource, copies, isNamed: written !== undefined, isRepaired: written?.verify?.repair === true, nodes: [...nodes].sort(compareText) };
  });
}

/**
 * The same steps. All are held while the data below is split or cannot be judged, moves while its copies are not equal; and what
 * opens the data on a node is held while it cannot be opened there, unless this very plan sees to that before. Asked again just before.
 */
export function heldAbove(steps: readonly Step[], storages: readonly string[], context: KindContext): readonly Step[] {
  const bases = basesOf(storages, context);
  if (bases.length === 0) return steps;
  const unfit = splitBelow(bases, context) ?? untoldBelow(bases, context);
  if (unfit) return steps.map((step) => (step.hold?.approvable === false ? step : { ...step, hold: unfit }));
  const unequal = unequalBelow(bases, context);
  const inSync = bases.map(({ resource, nodes }): Condition => ({ is: 'drbd-in-sync', resource, nodes }));
  return steps.map((step) => {
    const moved = isMove(step) ? guarded(step, inSync, unequal) : step;
    const node = usedAt(step, storages);
    const opened = node === undefined ? [] : bases.flatMap((base) => openedAt(base, node, context) ?? []);
    return guarded(moved, opened, opened.map((condition) => notUsable(condition, bases, context)).find((hold) => hold !== undefined));
  });
}

function guarded(step: Step, guards: readonly Condition[], hold: Hold | undefined): Step {
  return { ...step, guards: [...step.guards, ...guards], ...(hold && step.hold?.approvable !== false ? { hold } : {}) };
}

type Usable = Extract<Condition, { is: 'drbd-usable' }>;

/** Of a resource that no manifest names only the nodes that were asked can be judged. */
function openedAt({ resource, isNamed, copies }: Base, node: string, { facts }: KindContext): Usable | undefined {
  if (!isNamed && !facts.storageNodes?.has(node)) return undefined;
  const copy = copies.find((one) => one.node === node);
  const promotes = copy?.fact.drbdVersion?.startsWith('8.') === false && copy.file !== undefined && copy.file.options.get('options.auto-promote') !== 'no';
  return { is: 'drbd-usable', resource, node, ...(promotes ? { promotes } : {}) };
}

function notUsable(condition: Usable, bases: readonly Base[], { facts, ahead }: KindContext): Hold | undefined {
  const why = unusable(condition, facts);
  const { resource, node } = condition;
  const below = ahead?.get(refText({ kind: 'DrbdResource', name: resource })) ?? [];
  if (why === undefined || isBroughtAbout(condition, below, facts)) return undefined;
  const running = resyncText(bases.find((base) => base.resource === resource)?.copies ?? []);
  const held = below.find(({ hold }) => hold)?.hold;
  const because = running ?? (held && `DrbdResource/${resource} is held: ${held.reason}`);
  return { code: running === undefined ? 'WAITS_FOR' : 'RESYNC', reason: `${resource}, on which it stands, cannot be used on ${node}: ${why}${because === undefined ? '' : ` (${because})`}`, approvable: false };
}

/** The plan itself promotes it there; or, where it is Primary already, brings its data back. */
function isBroughtAbout({ resource, node }: Usable, below: readonly Step[], { storageNodes }: KindContext['facts']): boolean {
  const done = below.flatMap(({ action, hold }) => (hold === undefined && action.via === 'ssh' && action.node === node ? [action.argv] : []));
  if (storageNodes?.get(node)?.replicas.get(resource)?.role === 'Primary') return done.length > 0;
  return done.some(([program, verb]) => program === 'drbdadm' && verb === 'primary');
}

function splitBelow(bases: readonly Base[], { facts }: KindContext): Hold | undefined {
  for (const { resource, nodes } of bases) {
    const [event] = splitsOf(resource, nodes, facts.storageNodes);
    if (event) return { code: 'SPLIT_BRAIN', reason: `${resource}, on which it stands, is split (event ${event.id}): ${event.nodes.join(' and ')} have written apart from each other`, approvable: false };
  }
  return undefined;
}

/** A node that is up and does not tell of its copy may be the other half of a split brain; of one that is off Proxmox's quorum takes care. */
function untoldBelow(bases: readonly Base[], { facts }: KindContext): Hold | undefined {
  for (const { resource, nodes } of bases) {
    for (const node of nodes) {
      const why = nodeFact(facts, node)?.online === true ? untold(node, facts) : undefined;
      if (why !== undefined) return { code: 'UNKNOWN', reason: `${resource}, on which it stands, cannot be judged: ${why}`, approvable: false };
    }
  }
  return undefined;
}

function unequalBelow(bases: readonly Base[], { facts }: KindContext): Hold | undefined {
  for (const { resource, nodes, copies, isRepaired } of bases) {
    const why = notInSync({ resource, nodes }, facts);
    if (why !== undefined) return { code: 'RESYNC', reason: `${resource}, on which it stands, is not in sync: ${resyncText(copies) ?? differText(resource, copies, isRepaired) ?? why}`, approvable: false };
  }
  return undefined;
}

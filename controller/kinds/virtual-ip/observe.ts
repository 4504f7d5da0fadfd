// In: what the nodes told of one address. Out: whether it is set up, by us, or not to be known; and how it stands, in words. Pure.
// Must never take a node that did not tell for one that has nothing.
import type { Observed, Subject } from '../../model/change.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import type { KindContext, Standing } from '../../model/kind.ts';
import { untold } from '../../safety/drbd.ts';
import { seenOn } from './seen.ts';
import { bare, nodesWithOurs, oursIn, sceneOf } from './scene.ts';
import type { Member, Scene } from './scene.ts';
import type { VirtualIpSpec } from './schema.ts';

/** Nodes whose programs are told of it. */
export interface VirtualIpLive { readonly nodes: readonly string[] }

export function observeAddress({ id, desired }: Subject<VirtualIpSpec>, facts: Facts, mark: string): Observed<VirtualIpLive> {
  if (facts.storageNodes === undefined) return { state: 'unknown', why: 'no node was asked over ssh' };
  const ours = nodesWithOurs(id, mark, facts);
  const named = desired ? Object.keys(desired.spec.nodes) : [...facts.storageNodes.keys()];
  for (const node of new Set([...named, ...ours])) {
    const why = untold(node, facts) ?? (facts.storageNodes.get(node)?.virtualIp ? undefined : `${node} did not tell of keepalived and heartbeat`);
    if (why !== undefined) return { state: 'unknown', why: `${why}${desired ? meanwhile(desired.spec, facts) : ''}` };
  }
  if (ours.length > 0) return { state: 'present', live: { nodes: ours }, owned: true };
  const theirs = desired ? named.filter((node) => seenOn(facts.storageNodes?.get(node)?.virtualIp ?? {}, id, bare(desired.spec.address), mark)) : [];
  return theirs.length > 0 ? { state: 'present', live: { nodes: theirs }, owned: false } : { state: 'absent' };
}

/** Who has it, of those that told. */
function meanwhile({ address, nodes }: VirtualIpSpec, { storageNodes }: Facts): string {
  const answering = Object.keys(nodes).sort().flatMap((node) => { const fact = storageNodes?.get(node); return fact && fact.unread === undefined ? [fact] : []; });
  const holders = answering.filter(({ addresses }) => addresses.some((one) => bare(one.address) === bare(address))).map(({ node }) => node);
  return holders.length === 0 ? '' : `; ${holders.join(' and ')} ${holders.length > 1 ? 'have' : 'has'} ${bare(address)}`;
}

export function markedAddresses(facts: Facts, mark: string): readonly { readonly ref: { readonly kind: string; readonly name: string }; readonly id: string }[] {
  const names = new Set([...facts.storageNodes?.values() ?? []].flatMap(({ virtualIp }) => oursIn(virtualIp, mark).map(({ name }) => name)));
  return [...names].sort().map((name) => ({ ref: { kind: 'VirtualIP', name }, id: name }));
}

/** Who has it, since when as its program noted, and what the others say. Nobody or two is trouble. */
export function standingOf(object: DesiredObject<VirtualIpSpec>, { facts, desired, mark }: KindContext): Standing | undefined {
  const scene = sceneOf(object.ref.name, object.spec, facts, desired, mark);
  if (scene.members.length < Object.keys(object.spec.nodes).length) return undefined;
  const states = [...scene.members, ...scene.leaving].map((member) => `${member.node} ${stateText(scene, member)}`).join(', ');
  const { address, holders } = scene;
  if (holders.length === 0) return { message: `nobody has ${address}: ${states}`, trouble: 'NoHolder' };
  if (holders.length > 1) return { message: `${holders.map(({ node }) => node).join(' and ')} have ${address} at the same time: ${states}`, trouble: 'TwoHolders' };
  const [holder] = holders;
  const since = holder && sinceOf(scene, holder);
  return { message: `${holder?.node ?? ''} has ${address}${since === undefined ? '' : ` since ${new Date(since).toISOString()}`}: ${states}` };
}

function sinceOf({ name, provider }: Scene, { programs }: Member): number | undefined {
  const noted = provider === 'keepalived' ? programs.keepalived?.states.get(name) : undefined;
  return noted?.state === 'MASTER' ? noted.since : undefined;
}

function stateText({ name, provider }: Scene, { programs, has, node }: Member): string {
  if (provider === 'heartbeat') {
    const { heartbeat } = programs;
    if (!heartbeat?.running) return `heartbeat ${heartbeat ? 'stopped' : 'not installed'}`;
    const dead = [...heartbeat.peers].filter(([peer, state]) => peer !== node && state === 'dead').map(([peer]) => peer);
    return `${heartbeat.resources ?? 'says nothing'}${dead.length > 0 ? `, takes ${dead.join(' and ')} for dead` : ''}`;
  }
  const { keepalived } = programs;
  if (!keepalived?.running) return `keepalived ${keepalived ? 'stopped' : 'not installed'}`;
  return keepalived.states.get(name)?.state ?? (has ? 'MASTER' : 'BACKUP');
}

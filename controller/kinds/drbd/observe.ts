// In: what the nodes told of one resource. Out: whether it is there, ours, at rest, or not to be known. Pure.
// Must never take a node that did not tell for one that has nothing.
import { markOf } from '../../drbd/res-text.ts';
import type { Observed, Subject } from '../../model/change.ts';
import type { Desired } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import { compareText } from '../../model/ref.ts';
import { untold } from '../../safety/drbd.ts';
import { copyOf, diskful, holdersOf, isNewCopy, isOurs } from './scene.ts';
import type { Copy } from './scene.ts';
import type { DrbdSpec } from './schema.ts';

/** All else of it is asked of the facts. */
export interface DrbdLive { readonly nodes: readonly string[] }

export function observeResource(subject: Subject<DrbdSpec>, facts: Facts, mark: string, _desired: Desired): Observed<DrbdLive> {
  const spec = subject.desired?.spec;
  const named = spec ? Object.keys(spec.nodes) : [...facts.storageNodes?.keys() ?? []];
  if (!spec && facts.storageNodes === undefined) return { state: 'unknown', why: 'no node was asked over ssh' };
  const holders = holdersOf(subject.id, facts);
  const nodes = [...new Set([...named, ...holders])].sort(compareText);
  const silent = nodes.flatMap((node) => untold(node, facts) ?? configTrouble(node, facts) ?? []);
  if (silent[0] !== undefined) return { state: 'unknown', why: silent[0] };
  const copies = nodes.flatMap((node) => copyOf(subject.id, node, spec?.nodes[node], facts) ?? []);
  const elsewhere = copies.find(({ node, text, replica }) => text === undefined && replica && fileNaming(subject.id, node, facts) !== undefined);
  if (elsewhere) return { state: 'unknown', why: `on ${elsewhere.node} it is written in /etc/drbd.d/${fileNaming(subject.id, elsewhere.node, facts) ?? ''}.res: move it into /etc/drbd.d/${subject.id}.res` };
  const garbled = copies.find(({ text, file }) => text !== undefined && !file);
  if (garbled) return { state: 'unknown', why: `/etc/drbd.d/${subject.id}.res on ${garbled.node} does not define it` };
  if (holders.length === 0) return { state: 'absent' };
  const owned = copies.some((copy) => isOurs(copy, mark)) || (subject.memory !== undefined && copies.every(({ text }) => text === undefined));
  const why = copies.map((copy) => unsettled(copy)).find((reason) => reason !== undefined);
  if (why !== undefined) return { state: 'busy', why, owned };
  if (spec && owned && isHalfMade(copies)) return { state: 'absent' };
  return { state: 'present', live: { nodes: holders }, owned };
}

function configTrouble(node: string, facts: Facts): string | undefined {
  const why = facts.storageNodes?.get(node)?.configTrouble;
  return why === undefined ? undefined : `drbdadm on ${node} refuses its whole configuration: ${why}`;
}

/** The name of another file that defines it. */
function fileNaming(name: string, node: string, facts: Facts): string | undefined {
  const texts = facts.storageNodes?.get(node)?.resFiles ?? new Map<string, string>();
  return [...texts.keys()].find((file) => file !== name && new RegExp(`^\\s*resource\\s+"?${name.replaceAll('.', '\\.')}"?\\s*\\{`, 'm').test(texts.get(file) ?? ''));
}

/** States that pass by themselves within seconds. */
const PASSING = /^(?:Attaching|Detaching|Negotiating|StartingSync[ST]|WFBitMap[ST]|WFSyncUUID)$/;

function unsettled({ node, replica }: Copy): string | undefined {
  const state = [replica?.disk, ...(replica?.peers.map(({ replication }) => replication) ?? [])].find((one) => one !== undefined && PASSING.test(one));
  return state === undefined ? undefined : `on ${node} it is ${state}, which passes by itself`;
}

/** We began to make it and none of it ever held data: it is still being made. */
function isHalfMade(copies: readonly Copy[]): boolean {
  // Without the module nothing tells what a copy holds.
  if (copies.some(({ text, fact }) => text !== undefined && fact.drbdVersion === undefined)) return false;
  return diskful(copies).every((copy) => isNewCopy(copy) && copy.replica?.disk !== 'UpToDate');
}

export function markedResources(facts: Facts, mark: string): readonly string[] {
  const names = [...facts.storageNodes?.values() ?? []].flatMap(({ resFiles }) => [...resFiles].filter(([, text]) => markOf(text)?.mark === mark).map(([name]) => name));
  return [...new Set(names)].sort(compareText);
}

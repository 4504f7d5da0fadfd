// In: an address's manifest and what the nodes told. Out: its nodes side by side, one shape for both programs. Pure.
// Must never describe a node that did not tell: observe.ts has refused those before.
import { objectsOf } from '../../model/desired.ts';
import type { Desired } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import type { NodeStorageFact, VirtualIpNodeFact } from '../../model/node-facts.ts';
import { compareText } from '../../model/ref.ts';
import { isInside, parseIp, parsePrefixed } from '../../virtual-ip/ip.ts';
import { markOf } from '../../virtual-ip/keepalived-text.ts';
import type { Provider, VirtualIpSpec } from './schema.ts';

export interface Member {
  readonly node: string;
  readonly fact: NodeStorageFact;
  readonly programs: VirtualIpNodeFact;
  /** 0: the manifest does not name it any more. */
  readonly priority: number;
  /** Its own address on the interface. */
  readonly own: string | undefined;
  /** The address is on one of its interfaces. */
  readonly has: boolean;
}

export interface Scene {
  readonly name: string;
  readonly spec: VirtualIpSpec;
  readonly mark: string;
  readonly provider: Provider;
  /** Without its prefix. */
  readonly address: string;
  /** Those of the manifest, the highest priority first. */
  readonly members: readonly Member[];
  /** Nodes that have our configuration of it and that the manifest does not name. */
  readonly leaving: readonly Member[];
  /** Nodes that have the address now. */
  readonly holders: readonly Member[];
}

export function sceneOf(name: string, spec: VirtualIpSpec, facts: Facts, desired: Desired, mark: string): Scene {
  const members = Object.keys(spec.nodes).flatMap((node) => memberOf(node, spec, facts, desired) ?? []).sort((a, b) => b.priority - a.priority || compareText(a.node, b.node));
  const leaving = nodesWithOurs(name, mark, facts).filter((node) => spec.nodes[node] === undefined).flatMap((node) => memberOf(node, spec, facts, desired) ?? []);
  return { name, spec, mark, provider: spec.provider ?? 'keepalived', address: bare(spec.address), members, leaving, holders: [...members, ...leaving].filter(({ has }) => has) };
}

function memberOf(node: string, spec: VirtualIpSpec, facts: Facts, desired: Desired): Member | undefined {
  const fact = facts.storageNodes?.get(node);
  if (!fact) return undefined;
  return { node, fact, programs: fact.virtualIp ?? {}, priority: spec.nodes[node] ?? 0, own: ownAddress(fact, spec, desired), has: fact.addresses.some((one) => bare(one.address) === bare(spec.address)) };
}

/** On the interface, of the same family, and no VirtualIP; best in the network of the address. */
function ownAddress({ addresses }: NodeStorageFact, spec: VirtualIpSpec, desired: Desired): string | undefined {
  const network = parsePrefixed(spec.address);
  const virtual = objectsOf(desired, 'VirtualIP').map((object) => bare((object.spec as VirtualIpSpec).address));
  const own = addresses.filter((one) => one.interface === spec.interface).map((one) => bare(one.address))
    .filter((one) => parseIp(one)?.family === network?.family && !/^fe80:/i.test(one) && !virtual.includes(one));
  return own.find((one) => { const ip = parseIp(one); return network && ip && isInside(network, ip); }) ?? own[0];
}

/** Nodes whose files say that this address is ours there, as far as they told. */
export function nodesWithOurs(name: string, mark: string, facts: Facts): readonly string[] {
  return [...facts.storageNodes ?? []].filter(([, { virtualIp }]) => oursIn(virtualIp, mark).some((one) => one.name === name)).map(([node]) => node).sort(compareText);
}

export interface Ours { readonly name: string; readonly provider: Provider }

/** What our files on a node are for. */
export function oursIn(programs: VirtualIpNodeFact | undefined, mark: string): readonly Ours[] {
  const parts = [...programs?.keepalived?.parts ?? []].filter(([, text]) => markOf(text)?.mark === mark).map(([name]) => ({ name, provider: 'keepalived' as const }));
  const head = markOf(programs?.heartbeat?.files.get('ha.cf') ?? '');
  return [...parts, ...(head?.mark === mark && head.name !== undefined ? [{ name: head.name, provider: 'heartbeat' as const }] : [])];
}

export function nodesOf(members: readonly Member[]): readonly string[] {
  return members.map(({ node }) => node);
}

export function bare(address: string): string {
  return address.split('/')[0] ?? address;
}

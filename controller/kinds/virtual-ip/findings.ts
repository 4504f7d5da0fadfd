// In: an address's manifest. Out: every mistake that can be known without a cluster, or with what the cluster says of its nodes. Pure.
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { KindContext } from '../../model/kind.ts';
import { compareText, refText } from '../../model/ref.ts';
import { parsePrefixed, printIp } from '../../virtual-ip/ip.ts';
import { isNodeAwaited } from '../node/awaited.ts';
import { findingsOf, guessFix } from '../option-findings.ts';
import type { Found } from '../option-findings.ts';
import { VIRTUAL_IP_NAME } from './schema.ts';
import type { VirtualIpSpec } from './schema.ts';
import { bare } from './scene.ts';
import { routerIdOf } from './wanted.ts';

type Address = DesiredObject<VirtualIpSpec>;

/** Its start is waited for 90 s (START_HEARTBEAT), and takes `initdead`. */
const HEARTBEAT_ADVERT_MAX = 8;

export function virtualIpFindings(object: Address, desired: Desired): readonly Finding[] {
  const found = findingsOf(object);
  const { name } = object.ref;
  return [
    ...(VIRTUAL_IP_NAME.test(name) ? [] : [found('NAME_INVALID', 'metadata.name', `'${name}' cannot be the name of a VirtualIP: it becomes a file and a word of a configuration`, 'use letters, digits, _ and -, at most 60')]),
    ...addressFindings(object, desired, found), ...nodeFindings(object, found),
    ...(object.spec.provider === 'heartbeat' ? heartbeatFindings(object, desired, found) : keepalivedFindings(object, desired, found)),
  ];
}

function addressFindings({ spec, ref }: Address, desired: Desired, found: Found): readonly Finding[] {
  const ip = parsePrefixed(spec.address);
  if (!ip) return [found('OPTION_INVALID', 'spec.address', `'${spec.address}' is not an address with a prefix`, 'write for example 192.168.22.41/24')];
  const canonical = `${printIp(ip)}/${ip.prefix}`;
  if (canonical !== spec.address) return [found('OPTION_INVALID', 'spec.address', `the nodes write ${spec.address} as ${canonical}`, `write ${canonical}`)];
  const address = bare(spec.address);
  const node = objectsOf(desired, 'Node').find((each) => (each.spec as { readonly address?: string }).address?.toLowerCase() === address);
  const other = firstOther(ref.name, desired, (each) => bare(each.spec.address) === address);
  return [
    ...(node ? [found('DUPLICATE', 'spec.address', `${address} is the address of ${refText(node.ref)}`, 'the cluster needs an address that no node has as its own')] : []),
    ...(other ? [found('DUPLICATE', 'spec.address', `${address} is the address of ${refText(other.ref)} as well`)] : []),
  ];
}

function nodeFindings({ spec }: Address, found: Found): readonly Finding[] {
  const nodes = Object.entries(spec.nodes).sort(([a], [b]) => compareText(a, b));
  return nodes.filter(([, priority], at) => nodes.findIndex(([, one]) => one === priority) !== at)
    .map(([name, priority]) => found('DUPLICATE', `spec.nodes.${name}`, `two nodes have priority ${priority}`, 'give each its own, so that it is certain who comes first'));
}

function keepalivedFindings({ spec, ref }: Address, desired: Desired, found: Found): readonly Finding[] {
  const id = routerIdOf(spec);
  const other = firstOther(ref.name, desired, (each) => each.spec.provider !== 'heartbeat' && routerIdOf(each.spec) === id);
  const isVersion2 = spec.authentication !== undefined;
  return [
    ...(other ? [found('DUPLICATE', 'spec.virtualRouterId', `router id ${id} is that of ${refText(other.ref)} as well`, 'write a virtualRouterId that no other one has')] : []),
    ...(isVersion2 && !Number.isInteger(spec.advertSeconds ?? 1) ? [found('OPTION_INVALID', 'spec.advertSeconds', 'with authentication keepalived speaks VRRP 2, which knows whole seconds only', 'write whole seconds, or remove authentication')] : []),
    ...(isVersion2 && parsePrefixed(spec.address)?.family === 6 ? [found('OPTION_INVALID', 'spec.authentication', 'VRRP 2, which authentication needs, knows no IPv6', 'remove authentication')] : []),
  ];
}

function heartbeatFindings({ spec, ref }: Address, desired: Desired, found: Found): readonly Finding[] {
  const other = firstOther(ref.name, desired, (each) => each.spec.provider === 'heartbeat');
  return [
    ...(Object.keys(spec.nodes).length === 2 ? [] : [found('OPTION_INVALID', 'spec.nodes', 'heartbeat keeps an address between exactly two nodes', 'name two nodes, or write provider: keepalived')]),
    ...(parsePrefixed(spec.address)?.family === 6 ? [found('OPTION_INVALID', 'spec.address', 'heartbeat is driven with IPv4 only', 'write provider: keepalived')] : []),
    ...((spec.advertSeconds ?? 0) <= HEARTBEAT_ADVERT_MAX ? [] : [found('OPTION_INVALID', 'spec.advertSeconds', `heartbeat waits ten times as long when it starts, and with ${spec.advertSeconds ?? 0} s longer than its start is waited for`, `write at most ${HEARTBEAT_ADVERT_MAX}, or provider: keepalived`)]),
    ...(spec.virtualRouterId === undefined ? [] : [found('OPTION_INVALID', 'spec.virtualRouterId', 'heartbeat knows no router id', 'remove the line')]),
    ...(other ? [found('DUPLICATE', 'spec.provider', `${refText(other.ref)} is kept by heartbeat already, and its files hold one address`, 'write provider: keepalived')] : []),
  ];
}

/** The first in the order of names keeps it: only the later one has the mistake. */
function firstOther(name: string, desired: Desired, is: (other: Address) => boolean): Address | undefined {
  return (objectsOf(desired, 'VirtualIP') as readonly Address[]).find((each) => each.ref.name < name && parsePrefixed(each.spec.address) && is(each));
}

export function virtualIpLiveFindings(object: Address, { facts, desired }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  const names = facts.nodes.map(({ name }) => name);
  const owner = facts.nodes.find(({ address }) => address?.toLowerCase() === bare(object.spec.address));
  return [
    ...Object.keys(object.spec.nodes).filter((name) => !nodeFact(facts, name)).map((name) => found('NODE_UNKNOWN', `spec.nodes.${name}`, `the cluster has no node '${name}'`, guessFix(name, names), isNodeAwaited(desired, name) ? 'warning' : 'error')),
    ...(owner ? [found('DUPLICATE', 'spec.address', `${bare(object.spec.address)} is the cluster address of ${owner.name}`, 'the cluster needs an address that no node has as its own')] : []),
  ];
}

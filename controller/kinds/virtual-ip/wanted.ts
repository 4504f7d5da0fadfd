// What each program is to be told, as values; the texts of the files follow from them. Pure.
import { compareText } from '../../model/ref.ts';
import { parsePrefixed } from '../../virtual-ip/ip.ts';
import type { HeartbeatSetup } from '../../virtual-ip/heartbeat-text.ts';
import type { KeepalivedPart } from '../../virtual-ip/keepalived-text.ts';
import { ADVERT_SECONDS } from './schema.ts';
import type { VirtualIpSpec } from './schema.ts';
import type { Member, Scene } from './scene.ts';

/** The last number of the address is different for each address of a network of up to 256. */
export function routerIdOf(spec: VirtualIpSpec): number {
  const last = Number((parsePrefixed(spec.address)?.value ?? 0n) & 255n);
  return spec.virtualRouterId ?? (last === 0 ? 255 : last);
}

/** Undefined: a node has no address of its own on the interface. */
export function partOf({ name, spec, mark, members }: Scene, { node, own, priority }: Member): KeepalivedPart | undefined {
  const peers = members.filter((one) => one.node !== node).sort((a, b) => compareText(a.node, b.node)).flatMap((one) => one.own ?? []);
  if (own === undefined || peers.length !== members.length - 1) return undefined;
  return {
    name, mark, address: spec.address, interface: spec.interface, routerId: routerIdOf(spec), priority, source: own, peers,
    advertSeconds: spec.advertSeconds ?? ADVERT_SECONDS, preempt: spec.preempt ?? false, ...(spec.authentication ? { authentication: spec.authentication } : {}),
  };
}

/** Undefined: a node has no address of its own on the interface. */
export function setupOf({ name, spec, mark, members }: Scene): HeartbeatSetup | undefined {
  const nodes = [...members].sort((a, b) => compareText(a.node, b.node)).flatMap(({ node, own }) => (own === undefined ? [] : [{ name: node, address: own }]));
  const [first] = members;
  if (!first || nodes.length !== members.length) return undefined;
  return {
    name, mark, address: spec.address, interface: spec.interface, preferred: first.node, nodes,
    advertSeconds: spec.advertSeconds ?? ADVERT_SECONDS, preempt: spec.preempt ?? false, ...(spec.authentication ? { authentication: spec.authentication } : {}),
  };
}

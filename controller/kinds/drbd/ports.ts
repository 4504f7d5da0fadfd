// In: addresses of a manifest, some without a port. Out: the same with one: that in force, else the lowest that is free on all its
// nodes, from the one on that DRBD's own examples use; resources without one choose in the order of their names. Pure.
import { objectsOf } from '../../model/desired.ts';
import type { Desired } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import { compareText } from '../../model/ref.ts';
import { hostsOn } from './res-hosts.ts';
import type { DrbdSpec } from './schema.ts';

const FIRST_PORT = 7788;

export function withPorts(name: string, spec: DrbdSpec, facts: Facts, desired: Desired): DrbdSpec {
  if (Object.values(spec.nodes).every(({ address }) => portOf(address) !== undefined)) return spec;
  const port = portsOf(facts, desired).get(name) ?? portInForce(name, spec, facts) ?? FIRST_PORT;
  return { ...spec, nodes: Object.fromEntries(Object.entries(spec.nodes).map(([node, copy]) => [node, portOf(copy.address) === undefined ? { ...copy, address: `${copy.address}:${port}` } : copy])) };
}

/** `10.0.0.40:7788` → 7788, `[fd00::1]` → nothing. */
export function portOf(address: string | undefined): number | undefined {
  const port = /[\d\]]:(\d+)$/.exec(address ?? '')?.[1];
  return port === undefined ? undefined : Number(port);
}

function portsOf(facts: Facts, desired: Desired): ReadonlyMap<string, number> {
  const objects = objectsOf(desired, 'DrbdResource').map(({ ref, spec }) => ({ name: ref.name, spec: spec as DrbdSpec })).sort((a, b) => compareText(a.name, b.name));
  const chosen = new Map<string, number>();
  for (const { name, spec } of objects) {
    const known = portInForce(name, spec, facts);
    if (known !== undefined) chosen.set(name, known);
  }
  const written = objects.flatMap(({ spec }) => Object.values(spec.nodes).flatMap(({ address }) => portOf(address) ?? []));
  for (const { name, spec } of objects) {
    if (chosen.has(name)) continue;
    const taken = new Set([...written, ...chosen.values(), ...Object.keys(spec.nodes).flatMap((node) => portsOn(node, facts))]);
    let port = FIRST_PORT;
    while (taken.has(port)) port += 1;
    chosen.set(name, port);
  }
  return chosen;
}

/** Of a resource whose manifest leaves it to us. */
function portInForce(name: string, { nodes }: DrbdSpec, facts: Facts): number | undefined {
  for (const node of Object.keys(nodes)) {
    const port = portOf(hostsOn(node, facts).find((host) => host.resource === name && nodes[host.name] !== undefined)?.address);
    if (port !== undefined) return port;
  }
  return undefined;
}

function portsOn(node: string, facts: Facts): readonly number[] {
  return hostsOn(node, facts).flatMap(({ address }) => portOf(address) ?? []);
}

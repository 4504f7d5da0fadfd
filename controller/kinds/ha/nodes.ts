// The node list of HA groups and rules: `a:2,b`, where the higher number is preferred and none counts as 0.
import { isObject } from '../../model/json.ts';
import type { Json } from '../../model/json.ts';
import { compareText } from '../../model/ref.ts';
import { splitList } from '../../pve/text-check.ts';

/** As a manifest writes it: priorities by name, or just names. */
export type HaNodes = Readonly<Record<string, number>> | readonly string[];

export function prioritiesOf(nodes: HaNodes): ReadonlyMap<string, number> {
  return new Map(Array.isArray(nodes) ? (nodes as readonly string[]).map((name) => [name, 0]) : Object.entries(nodes as Readonly<Record<string, number>>));
}

/** Sorted, as Proxmox takes it. */
export function printNodes(nodes: HaNodes): string {
  return [...prioritiesOf(nodes)].sort(([a], [b]) => compareText(a, b)).map(([name, priority]) => (priority === 0 ? name : `${name}:${priority}`)).join(',');
}

/** One spelling for each node list that means the same. */
export function canonicalNodes(value: Json): string {
  if (isObject(value) || Array.isArray(value)) return printNodes(value as unknown as HaNodes);
  return printNodes(Object.fromEntries(splitList(String(value)).map((entry) => {
    const [name = '', priority] = entry.split(':');
    return [name, Number(priority ?? 0)];
  })));
}

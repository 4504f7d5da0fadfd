// In: what a node told. Out: the resources that its files name, and their hosts, whoever wrote them. Pure. What is not understood is passed by.
import { parseResFile } from '../../drbd/res-file.ts';
import type { ResFile, ResHost } from '../../drbd/res-file.ts';
import type { Facts } from '../../model/facts.ts';
import type { NodeStorageFact } from '../../model/node-facts.ts';

/** Each guest asks for what is below it: read once for each observation, whoever asks. */
const read = new WeakMap<NodeStorageFact, ReadonlyMap<string, readonly ResFile[]>>();

/** By the name of the file, `r0`. */
export function filesOn(fact: NodeStorageFact): ReadonlyMap<string, readonly ResFile[]> {
  const known = read.get(fact) ?? new Map([...fact.resFiles].flatMap(([name, text]) => {
    const files = parseResFile(text);
    return typeof files === 'string' ? [] : [[name, files] as const];
  }));
  read.set(fact, known);
  return known;
}

export function hostsOn(node: string, facts: Facts): readonly (ResHost & { readonly resource: string })[] {
  const fact = facts.storageNodes?.get(node);
  return fact === undefined ? [] : [...filesOn(fact).values()].flat().flatMap(({ name, hosts }) => hosts.map((host) => ({ ...host, resource: name })));
}

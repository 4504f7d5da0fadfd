// In: what a node told. Out: the hosts of every resource that its files name, whoever wrote them. Pure. What is not understood is passed by.
import { parseResFile } from '../../drbd/res-file.ts';
import type { ResHost } from '../../drbd/res-file.ts';
import type { Facts } from '../../model/facts.ts';

export function hostsOn(node: string, facts: Facts): readonly (ResHost & { readonly resource: string })[] {
  return [...facts.storageNodes?.get(node)?.resFiles.values() ?? []].flatMap((text) => {
    const files = parseResFile(text);
    return typeof files === 'string' ? [] : files.flatMap(({ name, hosts }) => hosts.map((host) => ({ ...host, resource: name })));
  });
}

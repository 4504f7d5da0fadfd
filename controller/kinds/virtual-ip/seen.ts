// What a node's program is told now about the address, by us or by somebody before us. Pure.
import type { VirtualIpNodeFact } from '../../model/node-facts.ts';
import { parseHeartbeat } from '../../virtual-ip/heartbeat-text.ts';
import type { HeartbeatFiles } from '../../virtual-ip/heartbeat-text.ts';
import { parseKeepalived } from '../../virtual-ip/keepalived-file.ts';
import type { VrrpInstance } from '../../virtual-ip/keepalived-file.ts';
import { markOf, PART_FOLDER } from '../../virtual-ip/keepalived-text.ts';
import { bare } from './scene.ts';

export type Seen =
  | { readonly by: 'keepalived'; readonly whose: 'ours' | 'theirs'; readonly instance: VrrpInstance }
  | { readonly by: 'heartbeat'; readonly whose: 'ours' | 'theirs'; readonly files: HeartbeatFiles };

/** Our own part counts first. Undefined: neither program is told of it there. */
export function seenOn(programs: VirtualIpNodeFact, name: string, address: string, mark: string): Seen | undefined {
  const part = programs.keepalived?.parts.get(name);
  const own = part !== undefined && markOf(part)?.mark === mark ? parseKeepalived(part)?.instances[0] : undefined;
  if (own) return { by: 'keepalived', whose: 'ours', instance: own };
  const files = programs.heartbeat && parseHeartbeat(programs.heartbeat.files, address);
  const head = markOf(programs.heartbeat?.files.get('ha.cf') ?? '');
  if (files && head?.mark === mark && head.name === name) return { by: 'heartbeat', whose: 'ours', files };
  const instance = theirInstance(programs, address, mark);
  if (instance) return { by: 'keepalived', whose: 'theirs', instance };
  return files?.preferred !== undefined && head?.mark !== mark ? { by: 'heartbeat', whose: 'theirs', files } : undefined;
}

function theirInstance({ keepalived }: VirtualIpNodeFact, address: string, mark: string): VrrpInstance | undefined {
  const { main } = keepalived ?? {};
  if (main === undefined || markOf(main)?.mark === mark) return undefined;
  return parseKeepalived(main)?.instances.find(({ addresses }) => addresses.some((one) => bare(one) === address));
}

/** How the main file of keepalived stands to us. */
export type MainFile =
  | { readonly is: 'absent' | 'ours' | 'changed' }
  /** Somebody else's that reads our parts: it is left alone. */
  | { readonly is: 'reads-ours' }
  /** Somebody else's with this one address in it and nothing else: it can be put aside. */
  | { readonly is: 'replaceable' }
  | { readonly is: 'foreign'; readonly why: string };

export function mainFileOf({ keepalived }: VirtualIpNodeFact, wanted: string, address: string, mark: string): MainFile {
  const { main } = keepalived ?? {};
  if (main === undefined) return { is: 'absent' };
  if (markOf(main)?.mark === mark) return { is: main === wanted ? 'ours' : 'changed' };
  const file = parseKeepalived(main);
  if (!file) return { is: 'foreign', why: 'it is not understood' };
  const mine = file.instances.filter(({ addresses }) => addresses.some((one) => bare(one) === address));
  if (mine.length === 0) return file.includes.some((path) => path === `${PART_FOLDER}/latido-*.conf` || path === `${PART_FOLDER}/*.conf`) ? { is: 'reads-ours' } : { is: 'foreign', why: 'latido did not write it' };
  const more = [...file.instances.filter((one) => !mine.includes(one)).map(({ name }) => `vrrp_instance ${name}`), ...file.others, ...file.includes.map((path) => `include ${path}`), ...(mine[0]?.addresses.slice(1) ?? [])];
  return more.length === 0 ? { is: 'replaceable' } : { is: 'foreign', why: `beside this address it holds ${more.join(', ')}` };
}

// keepalived's configuration as it stands on a node: its instances, and what else is in it. Pure.

export interface VrrpInstance {
  readonly name: string;
  readonly interface?: string;
  readonly routerId?: number;
  readonly priority?: number;
  readonly version?: number;
  readonly advertSeconds?: number;
  readonly preempt: boolean;
  readonly source?: string;
  readonly peers: readonly string[];
  /** As written, without what follows: `192.168.22.41/24`. */
  readonly addresses: readonly string[];
  readonly authentication: boolean;
}

export interface KeepalivedFile {
  readonly instances: readonly VrrpInstance[];
  readonly includes: readonly string[];
  /** Blocks that are neither instances nor global definitions, by their first line. */
  readonly others: readonly string[];
}

interface Block { readonly head: readonly string[]; readonly body: readonly Block[] | undefined }

/** More than a person writes: what is deeper is not understood. */
const DEPTH_MAX = 20;

/** Undefined: its braces do not match. */
export function parseKeepalived(text: string): KeepalivedFile | undefined {
  const lines = text.split('\n').map((line) => line.replace(/(^|\s)[#!].*$/, '').trim()).filter((line) => line !== '');
  // A brace may stand on the line of its name or on its own.
  const words = lines.flatMap((line) => line.replaceAll(/([{}])/g, '\n$1\n').split('\n').map((piece) => piece.trim()).filter((piece) => piece !== ''));
  const read = blocksOf(words, 0, 0);
  if (read === undefined || read.next !== words.length) return undefined;
  const named = (name: string) => read.blocks.filter(({ head }) => head[0] === name);
  return {
    instances: named('vrrp_instance').map(instanceOf),
    includes: named('include').map(({ head }) => head[1] ?? ''),
    others: read.blocks.filter(({ head }) => !['vrrp_instance', 'include', 'global_defs'].includes(head[0] ?? '')).map(({ head }) => head.join(' ')),
  };
}

function blocksOf(words: readonly string[], start: number, depth: number): { readonly blocks: readonly Block[]; readonly next: number } | undefined {
  const blocks: Block[] = [];
  let at = start;
  while (at < words.length && words[at] !== '}') {
    const head = (words[at] ?? '').split(/\s+/);
    if (head[0] === '{' || depth > DEPTH_MAX) return undefined;
    if (words[at + 1] !== '{') {
      blocks.push({ head, body: undefined });
      at += 1;
      continue;
    }
    const inner = blocksOf(words, at + 2, depth + 1);
    if (inner === undefined || words[inner.next] !== '}') return undefined;
    blocks.push({ head, body: inner.blocks });
    at = inner.next + 1;
  }
  return { blocks, next: at };
}

function instanceOf({ head, body = [] }: Block): VrrpInstance {
  const value = (name: string) => body.find((line) => line.head[0] === name)?.head[1];
  const number = (name: string) => { const text = value(name); return text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined; };
  const inside = (name: string) => (body.find((line) => line.head[0] === name)?.body ?? []).map((line) => line.head[0] ?? '');
  const has = (name: string) => body.some((line) => line.head[0] === name);
  const optional = { interface: value('interface'), source: value('unicast_src_ip'), routerId: number('virtual_router_id'), priority: number('priority'), version: number('version'), advertSeconds: number('advert_int') };
  return {
    name: head[1] ?? '', preempt: !has('nopreempt'), peers: inside('unicast_peer'), authentication: has('authentication'),
    addresses: [...inside('virtual_ipaddress'), ...inside('virtual_ipaddress_excluded')],
    ...Object.fromEntries(Object.entries(optional).filter(([, each]) => each !== undefined)),
  };
}

// The text of a `/etc/drbd.d/NAME.res`, as drbdadm reads it. In: the text. Out: its hosts and options, however it was laid out. Pure.
// Only what drbd.conf(5) calls a resource with `on` sections is understood; anything else is told as such.

export interface ResHost {
  readonly name: string;
  readonly nodeId?: number;
  /** `/dev/drbd0`. */
  readonly device?: string;
  readonly minor?: number;
  readonly disk?: string;
  /** `10.0.0.40:7788`. */
  readonly address?: string;
  readonly metaDisk?: string;
}

export interface ResFile {
  readonly name: string;
  /** In the order of their node ids, where they have any. */
  readonly hosts: readonly ResHost[];
  /** `net.protocol`, `disk.resync-rate`, `options.quorum`, `handlers.split-brain` → the value as written, without quotes; what stands alone (`allow-two-primaries;`) is `yes`. */
  readonly options: ReadonlyMap<string, string>;
}

interface Block { readonly words: readonly string[]; readonly inner?: readonly Block[] }

/** Every resource of the text, or why it is not understood. */
export function parseResFile(text: string): readonly ResFile[] | string {
  const tokens = tokensOf(text);
  const { blocks, trouble } = blocksOf(tokens);
  if (trouble !== undefined) return trouble;
  return blocks.filter(({ words, inner }) => words[0] === 'resource' && inner).map(({ words, inner = [] }) => resourceOf(words[1] ?? '', inner));
}

/** Sections whose options concern the resource as a whole. */
const SECTIONS: ReadonlySet<string> = new Set(['net', 'disk', 'options', 'handlers', 'startup']);

function resourceOf(name: string, blocks: readonly Block[]): ResFile {
  const options = new Map<string, string>();
  for (const { words, inner } of blocks) {
    const [section = ''] = words;
    if (inner && words.length === 1 && SECTIONS.has(section)) for (const option of inner) options.set(`${section}.${option.words[0] ?? ''}`, option.words.slice(1).join(' ') || 'yes');
    // Old files say the protocol outside of net.
    if (!inner && section === 'protocol') options.set('net.protocol', words[1] ?? '');
  }
  const common = placeOf(blocks);
  const hosts = blocks.filter(({ words, inner }) => words[0] === 'on' && inner).flatMap(({ words, inner = [] }) => words.slice(1).map((host) => ({ name: host, ...common, ...placeOf(inner) })));
  return { name, options, hosts: [...hosts].sort((a, b) => (a.nodeId ?? 0) - (b.nodeId ?? 0)) };
}

/** What stands directly in a section or in its volume 0. */
function placeOf(blocks: readonly Block[]): Omit<ResHost, 'name'> {
  const volume = blocks.find(({ words, inner }) => words[0] === 'volume' && words[1] === '0' && inner)?.inner ?? [];
  const all = [...blocks.filter(({ inner }) => !inner), ...volume.filter(({ inner }) => !inner)];
  const value = (key: string) => all.find(({ words }) => words[0] === key)?.words.slice(1);
  const [device, disk, address, metaDisk, nodeId] = ['device', 'disk', 'address', 'meta-disk', 'node-id'].map(value);
  // `device /dev/drbd1 minor 1`, `device minor 1`, `device /dev/drbd1`.
  const minor = device?.includes('minor') ? Number(device[device.indexOf('minor') + 1]) : Number(/^\/dev\/drbd(\d+)$/.exec(device?.[0] ?? '')?.[1] ?? Number.NaN);
  const last = address?.at(-1);
  return {
    ...(device?.[0]?.startsWith('/') ? { device: device[0] } : Number.isInteger(minor) ? { device: `/dev/drbd${minor}` } : {}),
    ...(Number.isInteger(minor) ? { minor } : {}), ...(disk?.[0] === undefined ? {} : { disk: disk[0] }),
    ...(last === undefined ? {} : { address: last }), ...(metaDisk?.[0] === undefined ? {} : { metaDisk: metaDisk.join(' ') }),
    ...(nodeId?.[0] === undefined ? {} : { nodeId: Number(nodeId[0]) }),
  };
}

/** Words, strings without their quotes, and the signs `{ } ;`, which are told apart from quoted ones. */
type Token = { readonly word: string } | { readonly sign: '{' | '}' | ';' };

function tokensOf(text: string): readonly Token[] {
  const found: Token[] = [];
  for (const [, quoted, sign, word] of text.matchAll(/#[^\n]*|"((?:[^"\\]|\\.)*)"|([{};])|([^\s{};"#]+)/g)) {
    if (sign === '{' || sign === '}' || sign === ';') found.push({ sign });
    else if (quoted !== undefined) found.push({ word: quoted.replaceAll(/\\(.)/g, '$1') });
    else if (word !== undefined) found.push({ word });
  }
  return found;
}

function blocksOf(tokens: readonly Token[]): { readonly blocks: readonly Block[]; readonly trouble?: string } {
  const stack: { words: string[]; blocks: Block[] }[] = [{ words: [], blocks: [] }];
  let words: string[] = [];
  for (const token of tokens) {
    const top = stack.at(-1);
    if (!top) break;
    if ('word' in token) words.push(token.word);
    else if (token.sign === '{') {
      stack.push({ words, blocks: [] });
      words = [];
    } else if (token.sign === ';') {
      if (words.length > 0) top.blocks.push({ words });
      words = [];
    } else {
      if (words.length > 0) return { blocks: [], trouble: `a ; is missing after ${words.join(' ')}` };
      if (stack.length === 1) return { blocks: [], trouble: 'there is a } too many' };
      stack.pop();
      stack.at(-1)?.blocks.push({ words: top.words, inner: top.blocks });
    }
  }
  if (stack.length > 1) return { blocks: [], trouble: 'a } is missing at the end' };
  return { blocks: stack[0]?.blocks ?? [] };
}

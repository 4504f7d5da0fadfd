// What READ_VIRTUAL_IP printed on a node. Pure.
import type { KeepalivedFact, HeartbeatFact, VirtualIpNodeFact, VrrpState } from '../model/node-facts.ts';
import { HEARTBEAT_FOLDER } from './heartbeat-text.ts';
import { MAIN_FILE, PART_FOLDER, STATES } from './keepalived-text.ts';

interface Entry { readonly word: string; readonly rest: readonly string[]; readonly text: string }

/** Undefined: it broke off, or is something else. */
export function parseVirtualIp(printed: string): VirtualIpNodeFact | undefined {
  if (!printed.endsWith('@end\n')) return undefined;
  const entries = entriesOf(printed);
  if (entries === undefined) return undefined;
  const programs = new Map(entries.filter(({ word }) => word === 'program').map(({ rest }) => [rest[0] ?? '', rest.slice(1)] as const));
  const files = new Map(entries.filter(({ word }) => word === 'file').map(({ rest, text }) => [rest[0] ?? '', text] as const));
  const behind = entries.filter(({ word }) => word === 'behind').map(({ rest }) => rest[0]);
  const isBehind = (name: string) => (behind.includes(name) ? { isBehind: true } as const : {});
  const keepalived = programs.get('keepalived');
  const heartbeat = programs.get('heartbeat');
  return {
    ...(keepalived ? { keepalived: { ...keepalivedOf(keepalived, files, entries), ...isBehind('keepalived') } } : {}),
    ...(heartbeat ? { heartbeat: { ...heartbeatOf(heartbeat, files, entries), ...isBehind('heartbeat') } } : {}),
  };
}

function entriesOf(printed: string): readonly Entry[] | undefined {
  const entries: { word: string; rest: readonly string[]; text: string }[] = [];
  for (const line of printed.split('\n').slice(0, -1)) {
    const last = entries.at(-1);
    if (line.startsWith('@')) {
      const [word = '', ...rest] = line.slice(1).split(' ').filter((each) => each !== '');
      entries.push({ word, rest, text: '' });
    } else if (line.startsWith(' ') && last?.word === 'file') last.text += `${line.slice(1)}\n`;
    else return undefined;
  }
  return entries;
}

function service([active, enabled]: readonly string[]): { readonly running: boolean; readonly enabled: boolean } {
  return { running: active === 'active' || active === 'reloading', enabled: enabled === 'enabled' };
}

function keepalivedOf(words: readonly string[], files: ReadonlyMap<string, string>, entries: readonly Entry[]): KeepalivedFact {
  const main = files.get(MAIN_FILE);
  const parts = [...files].flatMap(([path, text]) => {
    const name = path.startsWith(`${PART_FOLDER}/latido-`) ? path.slice(`${PART_FOLDER}/latido-`.length, -'.conf'.length) : undefined;
    return name === undefined ? [] : [[name, text] as const];
  });
  return { ...service(words), parts: new Map(parts), states: statesOf(entries), ...(main === undefined ? {} : { main }) };
}

/** The newest note of each instance is its state. */
function statesOf(entries: readonly Entry[]): KeepalivedFact['states'] {
  const states = new Map<string, { readonly state: VrrpState; readonly since: number }>();
  for (const { rest: [file = '', seconds = ''] } of entries.filter(({ word }) => word === 'state')) {
    const [, name, noted] = /^latido-vip-(.+)\.([A-Z]+)$/.exec(file) ?? [];
    const state = STATES.find((each) => each === noted);
    const since = Math.round(Number(seconds) * 1000);
    if (name !== undefined && state && Number.isFinite(since) && since > (states.get(name)?.since ?? -1)) states.set(name, { state, since });
  }
  return states;
}

const RESOURCES = ['none', 'local', 'foreign', 'all', 'transition'] as const;

function heartbeatOf(words: readonly string[], files: ReadonlyMap<string, string>, entries: readonly Entry[]): HeartbeatFact {
  const told = entries.find(({ word }) => word === 'resources')?.rest[0];
  const resources = RESOURCES.find((each) => each === told);
  const peers = entries.filter(({ word }) => word === 'peer').flatMap(({ rest: [name = '', state] }) => (state === 'active' || state === 'dead' ? [[name, state] as const] : []));
  const own = [...files].filter(([path]) => path.startsWith(`${HEARTBEAT_FOLDER}/`)).map(([path, text]) => [path.slice(HEARTBEAT_FOLDER.length + 1), text] as const);
  return { ...service(words), files: new Map(own), peers: new Map(peers), ...(resources ? { resources } : {}) };
}

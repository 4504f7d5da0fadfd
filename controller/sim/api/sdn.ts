// Software-defined networks of the simulated cluster: zones, vnets and subnets. What is written waits until it is applied.
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { digestOfSections } from '../section-config.ts';
import { startTask } from '../tasks.ts';
import { failure, flag, requiredText, text, type Call, type Handler, type Routes } from './handler.ts';

type Kind = 'zone' | 'vnet' | 'subnet';
type Sections = Readonly<Record<string, JsonObject>>;
interface Book { readonly zone: Sections; readonly vnet: Sections; readonly subnet: Sections }

const EMPTY: Book = { zone: {}, vnet: {}, subnet: {} };
const SUBNETS = '/cluster/sdn/vnets/{vnet}/subnets';

export const routes: Routes = {
  'GET /cluster/sdn': () => ['vnets', 'zones', 'controllers', 'ipams', 'dns'].map((id) => ({ id })),
  'PUT /cluster/sdn': apply,
  ...Object.fromEntries([...collection('zone', '/cluster/sdn/zones'), ...collection('vnet', '/cluster/sdn/vnets'), ...collection('subnet', SUBNETS)]),
};

function collection(kind: Kind, path: string): readonly (readonly [string, Handler])[] {
  const one = `${path}/{${kind}}`;
  return [
    [`GET ${path}`, (call) => list(call, kind)],
    [`POST ${path}`, (call) => changeFile(call, `sdn/${kind}s.cfg`, `create sdn ${kind} object failed`, () => {
      const id = idOf(call, kind);
      if (bookOf(call, 'config')[kind][id]) throw failure(`sdn ${kind} object ID '${id}' already defined`);
      if (kind === 'vnet' && !bookOf(call, 'config').zone[requiredText(call, 'zone')]) throw failure(`zone ${requiredText(call, 'zone')} does not exist`);
      return write(call, kind, id, { type: kind, ...sent(call, kind) });
    })],
    [`GET ${one}`, (call) => shown(call, kind, idOf(call, kind), existing(call, kind))],
    [`PUT ${one}`, (call) => changeFile(call, `sdn/${kind}s.cfg`, `update sdn ${kind} object failed`, () => {
      const kept: Record<string, Json> = { ...existing(call, kind) };
      for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete kept[name];
      return write(call, kind, idOf(call, kind), { ...kept, ...sent(call, kind) });
    })],
    [`DELETE ${one}`, (call) => changeFile(call, `sdn/${kind}s.cfg`, `delete sdn ${kind} object failed`, () => {
      existing(call, kind);
      const id = idOf(call, kind);
      refuseUsed(call, kind, id);
      return write(call, kind, id, undefined);
    })],
  ];
}

/** `config` is what is written, `running` what was applied last. */
function bookOf(call: Call, which: 'config' | 'running'): Book {
  const found = call.state.other.sdn?.[which];
  return isObject(found) ? found as unknown as Book : EMPTY;
}

/** A subnet is named after its zone and network. */
function idOf(call: Call, kind: Kind): string {
  const id = requiredText(call, kind);
  return kind === 'subnet' ? (id.includes('/') ? `${zoneOf(call)}-${id.replace('/', '-')}` : id) : id;
}

function zoneOf(call: Call): string {
  return String(bookOf(call, 'config').vnet[requiredText(call, 'vnet')]?.zone ?? '');
}

function existing(call: Call, kind: Kind): JsonObject {
  const id = idOf(call, kind);
  const found = bookOf(call, 'config')[kind][id];
  if (!found) throw failure(`sdn '${id}' does not exist`);
  return found;
}

function sent(call: Call, kind: Kind): JsonObject {
  const own = Object.entries(call.params).flatMap(([name, value]): [string, Json][] => ([kind, 'delete', 'digest', 'lock-token'].includes(name) ? [] : [[name, typeof value === 'object' ? [...value] : value]]));
  return Object.fromEntries(own);
}

function write(call: Call, kind: Kind, id: string, section: JsonObject | undefined): undefined {
  const book = bookOf(call, 'config');
  const others = Object.fromEntries(Object.entries(book[kind]).filter(([one]) => one !== id));
  const config = { ...book, [kind]: section === undefined ? others : { ...others, [id]: section } };
  call.state.other.sdn = { ...call.state.other.sdn, config };
  return undefined;
}

function refuseUsed(call: Call, kind: Kind, id: string): void {
  const { vnet, subnet } = bookOf(call, 'config');
  const user = kind === 'zone' ? Object.entries(vnet).find(([, one]) => one.zone === id)?.[0] : kind === 'vnet' ? Object.entries(subnet).find(([, one]) => one.vnet === id)?.[0] : undefined;
  if (user === undefined) return;
  throw failure(kind === 'zone' ? `zone ${id} is used by vnet ${user} at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 149.` : "Can't delete vnet if subnets exists");
}

function list(call: Call, kind: Kind): Json {
  const config = bookOf(call, 'config')[kind];
  const running = bookOf(call, 'running')[kind];
  const ids = Object.keys(flag(call, 'running') ? running : flag(call, 'pending') ? { ...running, ...config } : config);
  const isVisible = (id: string): boolean => {
    const zone = kind === 'zone' ? id : kind === 'vnet' ? String((config[id] ?? running[id])?.zone) : zoneOf(call);
    return ['SDN.Audit', 'SDN.Allocate'].some((privilege) => call.caller.can(`/sdn/zones/${zone}`, privilege));
  };
  return ids.filter(isVisible).filter((id) => kind !== 'subnet' || (config[id] ?? running[id])?.vnet === requiredText(call, 'vnet')).map((id) => {
    if (flag(call, 'running')) return { [kind]: id, ...running[id], digest: null };
    return flag(call, 'pending') ? pending(kind, id, running[id], config[id]) : shown(call, kind, id, config[id] ?? {});
  });
}

function pending(kind: Kind, id: string, running: JsonObject | undefined, config: JsonObject | undefined): JsonObject {
  const base: JsonObject = { ...running, [kind]: id, type: (config ?? running)?.type ?? kind };
  if (!config) return { ...base, state: 'deleted', digest: null };
  const changed = Object.fromEntries(Object.entries(config).filter(([name, value]) => name !== 'type' && JSON.stringify(running?.[name]) !== JSON.stringify(value)));
  if (running && Object.keys(changed).length === 0) return { ...base, digest: null };
  return { ...base, state: running ? 'changed' : 'new', pending: changed, digest: null };
}

function shown(call: Call, kind: Kind, id: string, section: JsonObject): JsonObject {
  const digest = digestOfSections(bookOf(call, 'config')[kind]);
  if (kind !== 'subnet') return { [kind]: id, ...section, digest };
  const [zone = '', network = '', mask = ''] = /^(.+)-([^-]+)-(\d+)$/.exec(id)?.slice(1) ?? [];
  return { 'dhcp-range': [], ...section, id, subnet: id, zone, network, mask, cidr: `${network}/${mask}`, digest };
}

const RELOAD_MS = 3000;

/** Every node takes over what is written. */
function apply(call: Call): Json {
  return startTask(call, 'reloadnetworkall', '', async (task) => {
    const config = bookOf(call, 'config');
    call.state.other.sdn = { ...call.state.other.sdn, running: config as unknown as JsonObject };
    for (const node of Object.keys(call.state.nodes)) task.log(`${node}: reloading network config`);
    await task.sleep(RELOAD_MS);
  });
}

// In: parsed manifests, valid or not. Out: the least cluster on which they can be planned and applied.
// Must never contain what the manifests ask for themselves: that is for latido to make.
import type { Parsed } from '../manifests/parse.ts';
import { isObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';
import { parseSize } from '../pve/sizes.ts';
import type { LabShape } from './context.ts';

/** @param nodes how many, when the manifests name none */
export function shapeOf(parsed: Parsed, nodes: number): LabShape {
  const documents = parsed.documents.flatMap(({ value }): readonly Doc[] => {
    if (!isObject(value) || typeof value['kind'] !== 'string') return [];
    const name = isObject(value['metadata']) && typeof value['metadata']['name'] === 'string' ? value['metadata']['name'] : '';
    return [{ kind: value['kind'], name, spec: isObject(value['spec']) ? value['spec'] : {} }];
  });
  const ofKind = (kind: string) => documents.filter((document) => document.kind === kind);
  const cluster = ofKind('Cluster')[0];
  const guests = documents.filter(({ kind }) => kind === 'VirtualMachine' || kind === 'Container');
  const found = leaves(guests.map(({ spec }) => spec));
  const mirrored = ofKind('DrbdResource');
  const virtual = ofKind('VirtualIP');
  const named = nodesOf(ofKind('Node'), [...guests, ...[...mirrored, ...virtual].flatMap(({ spec }) => Object.keys(mapping(spec['nodes'])).map((node) => ({ kind: 'Node', name: node, spec: { placement: { node } } })))], nodes);
  const made = new Set([...ofKind('Storage').map(({ name }) => name), ...mirrored.flatMap(({ spec }) => textIn(mapping(spec['storage'])['id']))]);
  const storages = new Set(['local', ...found.storages].filter((id) => id === 'local' || !made.has(id)));
  return {
    name: cluster?.name ?? 'lab', qdevice: cluster?.spec['qdevice'] === true, nodes: named.map((node) => ({ ...node, ...belowOf(node.name, mirrored), ...addressesOf(node.name, virtual) })),
    storages: [...storages].sort(compareText).map((id) => ({ id, shared: id !== 'local' && !id.startsWith('local-') })),
    bridges: [...new Set(['vmbr0', ...found.bridges])].sort(compareText), media: [...found.media].sort(compareText),
    thinPools: pools(ofKind('Storage'), 'lvmthin', (config) => `${String(config['vgname'])}/${String(config['thinpool'])}`),
    zpools: pools(ofKind('Storage'), 'zfspool', (config) => String(config['pool']).split('/')[0] ?? ''),
  };
}

/** A definition is refused when the nodes do not have what it is on. */
function pools(storages: readonly Doc[], type: string, poolOf: (config: Doc['spec']) => string): readonly string[] {
  const found = storages.flatMap(({ spec }) => (spec['type'] === type && isObject(spec['config']) ? [poolOf(spec['config'])] : []));
  return [...new Set(found)].sort(compareText);
}

/** Room for each resource twice, so that it can grow, and for a little more. */
const SPARE_BYTES = 8 * 2 ** 30;

/** What DRBD resources stand on at one node. */
function belowOf(node: string, mirrored: readonly Doc[]): Pick<LabShape['nodes'][number], 'volumeGroups' | 'devices'> {
  const [groups, devices] = [new Map<string, number>(), new Map<string, number>()];
  for (const { spec } of mirrored) {
    const place = mapping(mapping(spec['nodes'])[node]);
    const bytes = 2 * (parseSize(String(spec['size'])) ?? 0);
    const [group] = textIn(place['volumeGroup']);
    const [device] = textIn(place['device']);
    if (group !== undefined) groups.set(group, (groups.get(group) ?? SPARE_BYTES) + bytes);
    if (device !== undefined) devices.set(device, bytes / 2);
  }
  return { ...(groups.size > 0 ? { volumeGroups: Object.fromEntries(groups) } : {}), ...(devices.size > 0 ? { devices: Object.fromEntries(devices) } : {}) };
}

/** The addresses that the node may have. */
function addressesOf(node: string, virtual: readonly Doc[]): Pick<LabShape['nodes'][number], 'virtualIps'> {
  const virtualIps = virtual.filter(({ spec }) => mapping(spec['nodes'])[node] !== undefined).map(({ spec }) => {
    const [provider] = textIn(spec['provider']);
    return { address: String(spec['address']), interface: String(spec['interface']), ...(provider === undefined ? {} : { provider }) };
  });
  return virtualIps.length > 0 ? { virtualIps } : {};
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function textIn(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : [];
}

export function anyShape(nodes: number): LabShape {
  return { name: 'lab', qdevice: false, nodes: numbered(nodes), storages: [{ id: 'local', shared: false }, { id: 'shared', shared: true }], bridges: ['vmbr0'], media: [] };
}

interface Doc { readonly kind: string; readonly name: string; readonly spec: Readonly<Record<string, unknown>> }

function numbered(nodes: number): LabShape['nodes'] {
  return Array.from({ length: nodes }, (_, at) => ({ name: `pve${at + 1}` }));
}

/** Node documents, and nodes that guests are placed on. */
function nodesOf(documents: readonly Doc[], guests: readonly Doc[], least: number): LabShape['nodes'] {
  const nodes = new Map(documents.map(({ name, spec }) => [name, typeof spec['address'] === 'string' ? { name, address: spec['address'] } : { name }]));
  for (const { spec } of guests) {
    const placement = isObject(spec['placement']) ? spec['placement'] : {};
    for (const name of [placement['node'], placement['nodes']].flat()) if (typeof name === 'string' && !nodes.has(name)) nodes.set(name, { name });
  }
  return nodes.size > 0 ? [...nodes.values()] : numbered(least);
}

interface Found { readonly storages: Set<string>; readonly bridges: Set<string>; readonly media: Set<string> }

const MEDIUM = /^[a-zA-Z][\w.-]*:(iso|vztmpl|import|backup|snippets)\/[^,]+/;
const DISK = /^(?:file=|volume=)?([a-zA-Z][\w.-]*):[^,:]/;
const SLOT = /^(?:(?:scsi|virtio|sata|ide|mp|efidisk|tpmstate|unused)\d+|rootfs)$/;

/** What is named anywhere below the guests' specs, in mappings and in property strings. */
function leaves(specs: readonly unknown[]): Found {
  const found: Found = { storages: new Set(), bridges: new Set(), media: new Set() };
  for (const spec of specs) visit('', spec, found);
  return found;
}

function visit(key: string, value: unknown, found: Found): void {
  if (Array.isArray(value)) for (const item of value) visit(key, item, found);
  else if (isObject(value)) for (const [name, item] of Object.entries(value)) visit(name, item, found);
  else if (typeof value === 'string') {
    const medium = MEDIUM.exec(value)?.[0];
    if (medium !== undefined) {
      found.media.add(medium);
      found.storages.add(medium.split(':')[0] ?? '');
    } else if (key === 'storage') found.storages.add(value);
    else if (key === 'bridge') found.bridges.add(value);
    else if (SLOT.test(key)) addText(found.storages, DISK.exec(value)?.[1]);
    addText(found.bridges, /(?:^|,)bridge=([^,]+)/.exec(value)?.[1]);
  }
}

function addText(set: Set<string>, text: string | undefined): void {
  if (text !== undefined) set.add(text);
}

// In: a guest's manifest. Out: every mistake that can be known without a cluster (findings) or with its facts
// (liveFindings), all at once. Pure.
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import type { Facts, GuestType } from '../../model/facts.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Finding, FindingCode } from '../../model/finding.ts';
import { isObject } from '../../model/json.ts';
import { isSecretRef } from '../../model/secret.ts';
import type { Json } from '../../model/json.ts';
import type { KindContext } from '../../model/kind.ts';
import { nearest } from '../../model/nearest.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { paramOf } from '../../pve/api-tables.ts';
import { checkValue } from '../../pve/check.ts';
import { optionFindings as invalidParts } from '../../pve/option-findings.ts';
import { templateOf } from './clone.ts';
import { hasFixedSize, isDiskSlot, ownerOf, parseDesiredDisk, printDisk } from './disks.ts';
import { rootOnly } from './options.ts';
import { nameOption, READONLY_OPTIONS } from './ops.ts';
import { allowedNodes } from './placement.ts';
import type { GuestSpec } from './spec.ts';

/** Parameters of the API that a manifest says elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  vmid: 'spec.vmid', node: 'spec.placement', name: 'metadata.name', hostname: 'metadata.name', pool: 'spec.pool', archive: 'spec.source.backup', ostemplate: 'spec.source.appliance',
  restore: 'spec.source.backup', start: 'spec.power', template: 'spec.template', storage: 'spec.source.storage, or the disk itself', 'ha-managed': 'spec.ha', cdrom: 'ide2: { file: …, media: cdrom }',
};

export function guestFindings(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, desired: Desired): readonly Finding[] {
  const found = findingsOf(object);
  const options = Object.entries(object.spec.config ?? {}).flatMap(([option, value]) => optionFindings(tables, type, object, option, value));
  return [...nameFindings(tables, type, object, found), ...options, ...wholeFindings(tables, type, object, found), ...groupFindings(object, desired, found)];
}

type Found = (code: FindingCode, path: string, fact: string, fix?: string, severity?: Finding['severity']) => Finding;

function findingsOf(object: DesiredObject<GuestSpec>): Found {
  return (code, path, fact, fix, severity = 'error') => ({ code, severity, fact, ...(fix ? { fix } : {}), place: object.place(path), ref: object.ref });
}

function nameFindings(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, found: Found): readonly Finding[] {
  const param = tables.method('POST', `/nodes/{node}/${type}`)?.params.get(nameOption(type));
  const complaint = param && checkValue(param, object.ref.name, nameOption(type), tables.version);
  if (!complaint) return [];
  return [found('NAME_INVALID', 'metadata.name', `'${object.ref.name}' is not a name that Proxmox accepts for a guest: a DNS name of letters, digits, hyphens and dots`, `use '${object.ref.name.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '')}' and keep the old name in config.description`)];
}

function optionFindings(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, option: string, value: Json): readonly Finding[] {
  const found = findingsOf(object);
  const path = `spec.config.${option}`;
  const elsewhere = ELSEWHERE[option];
  if (elsewhere !== undefined) return [found('OPTION_READONLY', path, `'${option}' is not written in config`, `write ${elsewhere}`)];
  if (option === 'force') return [found('OPTION_READONLY', path, 'latido never overwrites a guest that exists', 'remove the line')];
  if (READONLY_OPTIONS.has(option) && option !== 'vmgenid') return [found('OPTION_READONLY', path, `'${option}' is written by Proxmox itself`, 'remove the line')];
  const method = tables.method('POST', `/nodes/{node}/${type}`);
  const param = method && paramOf(method, option);
  if (!method || !param) return [unknownOption(tables, type, option, found, path)];
  const source = param.requires === 'archive' || param.requires === 'restore' ? object.spec.source?.backup : '';
  if (source === undefined) return [found('OPTION_INVALID', path, `'${option}' means something only to a restore`, 'write spec.source.backup, or remove the line')];
  if (/^unused\d+$/.test(option)) return [found('OPTION_READONLY', path, `'${option}' is where Proxmox keeps detached volumes`, 'attach the volume: write its slot with `file:`')];
  if (isDiskSlot(type, option)) return diskFindings(tables, type, object, option, value);
  if (isSecretRef(value)) return rootFindings(tables, type, option, value, found, path, object.spec.config);
  if (value === null) return [found('OPTION_INVALID', path, `${option} has no value`, 'write a value, or remove the line')];
  return [
    ...invalidOption(tables, type, option, value, path, found),
    ...(option === 'password' || option === 'cipassword' ? [found('OPTION_INVALID', path, `${option} stands in clear: everybody who reads the repository reads it`, 'write { secret: NAME }, or use ssh keys (ssh-public-keys, sshkeys)', 'warning')] : []),
    ...rootFindings(tables, type, option, value, found, path, object.spec.config),
  ];
}

function rootFindings(tables: ApiTables, type: GuestType, option: string, value: Json, found: Found, path: string, config: GuestSpec['config'] = {}): readonly Finding[] {
  const why = rootOnly(tables, type, option, value, config);
  return why ? [found('OPTION_ROOT_ONLY', path, `${option}: ${why}`, 'with an API token this stays held in the plan; set it on the node with qm or pct', 'warning')] : [];
}

function unknownOption(tables: ApiTables, type: GuestType, option: string, found: Found, path: string): Finding {
  const method = tables.method('POST', `/nodes/{node}/${type}`);
  const names = [...(method?.params.keys() ?? [])].filter((name) => ELSEWHERE[name] === undefined).map((name) => name.replace('[n]', /(\d+)$/.exec(option)?.[1] ?? '0'));
  const family = /^(.*?)(\d+)$/.exec(option);
  const outOfRange = family && method?.params.has(`${family[1]}[n]`);
  if (outOfRange) return found('OPTION_UNKNOWN', path, `there is no ${option}: ${family[1]} ends at a lower number`, `use another ${family[1]} slot`);
  const guess = nearest(option, names);
  return found('OPTION_UNKNOWN', path, `Proxmox VE ${tables.version} has no option '${option}' for a ${type === 'qemu' ? 'virtual machine' : 'container'}`, guess ? `did you mean '${guess}'?` : `see: latido explain ${type === 'qemu' ? 'VirtualMachine' : 'Container'}.config`);
}

function diskFindings(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, slot: string, value: Json): readonly Finding[] {
  const found = findingsOf(object);
  const path = `spec.config.${slot}`;
  const disk = parseDesiredDisk(type, value);
  if ('problem' in disk) return [found('OPTION_INVALID', path, `${slot}: ${disk.problem}`)];
  const method = tables.method('POST', `/nodes/{node}/${type}`);
  const param = method && paramOf(method, slot);
  if (!param) return [];
  const file = disk.type === 'given' ? disk.file : disk.type === 'cloudinit' ? `${disk.storages[0]}:cloudinit` : `${disk.storages[0]}:1`;
  const clones = object.spec.source?.template !== undefined || object.spec.source?.backup !== undefined;
  return [
    ...invalidOption(tables, type, slot, typeof value === 'string' ? value : printDisk(file, disk.options), path, found),
    ...(disk.type === 'volume' && disk.bytes === undefined && !hasFixedSize(slot) && !clones && object.spec.source?.image === undefined
      ? [found('OPTION_INVALID', path, `${slot} has no size`, 'write `size: 20G`')] : []),
    ...(isObject(value) && disk.type === 'given' ? rootFindings(tables, type, slot, printDisk(disk.file, disk.options), found, path, object.spec.config) : typeof value === 'string' ? rootFindings(tables, type, slot, value, found, path, object.spec.config) : []),
  ];
}

/** Proxmox's own texts, one finding per key, each at the key's own place where it has one. */
function invalidOption(tables: ApiTables, type: GuestType, option: string, value: Json, path: string, found: Found): readonly Finding[] {
  return invalidParts(tables, type, option, value).map(({ key, text, nearest: guess }) =>
    found('OPTION_INVALID', key === undefined ? path : `${path}.${key}`, `${option}${key === undefined ? '' : `.${key}`}: ${oneLine(text)}`, guess === undefined ? undefined : `did you mean '${guess}'?`));
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '; ');
}

function wholeFindings(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, found: Found): readonly Finding[] {
  const { spec } = object;
  const sources = ['template', 'iso', 'image', 'backup', 'appliance'].filter((key) => spec.source?.[key as keyof typeof spec.source] !== undefined);
  const findings: Finding[] = [];
  if (sources.length > 1) findings.push(found('MANIFEST_SCHEMA', 'spec.source', `a guest is made from one thing, not from ${sources.join(' and ')}`, 'keep one of them'));
  if (type === 'lxc' && sources.length === 0) findings.push(found('MANIFEST_SCHEMA', 'spec', 'a container is made from an appliance template, a template or a backup, and `source` names none', 'write `source: { appliance: local:vztmpl/… }`'));
  if (spec.placement?.node !== undefined && spec.placement.nodes !== undefined) findings.push(found('MANIFEST_SCHEMA', 'spec.placement', 'placement has either `node` or `nodes`', 'keep one of them'));
  if (spec.template === true && (spec.power === 'running' || spec.ha)) findings.push(found('POLICY_INVALID', 'spec.template', 'a template neither runs nor is an HA resource', 'remove `power` and `ha`'));
  if (spec.source?.full === false && spec.source.storage !== undefined) findings.push(found('POLICY_INVALID', 'spec.source.storage', 'a linked clone stays on the storage of its template', 'remove `storage`, or write `full: true`'));
  if (spec.ha?.failback !== undefined && Number(tables.version) < 9) findings.push(found('VERSION_UNSUPPORTED', 'spec.ha.failback', `Proxmox VE ${tables.version} has failback in the HA group, not in the guest`, 'write `nofailback` in the HAGroup'));
  if (spec.source?.image !== undefined && Number(tables.version) < 8 && !tables.method('POST', '/nodes/{node}/qemu')?.params.has('import-working-storage') && Number(tables.version) < 7.2) findings.push(found('VERSION_UNSUPPORTED', 'spec.source.image', `Proxmox VE ${tables.version} cannot import images over its API`));
  if (spec.ha && spec.power === 'unmanaged') findings.push(found('POLICY_INVALID', 'spec.power', 'the HA manager decides whether an HA guest runs', 'remove `power`, or write ha.state: ignored', 'warning'));
  return findings;
}

/** On Proxmox VE 9 the group comes after its guests, so it is not among what they require; it has to be there all the same. */
function groupFindings(object: DesiredObject<GuestSpec>, desired: Desired, found: Found): readonly Finding[] {
  const group = object.spec.ha?.group;
  const groups = names(desired, 'HAGroup');
  if (group === undefined || groups.includes(group)) return [];
  return [found('REFERENCE_MISSING', 'spec.ha.group', `no manifest defines HAGroup '${group}'`, guessFix(group, groups) ?? 'add the HAGroup, or remove `group`')];
}

/** What the manifest names and the cluster has not; a storage, pool or group that this commit defines counts as there. */
export function guestLiveFindings(type: GuestType, object: DesiredObject<GuestSpec>, context: KindContext): readonly Finding[] {
  const { facts, desired } = context;
  const found = findingsOf(object);
  const findings: Finding[] = [];
  const nodes = allowedNodes(object.spec) ?? [];
  nodes.forEach((name, index) => {
    if (nodeFact(facts, name)) return;
    findings.push(found('NODE_UNKNOWN', object.spec.placement?.node !== undefined ? 'spec.placement.node' : `spec.placement.nodes.${index}`, `the cluster has no node '${name}'`, guessFix(name, facts.nodes.map((node) => node.name))));
  });
  const storages = new Set([...facts.storageDefs.keys(), ...names(desired, 'Storage')]);
  const readable = !facts.unread.has('/storage');
  for (const [slot, value] of Object.entries(object.spec.config ?? {})) {
    if (!isDiskSlot(type, slot) || !readable) continue;
    const disk = parseDesiredDisk(type, value);
    for (const storage of 'problem' in disk || disk.type === 'given' ? [] : disk.storages) {
      if (!storages.has(storage)) findings.push(found('STORAGE_UNKNOWN', `spec.config.${slot}.storage`, `the cluster has no storage '${storage}', and no manifest defines it`, guessFix(storage, [...storages])));
    }
  }
  if (object.spec.pool !== undefined && !facts.unread.has('/pools') && !facts.pools.has(object.spec.pool) && !names(desired, 'Pool').includes(object.spec.pool)) {
    findings.push(found('REFERENCE_MISSING', 'spec.pool', `there is no pool '${object.spec.pool}', and no manifest defines it`, guessFix(object.spec.pool, [...facts.pools.keys(), ...names(desired, 'Pool')])));
  }
  if (object.spec.source?.template !== undefined && !templateOf(type, object, context)) {
    findings.push(found('REFERENCE_MISSING', 'spec.source.template', `there is no template '${object.spec.source.template}', and no manifest defines it`, guessFix(String(object.spec.source.template), [...facts.guests.values()].filter((guest) => guest.template).map((guest) => guest.name))));
  }
  return [...findings, ...foreignVolumes(type, object, facts, found), ...bridgeFindings(object, nodes, context, found)];
}

/** Of a guest that is to be made; one that exists may hold a volume that was another's once. */
function foreignVolumes(type: GuestType, { spec }: DesiredObject<GuestSpec>, facts: Facts, found: Found): readonly Finding[] {
  if (facts.guests.has(spec.vmid)) return [];
  return Object.entries(spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).flatMap(([slot, value]) => {
    const disk = parseDesiredDisk(type, value);
    const owner = 'problem' in disk || disk.type !== 'given' ? undefined : ownerOf(disk.file);
    if (owner === undefined || owner === spec.vmid || !facts.guests.has(owner)) return [];
    return [found('OPTION_INVALID', `spec.config.${slot}`, `${slot} names a volume of guest ${owner}: two guests that write to one volume destroy what is on it`, 'give the guest a volume of its own')];
  });
}

function bridgeFindings(object: DesiredObject<GuestSpec>, nodes: readonly string[], context: KindContext, found: Found): readonly Finding[] {
  const online = context.facts.nodes.filter((node) => node.online && (nodes.length === 0 || nodes.includes(node.name)) && node.bridges !== undefined);
  return Object.entries(object.spec.config ?? {}).filter(([option]) => /^net\d+$/.test(option)).flatMap(([option, value]) => {
    const bridge = isObject(value) ? value.bridge : /(?:^|,)bridge=([^,]+)/.exec(String(value))?.[1];
    if (typeof bridge !== 'string') return [];
    const lacking = online.filter((node) => !node.bridges?.includes(bridge));
    if (lacking.length === 0 || (nodes.length === 0 && lacking.length < online.length)) return [];
    return [found('BRIDGE_UNKNOWN', `spec.config.${option}${isObject(value) ? '.bridge' : ''}`, `${lacking.map((node) => node.name).join(', ')} ${lacking.length === 1 ? 'has' : 'have'} no bridge '${bridge}'`, guessFix(bridge, lacking.flatMap((node) => node.bridges ?? [])))];
  });
}

function names(desired: Desired, kind: string): readonly string[] {
  return objectsOf(desired, kind).map((object) => object.ref.name);
}

function guessFix(name: string, known: readonly string[]): string | undefined {
  const guess = nearest(name, known);
  return guess ? `did you mean '${guess}'?` : known.length > 0 ? `known: ${[...new Set(known)].sort().slice(0, 10).join(', ')}` : undefined;
}

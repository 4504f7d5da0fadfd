// What LVM's reports tell. In: a node. Out: its groups, volumes and physical volumes as rows, and the report of all of them.
// Must never answer for columns that are not known here.
import { FULL_REPORT } from '../../drbd/lvm.ts';
import type { Simulation } from '../simulation.ts';
import { groupSizes, groupsOf, hostOf, isAccepted, physicalVolumes, volumesIn } from './devices.ts';
import type { ShownVolume } from './devices.ts';
import type { Run } from './output.ts';

export type Reported = 'vg' | 'lv' | 'pv';
type Fields = Readonly<Record<string, string | number>>;
/** `key`: the group that it belongs to. */
export interface Row { readonly key: string; readonly fields: Fields }

export const COLUMNS: Readonly<Record<Reported, readonly string[]>> = {
  vg: ['vg_name', 'vg_uuid', 'vg_size', 'vg_free', 'vg_extent_size', 'vg_attr', 'pv_count', 'lv_count', 'snap_count'],
  lv: ['lv_name', 'vg_name', 'lv_uuid', 'lv_size', 'lv_attr', 'lv_tags', 'lv_active', 'lv_path', 'pool_lv', 'origin', 'data_percent', 'metadata_percent', 'move_pv', 'mirror_log', 'copy_percent', 'convert_lv'],
  pv: ['pv_name', 'vg_name', 'pv_uuid', 'pv_size', 'pv_free', 'pv_fmt', 'pv_attr'],
};
export const DEFAULT_COLUMNS: Readonly<Record<Reported, string>> = {
  vg: 'vg_name,pv_count,lv_count,snap_count,vg_attr,vg_size,vg_free', lv: 'lv_name,vg_name,lv_attr,lv_size,pool_lv,origin,data_percent,metadata_percent,move_pv,mirror_log,copy_percent,convert_lv', pv: 'pv_name,vg_name,pv_fmt,pv_attr,pv_size,pv_free',
};

export function groupRows(sim: Simulation, node: string): readonly Row[] {
  return groupsOf(sim, node).map((seen) => {
    const { sizeBytes, freeBytes } = groupSizes(sim, node, seen);
    const count = volumesIn(sim, node, seen.group).length;
    return { key: seen.group.name, fields: { vg_name: seen.group.name, vg_uuid: seen.group.uuid, vg_size: sizeBytes, vg_free: freeBytes, vg_extent_size: seen.group.extentBytes, vg_attr: 'wz--n-', pv_count: '1', lv_count: String(count), snap_count: '0' } };
  });
}

export function volumeRows(sim: Simulation, node: string): readonly Row[] {
  return groupsOf(sim, node).flatMap(({ group }) => volumesIn(sim, node, group).map((volume) => ({ key: group.name, fields: volumeFields(group.name, volume) })));
}

export function physicalRows(sim: Simulation, node: string): readonly Row[] {
  const accepted = physicalVolumes(sim, node).filter(({ device }) => isAccepted(hostOf(sim, node), device));
  const once = accepted.filter((one) => accepted.every((other) => other === one || other.pv.uuid !== one.pv.uuid || one.replica !== undefined));
  return once.map((seen) => {
    const { group } = seen.pv;
    const sizes = group ? groupSizes(sim, node, { pv: seen.pv, group }) : { sizeBytes: seen.pv.sizeBytes, freeBytes: seen.pv.sizeBytes };
    return { key: group?.name ?? '', fields: { pv_name: seen.device, vg_name: group?.name ?? '', pv_fmt: 'lvm2', pv_attr: group ? 'a--' : '---', pv_uuid: seen.pv.uuid, pv_size: sizes.sizeBytes, pv_free: sizes.freeBytes } };
  });
}

function volumeFields(group: string, volume: ShownVolume): Fields {
  return {
    lv_name: volume.name, vg_name: group, lv_uuid: volume.uuid, lv_size: volume.sizeBytes, lv_attr: `-wi-${volume.isActive ? 'a' : '-'}${volume.isOpen ? 'o' : '-'}----`, lv_tags: volume.tags.join(','),
    lv_active: volume.isActive ? 'active' : '', lv_path: `/dev/${group}/${volume.name}`,
  };
}

export function shownRow(fields: Fields, columns: readonly string[], isInBytes: boolean): string {
  return `                  {${columns.map((column) => `"${column}":${JSON.stringify(shownValue(fields[column] ?? '', isInBytes))}`).join(', ')}}`;
}

function shownValue(value: string | number, isInBytes: boolean): string {
  return typeof value === 'string' ? value : isInBytes ? String(value) : `${(value / 2 ** (value >= 2 ** 30 ? 30 : 20)).toFixed(2)}${value >= 2 ** 30 ? 'g' : 'm'}`;
}

/** `lvm fullreport` as the product asks for it: a part for each group, and one for physical volumes of none. */
export function fullReport(sim: Simulation, words: readonly string[], { node, output }: Run): number {
  if (words.join('\0') !== FULL_REPORT.slice(1).join('\0')) {
    output.err(`  lvm: these words are not simulated: ${words.join(' ')}\n`);
    return 3;
  }
  const [groups, volumes, physical] = [groupRows(sim, node), volumeRows(sim, node), physicalRows(sim, node)];
  const partOf = (key: string) => {
    const devices = physical.filter((row) => row.key === key);
    const [vg, lv] = [groups.filter((row) => row.key === key), volumes.filter((row) => row.key === key)];
    const segments = lv.map(({ fields }) => ({ key, fields: { vg_name: fields['vg_name'] ?? '' } }));
    const isGroup = vg.length > 0;
    return part([...(isGroup ? [['vg', vg] as const] : []), ['pv', devices], ...(isGroup ? [['lv', lv] as const] : []), ['pvseg', devices], ...(isGroup ? [['seg', segments] as const] : [])]);
  };
  const keys = [...groups.map(({ key }) => key), ...(physical.some(({ key }) => key === '') ? [''] : [])];
  output.out(`  {\n      "report": [\n${keys.map(partOf).join('          ,\n')}      ]\n  }\n`);
  return 0;
}

const ASKED: Readonly<Record<string, readonly string[]>> = Object.fromEntries(FULL_REPORT.flatMap((word, at) => (word === '--configreport' ? [[FULL_REPORT[at + 1] ?? '', (FULL_REPORT[at + 3] ?? '').split(',')]] : [])));

function part(kinds: readonly (readonly [kind: string, rows: readonly Row[]])[]): string {
  const shown = kinds.map(([kind, rows]) => `              "${kind}": [\n${rows.map(({ fields }) => shownRow(fields, ASKED[kind] ?? [], true)).join(',\n')}${rows.length > 0 ? '\n' : ''}              ]\n`);
  return `          {\n${shown.join('              ,\n')}          }\n`;
}

// LVM's JSON reports (`--reportformat json --units b --nosuffix`): all values are strings. Pure.
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { LogicalVolumeFact, NodeStorageFact, PhysicalVolumeFact, VolumeGroupFact } from '../model/node-facts.ts';
import { jsonOf, rowsOf } from './status-9.ts';

const COMMON = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];
/** All of LVM in one process: starting one costs more than what it tells. Segments cannot be left out. */
export const FULL_REPORT = ['lvm', 'fullreport', ...COMMON, ...columns('vg', 'vg_name,vg_uuid,vg_size,vg_free,vg_extent_size'), ...columns('pv', 'pv_name,vg_name,pv_uuid,pv_size,pv_free'), ...columns('lv', 'vg_name,lv_name,lv_uuid,lv_size,lv_attr,lv_tags'), ...columns('pvseg', 'pv_name'), ...columns('seg', 'vg_name')];

export type LvmReport = Pick<NodeStorageFact, 'groups' | 'volumes' | 'physical'>;

/** Of all or of one kind; undefined: it is no report. */
export function parseReport(text: string): LvmReport | undefined {
  const value = jsonOf(text);
  const told = isObject(value) ? (value as JsonObject).report : undefined;
  if (!Array.isArray(told)) return undefined;
  // One for each group, and one for the physical volumes of none.
  const parts = rowsOf(told);
  const rows = (kind: string) => parts.flatMap((part) => rowsOf(part[kind]));
  return { groups: rows('vg').map(group), volumes: rows('lv').map(volume), physical: rows('pv').map(physical) };
}

function columns(kind: string, names: string): readonly string[] {
  return ['--configreport', kind, '-o', names];
}

function group(row: JsonObject): VolumeGroupFact {
  return { name: word(row.vg_name), uuid: word(row.vg_uuid), sizeBytes: bytes(row.vg_size), freeBytes: bytes(row.vg_free), extentBytes: bytes(row.vg_extent_size) };
}

function volume(row: JsonObject): LogicalVolumeFact {
  const attributes = word(row.lv_attr);
  return {
    group: word(row.vg_name), name: word(row.lv_name), uuid: word(row.lv_uuid), sizeBytes: bytes(row.lv_size),
    active: attributes[4] === 'a', open: attributes[5] === 'o', tags: word(row.lv_tags).split(',').filter((tag) => tag !== ''),
  };
}

function physical(row: JsonObject): PhysicalVolumeFact {
  return { device: word(row.pv_name), group: word(row.vg_name), uuid: word(row.pv_uuid), sizeBytes: bytes(row.pv_size), freeBytes: bytes(row.pv_free) };
}

function word(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function bytes(value: Json | undefined): number {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : 0;
}

// LVM's JSON reports (`--reportformat json --units b --nosuffix`): all values are strings. Pure.
import { isObject } from '../model/json.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { LogicalVolumeFact, PhysicalVolumeFact, VolumeGroupFact } from '../model/node-facts.ts';
import { jsonOf, rowsOf } from './status-9.ts';

const COMMON = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];
export const VGS = ['vgs', ...COMMON, '-o', 'vg_name,vg_uuid,vg_size,vg_free,vg_extent_size'];
export const LVS = ['lvs', ...COMMON, '-o', 'vg_name,lv_name,lv_uuid,lv_size,lv_attr,lv_tags'];
export const PVS = ['pvs', ...COMMON, '-o', 'pv_name,vg_name,pv_uuid,pv_size,pv_free'];

/** Undefined: it is no report. */
export function parseGroups(text: string): readonly VolumeGroupFact[] | undefined {
  return report(text, 'vg')?.map((row) => ({ name: word(row.vg_name), uuid: word(row.vg_uuid), sizeBytes: bytes(row.vg_size), freeBytes: bytes(row.vg_free), extentBytes: bytes(row.vg_extent_size) }));
}

export function parseVolumes(text: string): readonly LogicalVolumeFact[] | undefined {
  return report(text, 'lv')?.map((row) => {
    const attributes = word(row.lv_attr);
    return {
      group: word(row.vg_name), name: word(row.lv_name), uuid: word(row.lv_uuid), sizeBytes: bytes(row.lv_size),
      active: attributes[4] === 'a', open: attributes[5] === 'o', tags: word(row.lv_tags).split(',').filter((tag) => tag !== ''),
    };
  });
}

export function parsePhysical(text: string): readonly PhysicalVolumeFact[] | undefined {
  return report(text, 'pv')?.map((row) => ({ device: word(row.pv_name), group: word(row.vg_name), uuid: word(row.pv_uuid), sizeBytes: bytes(row.pv_size), freeBytes: bytes(row.pv_free) }));
}

function report(text: string, what: string): readonly JsonObject[] | undefined {
  const value = jsonOf(text);
  const [first] = isObject(value) ? rowsOf((value as JsonObject).report) : [];
  return first && Array.isArray(first[what]) ? rowsOf(first[what]) : undefined;
}

function word(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function bytes(value: Json | undefined): number {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : 0;
}

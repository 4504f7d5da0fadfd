// In: a simulated cluster as a person writes it down, in YAML. Out: the same as a ClusterSpec.
// Must never pass over a key that it does not know: a start state that is not what was meant teaches the wrong thing.
import { parse } from 'yaml';
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { nearest } from '../model/nearest.ts';
import { parseSize } from '../pve/sizes.ts';
import type { ClusterSpec } from './cluster-spec.ts';

/** Sizes as `32G` under the short names, in bytes under the long ones. */
const SIZES: Readonly<Record<string, string>> = { memory: 'memoryBytes', capacity: 'capacityBytes', size: 'sizeBytes' };

const KEYS = {
  cluster: ['clusterName', 'pveVersion', 'qdevice', 'nodes', 'storages', 'guests', 'pools', 'options', 'disks', 'newGuests', 'drbd'],
  nodes: ['name', 'address', 'memory', 'cores', 'bridges', 'power', 'kvm', 'thinPools', 'zpools', 'drbd', 'volumeGroups', 'devices', 'programs', 'addresses'],
  drbd: ['name', 'minor', 'backing', 'size', 'nodes', 'dualPrimary', 'volumeGroup'],
  storages: ['id', 'type', 'shared', 'nodes', 'capacity', 'content', 'options', 'volumes'],
  volumes: ['name', 'size', 'node', 'vmid', 'content', 'format'],
  guests: ['vmid', 'node', 'type', 'name', 'config', 'running', 'template', 'behaviour'],
} as const;

/** @throws Failure USAGE that says what is wrong in `file` */
export function parseLive(text: string, file: string): ClusterSpec {
  const value = parsed(text, file);
  const cluster = record(value, 'the file', KEYS.cluster, file);
  return {
    ...cluster,
    ...(cluster.nodes === undefined ? {} : { nodes: rows(cluster.nodes, 'nodes', file).map((row, at) => ({ ...row, ...sizesOf(row, 'volumeGroups', `nodes[${at}]`, file), ...sizesOf(row, 'devices', `nodes[${at}]`, file) })) }),
    ...(cluster.storages === undefined ? {} : { storages: rows(cluster.storages, 'storages', file).map((row) => ({ ...row, ...(row.volumes === undefined ? {} : { volumes: rows(row.volumes, 'volumes', file) }) })) }),
    ...(cluster.drbd === undefined ? {} : { drbd: rows(cluster.drbd, 'drbd', file) }),
    ...(cluster.guests === undefined ? {} : { guests: rows(cluster.guests, 'guests', file) }),
    ...(isObject(cluster.disks) ? { disks: Object.fromEntries(Object.entries(cluster.disks).map(([name, size]) => [name, bytesOf(size, `disks.${name}`, file)])) } : {}),
  } as ClusterSpec;
}

/** Sizes by name. */
function sizesOf(row: Row, key: string, what: string, file: string): Row {
  const sizes = row[key];
  if (sizes === undefined) return {};
  if (!isObject(sizes)) throw failure('USAGE', `${file}: ${what}.${key} is not a mapping`);
  return { [key]: Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, bytesOf(size, `${what}.${key}.${name}`, file)])) };
}

type Row = Readonly<Record<string, unknown>>;

function parsed(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw failure('USAGE', `${file} is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function rows(value: unknown, what: Exclude<keyof typeof KEYS, 'cluster'>, file: string): readonly Row[] {
  if (!Array.isArray(value)) throw failure('USAGE', `${file}: ${what} is not a list`);
  return value.map((row, at) => inBytes(record(row, `${what}[${at}]`, KEYS[what], file), `${what}[${at}]`, file));
}

function record(value: unknown, what: string, keys: readonly string[], file: string): Row {
  if (!isObject(value)) throw failure('USAGE', `${file}: ${what} is not a mapping`);
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw failure('USAGE', `${file}: ${what} has no '${unknown}'`, { fix: `${guess(unknown, keys)}known: ${keys.join(', ')}` });
  return value;
}

function guess(key: string, keys: readonly string[]): string {
  const near = nearest(key, keys);
  return near === undefined ? '' : `did you mean '${near}'? `;
}

function inBytes(row: Row, what: string, file: string): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => (SIZES[key] === undefined ? [key, value] : [SIZES[key], bytesOf(value, `${what}.${key}`, file)])));
}

function bytesOf(value: unknown, what: string, file: string): number {
  const bytes = parseSize(String(value));
  if (bytes === undefined) throw failure('USAGE', `${file}: ${what} is not a size`, { fix: 'write for example 32G' });
  return bytes;
}

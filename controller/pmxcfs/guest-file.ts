// A guest's configuration file (`qemu-server/101.conf`, `lxc/102.conf`).
// In: its text. Out: what `GET …/pending` and `GET …/config` of the same guest answer.
// Must never guess: a line that we do not know makes the answer undefined, and the API has to be asked.
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../model/json.ts';
import { paramOf } from '../pve/api-tables.ts';
import type { ApiTables, Param } from '../pve/api-tables.ts';
import { decodeText, splitList } from './text.ts';
import { guestValue } from './value.ts';
import type { FileValue } from './value.ts';

export interface GuestFile {
  /** Above the first section, `digest` included. */
  readonly config: Readonly<Record<string, FileValue>>;
  /** What waits for a restart. */
  readonly pending: Readonly<Record<string, FileValue>>;
  /** Options that go at the next start; true: with their volume. */
  readonly deletes: Readonly<Record<string, boolean>>;
}

type GuestType = 'qemu' | 'lxc';
type Section = Record<string, FileValue>;

const MASK = '**********';
/** Options that Proxmox writes itself and no call takes. */
const OWN: Readonly<Record<string, Param>> = {
  parent: { type: 'string' }, snaptime: { type: 'integer' }, vmstate: { type: 'string' }, runningmachine: { type: 'string' }, runningcpu: { type: 'string' },
  'running-nets-host-mtu': { type: 'string' }, meta: { type: 'string' }, snapstate: { type: 'string' },
};
const LINE: Readonly<Record<GuestType, RegExp>> = { qemu: /^([a-z][a-z_-]*\d*):(.*)$/, lxc: /^([a-z][a-z_]*\d*):(.*)$/ };
/** A path of the host as a drive: Proxmox finds out which volume it is; that is left to it. */
const HOST_PATH = /^(?:file=)?\//;
const DRIVE = /^(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+$/;
const PENDING: Readonly<Record<GuestType, RegExp>> = { qemu: /^\[PENDING\]\s*$/i, lxc: /^\[pve:pending\]\s*$/i };

export function parseGuestFile(tables: ApiTables, type: GuestType, text: string): GuestFile | undefined {
  const parts = { main: [] as string[], pending: [] as string[], other: [] as string[] };
  let into = parts.main;
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) into = PENDING[type].test(line) ? parts.pending : parts.other;
    else if (!/^\s*$/.test(line)) into.push(line);
  }
  const deletes = parts.pending.find((line) => line.startsWith('delete:'));
  const options = optionsOf(tables, type);
  const main = parseSection(options, parts.main);
  const pending = parseSection(options, parts.pending.filter((line) => line !== deletes));
  if (!main || !pending) return undefined;
  return {
    config: { ...main, digest: createHash('sha1').update(text).digest('hex') }, pending,
    deletes: Object.fromEntries(splitList(deletes?.slice('delete:'.length) ?? '').map((key) => [key.replace(/^!/, ''), key.startsWith('!')])),
  };
}

/** As the API: each option with its value, what it will be, or that it goes (2: its volume too). */
export function pendingRows({ config, pending, deletes }: GuestFile): readonly JsonObject[] {
  const keys = new Set([...Object.keys(config), ...Object.keys(pending), ...Object.keys(deletes)]);
  return [...keys].map((key) => ({
    key,
    ...(config[key] === undefined ? {} : { value: masked(key, config[key]) }),
    ...(pending[key] === undefined ? {} : { pending: masked(key, pending[key]) }),
    ...(deletes[key] === undefined ? {} : { delete: deletes[key] ? 2 : 1 }),
  }));
}

/** As `GET …/config`: the values as they will be. */
export function futureConfig({ config, pending, deletes }: GuestFile): JsonObject {
  const future = Object.entries({ ...config, ...pending }).filter(([key]) => deletes[key] === undefined);
  return Object.fromEntries(future.map(([key, value]): readonly [string, Json] => [key, masked(key, value)]));
}

/** Secrets are in clear in the file, and must not go further. */
function masked(key: string, value: FileValue): FileValue {
  return key === 'cipassword' ? MASK : value;
}

function parseSection(options: Options, lines: readonly string[]): Section | undefined {
  const section: Section = {};
  let description: string | undefined;
  for (const line of lines) {
    const comment = /^#(.*)$/.exec(line)?.[1];
    const old = /^description:\s*(.*\S)\s*$/.exec(line)?.[1];
    if (comment !== undefined) description = `${description ?? ''}${decodeText(comment)}\n`;
    else if (old !== undefined) description = `${description ?? ''}${decodeText(old)}`;
    else if (!put(options, section, line)) return undefined;
  }
  // A container's keeps the newline at its end.
  const described = options.type === 'qemu' ? description?.trimEnd() : description;
  return described === undefined || (options.type === 'lxc' && described === '') ? section : { ...section, description: described };
}

function put({ type, paramOf: find }: Options, section: Section, line: string): boolean {
  const [, raw, rawValue = ''] = type === 'lxc' ? (/^(lxc\.[a-z0-9_\-.]+)(?::|\s*=)\s*(.*?)\s*$/.exec(line) ?? []) : [];
  // Raw keys of a container are no options; only its environment is shown as one.
  if (raw === 'lxc.environment.runtime') section.env = section.env === undefined ? rawValue : `${section.env}\0${rawValue}`;
  if (raw !== undefined) return true;
  const [, key, rest] = LINE[type].exec(line) ?? [];
  // Of nothing but blanks Proxmox keeps one: `boot: ` says that nothing is booted from.
  const text = rest?.trim() || rest?.slice(-1);
  if (key === undefined || !text) return false;
  const param = find(key);
  const isQuoted = type === 'qemu' && key !== 'args' && param?.type === 'string' && param.format === undefined;
  const value = param && guestValue(param, isQuoted ? text.replace(/^"(.*)"$/, '$1') : text);
  if (value === undefined || (HOST_PATH.test(text) && DRIVE.test(key))) return false;
  section[key] = value;
  return true;
}

/** The options of one type of guest. */
interface Options { readonly type: GuestType; readonly paramOf: (key: string) => Param | undefined }

function optionsOf(tables: ApiTables, type: GuestType): Options {
  const update = tables.method('PUT', `/nodes/{node}/${type}/{vmid}/config`);
  const create = tables.method('POST', `/nodes/{node}/${type}`);
  return { type, paramOf: (key) => (Object.hasOwn(OWN, key) ? OWN[key] : (update && paramOf(update, key)) ?? (create && paramOf(create, key))) };
}

// In: a guest of the state. Out: its configuration as a file, as the API reads it, and its pending changes; and the
// changes to it, after which its digest is new.
// Must never know how a change reaches a running guest.
import { createHash } from 'node:crypto';
import type { JsonObject } from '../model/json.ts';
import { paramOf, type ApiTables, type Param } from '../pve/api-tables.ts';
import type { ConfigValue, GuestConfig, GuestState, GuestType, SnapshotState } from './state.ts';

/** Changed by hand in `work`; whoever reads the digest next gets a new one. */
export function touch(guest: GuestState): void {
  delete guest.digest;
}

export function digestOf(guest: GuestState): string {
  return (guest.digest ??= createHash('sha1').update(fileText(guest)).digest('hex'));
}

/** The file in /etc/pve: comment lines of the description, then keys sorted, then the sections. */
export function fileText(guest: GuestState): string {
  let text = section(guest.config);
  const deletes = Object.entries(guest.pendingDelete);
  if (deletes.length > 0 || Object.keys(guest.pending).length > 0) {
    const pending: GuestConfig = { ...guest.pending };
    if (deletes.length > 0) pending.delete = deletes.map(([key, force]) => (force ? `!${key}` : key)).sort().join(',');
    text += `\n${guest.type === 'lxc' ? '[pve:pending]' : '[PENDING]'}\n${section(pending)}`;
  }
  for (const name of Object.keys(guest.snapshots).sort()) text += `\n[${name}]\n${section(snapshotConfig(guest.snapshots[name]))}`;
  return text;
}

function section(config: GuestConfig): string {
  const { description, env, ...rest } = config;
  const variables = env === undefined ? [] : String(env).split('\0').map((variable) => `lxc.environment.runtime: ${variable}\n`);
  const comment = description === undefined || description === '' ? '' : String(description).replace(/\n+$/, '').split('\n').map((line) => `#${encodeText(line)}\n`).join('');
  return comment + Object.keys(rest).sort().map((key) => `${key}: ${rest[key]}\n`).join('') + variables.join('');
}

function encodeText(line: string): string {
  return line.replaceAll(/[^\x20-\x7e]|[:%"]/g, (one) => encodeURIComponent(one).replace(/^[:"]$/, (bare) => `%${bare.charCodeAt(0).toString(16).toUpperCase()}`));
}

/** A snapshot's section as a configuration. */
export function snapshotConfig(snapshot: SnapshotState | undefined): GuestConfig {
  if (!snapshot) return {};
  const { config, description, parent, snaptime, vmstate, state } = snapshot;
  return {
    ...config, snaptime,
    ...(description === undefined || description === '' ? {} : { description }),
    ...(parent === undefined ? {} : { parent }), ...(vmstate === undefined ? {} : { vmstate }), ...(state === undefined ? {} : { snapstate: state }),
  };
}

/** What the guest's configuration will be when everything pending is applied. */
export function pendingConfig(guest: GuestState): GuestConfig {
  const config: GuestConfig = { ...guest.config, ...guest.pending };
  for (const key of Object.keys(guest.pendingDelete)) delete config[key];
  return config;
}

/** Rows of GET …/pending. */
export function pendingRows(guest: GuestState): JsonObject[] {
  const rows: JsonObject[] = [];
  for (const [key, value] of Object.entries(guest.config)) {
    const removed = guest.pendingDelete[key];
    const next = guest.pending[key];
    rows.push({
      key, value: masked(key, value),
      ...(next === undefined || next === value ? {} : { pending: masked(key, next) }),
      ...(removed === undefined ? {} : { delete: removed ? 2 : 1 }),
    });
  }
  for (const [key, value] of Object.entries(guest.pending)) if (guest.config[key] === undefined) rows.push({ key, pending: masked(key, value) });
  return [...rows, { key: 'digest', value: digestOf(guest) }];
}

/** Secrets are never read back. */
export function masked(key: string, value: ConfigValue): ConfigValue {
  return key === 'cipassword' ? '**********' : value;
}

export function maskedConfig(config: GuestConfig): GuestConfig {
  return config.cipassword === undefined ? config : { ...config, cipassword: '**********' };
}

/** The parameter that describes an option of the configuration in this version's API. */
export function optionParam(tables: ApiTables, type: GuestType, key: string): Param | undefined {
  const method = tables.method('POST', `/nodes/{node}/${type}`) ?? tables.method('PUT', `/nodes/{node}/${type}/{vmid}/config`);
  return method && !NOT_OPTIONS.has(key) ? paramOf(method, key) : undefined;
}

/** Parameters of the create call that the configuration does not keep. */
export const NOT_OPTIONS: ReadonlySet<string> = new Set([
  'node', 'vmid', 'archive', 'bwlimit', 'force', 'pool', 'start', 'ha-managed', 'storage', 'unique', 'live-restore', 'import-working-storage',
  'ostemplate', 'password', 'restore', 'ssh-public-keys', 'ignore-unpack-errors', 'delete', 'revert', 'digest', 'skiplock', 'background_delay', 'skip_cloud_init', 'cdrom',
]);

/** A value as the file gives it back: numbers where the schema says integer or boolean, trimmed text elsewhere;
    nothing when the file's line would be empty. */
export function storedValue(type: GuestType, param: Param | undefined, key: string, value: ConfigValue): ConfigValue | undefined {
  if (key === 'description') return storedDescription(type, String(value));
  if (/[\r\n]/.test(String(value).replace(/\n+$/, ''))) throw new Error(`unable to parse value of '${key}' - property contains a line feed`);
  if (param?.type === 'integer' || param?.type === 'boolean') return Number(value);
  const text = key === 'env' ? String(value).split('\0').map((one) => one.trim()).filter((one) => one !== '').join('\0') : String(value).trim();
  if (text === '') return undefined;
  return param?.format === undefined && param?.type === 'string' ? text.replace(/^"(.*)"$/, '$1') : text;
}

/** The file keeps a description as comment lines: a container's comes back with a newline at its end, a VM's without. */
function storedDescription(type: GuestType, text: string): string | undefined {
  const lines = text.replace(/\n+$/, '');
  if (lines === '') return undefined;
  return type === 'lxc' ? `${lines}\n` : lines;
}

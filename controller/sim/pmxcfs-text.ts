// The cluster-wide files of /etc/pve, as text.
// In: the state of a simulated cluster. Out: what its storage.cfg, user.cfg, jobs.cfg … would say.
// Must never say anything that the API would not: both are read from the same state.
import { isObject, type Json } from '../model/json.ts';
import type { HaSection } from './ha/state.ts';
import { printProperties } from './property-string.ts';
import type { ClusterState, ConfigValue } from './state.ts';

/** Cluster-wide files by their path below /etc/pve; a file that does not exist is not there. */
export function clusterFileTexts(state: ClusterState): ReadonlyMap<string, string> {
  const { ha } = state;
  const hasGroups = Number(state.pveVersion.split('.')[0]) < 9;
  return new Map([
    ['storage.cfg', storageText(state)], ['user.cfg', userText(state)], ['datacenter.cfg', datacenterText(state.options)], ['jobs.cfg', jobsText(state)],
    ['ha/resources.cfg', sectionsText(ha.resources, '')],
    hasGroups ? ['ha/groups.cfg', sectionsText(ha.groups, 'group')] : ['ha/rules.cfg', sectionsText(ha.rules, '')],
    ['corosync.conf', corosyncText(state)],
  ].filter((entry): entry is [string, string] => entry[1] !== ''));
}

/** A paragraph a section: `type: id`, then its options sorted. `type` is one of the keys, or `ofAll`. */
export function sectionsText(sections: Readonly<Record<string, Readonly<Record<string, ConfigValue>>>>, ofAll: string): string {
  return Object.entries(sections).map(([id, section]) => {
    const type = String(section['type'] ?? ofAll);
    const options = Object.entries(section).filter(([name]) => name !== 'type' && name !== 'id').sort(([a], [b]) => (a < b ? -1 : 1));
    const name = type === 'vm' || type === 'ct' ? id.slice(id.indexOf(':') + 1) : id;
    return `${type}: ${name}\n${options.map(([key, value]) => `\t${key} ${written(type, key, value)}\n`).join('')}\n`;
  }).join('');
}

/** Only the rules of the HA manager keep their comments encoded. */
function written(type: string, key: string, value: ConfigValue): ConfigValue {
  return key === 'comment' && type.endsWith('-affinity') ? encodeText(String(value)) : value;
}

export function haText(sections: Readonly<Record<string, HaSection>>): string {
  return sectionsText(sections, 'group');
}

export function storageText(state: ClusterState): string {
  // `local` is assumed, with a priority, as long as nobody wrote the file.
  const real = Object.values(state.storages).filter(({ id, definition }) => !(id === 'local' && definition['priority'] !== undefined));
  return sectionsText(Object.fromEntries(real.map(({ id, type, definition }) => [id, { ...definition, type }])), '');
}

function jobsText(state: ClusterState): string {
  return sectionsText(Object.fromEntries(Object.entries(state.jobs).map(([id, job]) => [id, { type: 'vzdump', ...job }])), 'vzdump');
}

function datacenterText(options: ClusterState['options']): string {
  const { description = '', ...rest } = options;
  const comment = String(description).split('\n').filter((_, at, lines) => at < lines.length - 1 || lines[at] !== '').map((line) => `#${encodeText(line)}\n`).join('');
  const lines = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}: ${optionText(value)}\n`).join('');
  return comment === '' && lines === '' ? '' : `${comment}\n${lines}`;
}

function optionText(value: Json | undefined): string {
  if (Array.isArray(value)) return value.map(String).join(';');
  if (!isObject(value)) return String(value);
  return printProperties({}, Object.fromEntries(Object.entries(value).map(([key, one]) => [key, Array.isArray(one) ? one.map(String).join(';') : String(one)])));
}

function userText({ access, pools }: ClusterState): string {
  const users = Object.entries(access.users).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, user]) => `user:${id}:${user.enable}:${user.expire}:${text(user['firstname'])}:${text(user['lastname'])}:${text(user['email'])}:${text(user['comment'])}:${text(user['keys'])}:\n`);
  const tokens = Object.entries(access.tokens).sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, token]) => `token:${id}:${token.expire}:${token.privsep}:${text(token.comment)}:\n`);
  const groups = Object.entries(access.groups).map(([id, group]) => `group:${id}:${[...group.users].sort().join(',')}:${text(group.comment)}:\n`);
  const rows = Object.entries(pools).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, pool]) => `pool:${id}:${text(pool.comment)}:${[...pool.vms].map(String).sort().join(',')}:${[...pool.storages].sort().join(',')}:\n`);
  const roles = Object.entries(access.roles).map(([id, privileges]) => `role:${id}:${[...privileges].sort().join(',')}:\n`);
  const acl = access.acl.map((entry) => `acl:${entry.propagate}:${entry.path}:${entry.type === 'group' ? '@' : ''}${entry.ugid}:${entry.roleid}:\n`);
  return [users.join('') + tokens.join(''), groups.join(''), rows.join(''), roles.join(''), acl.join('')].join('\n');
}

function text(value: ConfigValue | undefined): string {
  return encodeText(String(value ?? ''));
}

function corosyncText(state: ClusterState): string {
  const nodes = Object.values(state.nodes).map((node) => `  node {\n    name: ${node.name}\n    nodeid: ${node.nodeId}\n    quorum_votes: 1\n    ring0_addr: ${node.address}\n  }\n`);
  const device = state.qdevice ? '  device {\n    model: net\n    votes: 1\n  }\n' : '';
  return `nodelist {\n${nodes.join('')}}\n\nquorum {\n${device}  provider: corosync_votequorum\n}\n\ntotem {\n  cluster_name: ${state.clusterName}\n  config_version: ${state.configVersion}\n  version: 2\n}\n`;
}

/** Control characters, `%`, `:` and everything that is not ASCII stand as their bytes. */
export function encodeText(line: string): string {
  return line.replaceAll(/[^\x20-\x7e]|[:%]/gu, (one) => [...new TextEncoder().encode(one)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
}

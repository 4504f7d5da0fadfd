// Datacenter options of the simulated cluster.
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import { paramOf } from '../../pve/api-tables.ts';
import { changeFile } from '../cluster-file.ts';
import { parseProperties } from '../property-string.ts';
import { text, type Call, type Routes } from './handler.ts';

export const optionsRoutes: Routes = {
  'GET /cluster/options': read,
  'PUT /cluster/options': (call) => changeFile(call, 'datacenter.cfg', undefined, () => write(call)),
};

/** Shown to everybody; the rest needs Sys.Audit. */
const PUBLIC = ['console', 'tag-style', 'allowed-tags'];
/** Property strings that stay as they were sent; all others are taken apart. */
const STAYS_TEXT: ReadonlySet<string> = new Set(['bwlimit']);
const MAC_PREFIX = 'BC:24:11';

function read(call: Call): Json {
  const version = Number(call.version);
  const all: JsonObject = {
    ...call.state.options, description: call.state.options.description ?? '',
    ...(version < 8 ? {} : { mac_prefix: call.state.options.mac_prefix ?? MAC_PREFIX }), ...(version < 7.3 ? {} : { 'allowed-tags': tagsOf(call) }),
  };
  if (call.caller.can('/', 'Sys.Audit')) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => PUBLIC.includes(name)));
}

/** Those in use and those registered. */
function tagsOf(call: Call): readonly string[] {
  const used = Object.values(call.state.guests).flatMap((guest) => String(guest.config.tags ?? '').split(/[;, ]+/));
  const registered = call.state.options['registered-tags'];
  return [...new Set([...used, ...(Array.isArray(registered) ? registered.map(String) : [])])].filter((tag) => tag !== '').sort();
}

function write(call: Call): undefined {
  const options: Record<string, Json> = { ...call.state.options };
  // Unknown names are passed over in silence, as the real one does.
  for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete options[name];
  for (const [name, value] of Object.entries(call.params)) {
    if (name === 'delete' || typeof value === 'object') continue;
    options[name] = stored(call, name, value);
  }
  call.state.options = options;
  return undefined;
}

function stored(call: Call, name: string, value: string | number): Json {
  if (name === 'description') return String(value).endsWith('\n') ? value : `${value}\n`;
  if (name === 'registered-tags') return String(value).split(/[;, ]+/).filter((tag) => tag !== '');
  const format = paramOf(call.method, name)?.format;
  return isObject(format) && !STAYS_TEXT.has(name) ? parseProperties(format, String(value)) : value;
}

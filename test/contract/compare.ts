// In: one recorded and one simulated JSON body. Out: where they differ, as a client would see it.
// Must never look at the order of keys or of lists: real Proxmox shuffles both.
import type { Json, JsonObject } from '../../controller/model/json.ts';
import type { GeneratedValues } from './generated.ts';

export interface Difference { readonly at: string; readonly recorded: unknown; readonly simulated: unknown }

/** Numbers (and texts) that tell about hardware, load, sizes on disk or the hour: compared by type only. */
const figures: ReadonlySet<string> = new Set([
  'time', 'timestamp', 'starttime', 'endtime', 'ctime', 'mtime', 'snaptime', 'next-run', 'pstart', 'pid', 'uptime', 'cpu', 'mem', 'memhost', 'freemem', 'disk', 'used',
  'used_fraction', 'avail', 'free', 'available', 'idle', 'wait', 'loadavg', 'netin', 'netout', 'diskread', 'diskwrite', 'mhz', 'flags', 'hvm', 'model', 'kversion',
  'user_hz', 'pressurecpusome', 'pressurecpufull', 'pressureiosome', 'pressureiofull', 'pressurememorysome', 'pressurememoryfull',
  'ssl_fingerprint', 'pve_fp', 'ticket', 'CSRFPreventionToken', 'localtime', 'uid',
]);
/** The same for objects that describe a node or a storage; for a guest they follow from its config. */
const figuresOfHosts: ReadonlySet<string> = new Set(['maxmem', 'maxdisk', 'maxcpu', 'total', 'sockets', 'cores', 'cpus']);
/** Comma lists whose order means nothing. */
const sets: ReadonlySet<string> = new Set(['content', 'nodes', 'resources', 'groups', 'users', 'privs', 'vmid', 'tokens']);
/** What names a list's item, first one that is there. */
const names = ['upid', 'volid', 'id', 'sid', 'userid', 'tokenid', 'roleid', 'groupid', 'realm', 'rule', 'poolid', 'storage', 'key', 'n', 'vmid', 'name', 'node', 'subdir', 'iface', 'method'] as const;

export function differences(recorded: Json, simulated: Json, values: GeneratedValues): readonly Difference[] {
  const found: Difference[] = [];
  compareValue('', '', recorded, simulated, values, found);
  return found;
}

function compareValue(at: string, key: string, recorded: Json, simulated: Json, values: GeneratedValues, found: Difference[]): void {
  const kind = kindOf(recorded);
  if (kind !== kindOf(simulated)) { found.push({ at, recorded, simulated }); return; }
  if (Array.isArray(recorded)) { compareLists(at, key, recorded as readonly Json[], simulated as readonly Json[], values, found); return; }
  if (kind === 'object') { compareObjects(at, recorded as JsonObject, simulated as JsonObject, values, found); return; }
  if (figures.has(key)) return;
  const same = typeof recorded === 'string' ? sameWords(key, recorded, simulated as string, values) : recorded === simulated;
  if (!same) found.push({ at, recorded, simulated });
}

function kindOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function sameWords(key: string, recorded: string, simulated: string, values: GeneratedValues): boolean {
  if (!sets.has(key)) return values.sameText(recorded, simulated);
  return values.sameText(sortedWords(recorded), sortedWords(simulated));
}

function sortedWords(list: string): string {
  return list.split(',').sort().join(',');
}

function compareObjects(at: string, recorded: JsonObject, simulated: JsonObject, values: GeneratedValues, found: Difference[]): void {
  if (keyedByChance(recorded) && keyedByChance(simulated)) { compareLists(at, '', Object.values(recorded), Object.values(simulated), values, found); return; }
  const host = !('vmid' in recorded) && !('n' in recorded) && ('used' in recorded || 'avail' in recorded || 'free' in recorded || 'type' in recorded || 'cpus' in recorded || 'node' in recorded);
  for (const key of new Set([...Object.keys(recorded), ...Object.keys(simulated)].sort())) {
    const place = `${at}.${key}`;
    const left = recorded[key];
    const right = simulated[key];
    if (left === undefined || right === undefined) { found.push({ at: place, recorded: left, simulated: right }); continue; }
    if (host && figuresOfHosts.has(key) && kindOf(left) === kindOf(right)) continue;
    if (key === 'size' && 'subtype' in recorded && kindOf(left) === kindOf(right)) continue; // an archive's
    // Quirk: a task's `saved` is 1 or "1", by chance.
    if (key === 'saved' && String(left) === String(right)) continue;
    compareValue(place, key, left, right, values, found);
  }
}

/** The HA manager's results: each key is a made-up identifier. */
function keyedByChance(value: JsonObject): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^[A-Za-z0-9+/]{22}$/.test(key));
}

function compareLists(at: string, key: string, recorded: readonly Json[], simulated: readonly Json[], values: GeneratedValues, found: Difference[]): void {
  const rest = [...simulated];
  const left: Json[] = [];
  for (const item of recorded) {
    const partner = rest.findIndex((other) => namesSame(item, other, values));
    if (partner < 0) left.push(item);
    else compareValue(`${at}[${labelOf(item)}]`, key, item, rest.splice(partner, 1)[0]!, values, found);
  }
  for (const item of left) {
    const partner = rest.findIndex((other) => adoptIfSame(key, item, other, values));
    if (partner >= 0) { rest.splice(partner, 1); continue; }
    const named = rest.findIndex((other) => labelOf(other) === labelOf(item));
    if (named >= 0) compareValue(`${at}[${labelOf(item)}]`, key, item, rest.splice(named, 1)[0]!, values, found);
    else found.push({ at: `${at}[]`, recorded: item, simulated: undefined });
  }
  for (const item of rest) found.push({ at: `${at}[]`, recorded: undefined, simulated: item });
}

/** Same name, and the name is one that both sides know: chosen by the client, or paired before. */
function namesSame(recorded: Json, simulated: Json, values: GeneratedValues): boolean {
  const name = nameOf(recorded);
  return name !== undefined && values.simulated(name) === nameOf(simulated);
}

function nameOf(item: Json): string | undefined {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return undefined;
  const object = item as JsonObject;
  const own = names.find((name) => typeof object[name] === 'string' || typeof object[name] === 'number');
  if (own === undefined) return undefined;
  // A storage is named per node where the answer spans nodes; roles are granted to somebody somewhere.
  const parts = own === 'storage' || own === 'roleid' || own === 'name' ? [own, 'node', 'path', 'ugid', 'type'] : [own];
  return parts.map((part) => String(object[part] ?? '')).join('|');
}

function labelOf(item: Json): string {
  const name = nameOf(item);
  if (name === undefined) return typeof item === 'string' ? item : '';
  return name.replace(/^UPID:([^:]+):[^:]+:[^:]+:[^:]+:/, 'task $1:');
}

function adoptIfSame(key: string, recorded: Json, simulated: Json, values: GeneratedValues): boolean {
  const tried = values.fork();
  const found: Difference[] = [];
  compareValue('', key, recorded, simulated, tried, found);
  if (found.length > 0) return false;
  values.adopt(tried);
  return true;
}

/** The shapes of a list's items: its keys with their types. For lists that show what happened before the recording began. */
export function shapesOf(list: Json): ReadonlySet<string> {
  if (!Array.isArray(list)) return new Set([kindOf(list)]);
  return new Set((list as readonly Json[]).map((item) => item !== null && typeof item === 'object' && !Array.isArray(item)
    ? Object.entries(item as JsonObject).map(([key, value]) => `${key}:${kindOf(value)}`).sort().join(' ') : kindOf(item)));
}

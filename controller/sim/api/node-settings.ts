// A simulated node's own settings: DNS, time zone, hosts file and notes.
import type { Json, JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { sha1 } from '../section-config.ts';
import { failure, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';

export const settingsRoutes: Routes = {
  'GET /nodes/{node}/dns': (call) => settingOf(call, 'dns', { search: 'lab', dns1: '127.0.0.1' }),
  // What is not sent is gone: the file is written anew.
  'PUT /nodes/{node}/dns': (call) => keep(call, 'dns', chosen(call, ['search', 'dns1', 'dns2', 'dns3'])),
  'GET /nodes/{node}/time': (call) => {
    const now = Math.floor(call.sim.clock.now() / 1000);
    const timezone = String(settingOf(call, 'time', { timezone: 'Etc/UTC' }).timezone);
    return { timezone, time: now, localtime: now + offsetSeconds(timezone, call.sim.clock.now()) };
  },
  'PUT /nodes/{node}/time': (call) => {
    const timezone = requiredText(call, 'timezone');
    if (!isTimezone(timezone)) throw parameterError({ timezone: 'No such timezone' });
    return keep(call, 'time', { timezone });
  },
  'GET /nodes/{node}/hosts': (call) => {
    const data = hostsOf(call);
    return { data, digest: sha1(data) };
  },
  'POST /nodes/{node}/hosts': (call) => {
    refuseStale(call, sha1(hostsOf(call)));
    return keep(call, 'hosts', { data: requiredText(call, 'data') });
  },
  'GET /nodes/{node}/config': readConfig,
  'PUT /nodes/{node}/config': writeConfig,
};

function settingOf(call: Call, name: string, otherwise: JsonObject): JsonObject {
  return call.state.nodes[call.node]?.settings[name] ?? otherwise;
}

function keep(call: Call, name: string, setting: JsonObject): undefined {
  const node = call.state.nodes[call.node];
  if (node) node.settings[name] = setting;
  return undefined;
}

function chosen(call: Call, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (call.params[name] === undefined ? [] : [[name, requiredText(call, name)]])));
}

function hostsOf(call: Call): string {
  const lines = Object.values(call.state.nodes).map((node) => `${node.address} ${node.name}.lab ${node.name}\n`);
  return String(settingOf(call, 'hosts', { data: `127.0.0.1 localhost.localdomain localhost\n${lines.join('')}` }).data);
}

function refuseStale(call: Call, digest: string): void {
  const sent = text(call, 'digest');
  if (sent !== undefined && sent !== digest) throw failure('detected modified configuration - file changed by other user? Try again.');
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

/** How far local time is ahead of UTC at that moment. */
function offsetSeconds(timeZone: string, nowMs: number): number {
  const parts = new Intl.DateTimeFormat('en', { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(nowMs);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return Math.round((Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - Math.floor(nowMs / 1000) * 1000) / 1000);
}

function readConfig(call: Call): Json {
  const config = settingOf(call, 'config', {});
  const property = text(call, 'property');
  const shown: JsonObject = Object.keys(config).length === 0 ? {} : { ...config, digest: sha1(JSON.stringify(config)) };
  return property === undefined ? shown : { ...(config[property] === undefined ? {} : { [property]: config[property] }), ...(shown.digest === undefined ? {} : { digest: shown.digest }) };
}

function writeConfig(call: Call): Promise<undefined> {
  return changeFile(call, `nodes/${call.node}/config`, undefined, () => {
    const config: Record<string, Json> = { ...settingOf(call, 'config', {}) };
    refuseStale(call, sha1(JSON.stringify(config)));
    for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete config[name];
    for (const [name, value] of Object.entries(call.params)) {
      if (['node', 'delete', 'digest'].includes(name) || typeof value === 'object') continue;
      config[name] = name === 'description' && !String(value).endsWith('\n') ? `${value}\n` : String(value);
    }
    return keep(call, 'config', config);
  });
}

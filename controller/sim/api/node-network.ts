// A simulated node's network configuration: changes wait in a second file until they are applied or dropped.
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import type { NodeState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { failure, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';

type Interfaces = Record<string, JsonObject>;

export const networkRoutes: Routes = {
  'GET /nodes/{node}/network': (call) => {
    const pending = pendingOf(call);
    if (pending) call.extras.changes = changesText(call, pending);
    return Object.entries(pending ?? activeOf(call)).filter(([, one]) => isOfType(one, text(call, 'type'))).map(([iface, one]) => ({ iface, ...shown(call, iface, one) }));
  },
  'GET /nodes/{node}/network/{iface}': (call) => {
    const iface = requiredText(call, 'iface');
    return shown(call, iface, existing(call));
  },
  'POST /nodes/{node}/network': (call) => {
    const iface = requiredText(call, 'iface');
    if (currentOf(call)[iface]) throw parameterError({ iface: 'interface already exists' });
    const highest = Math.max(2, ...Object.values(currentOf(call)).map((one) => Number(one.priority ?? 0)));
    return change(call, { ...currentOf(call), [iface]: { ...withDefaults(sent(call)), priority: highest + 1 } }, iface);
  },
  'PUT /nodes/{node}/network/{iface}': (call) => {
    const iface = requiredText(call, 'iface');
    const kept: Record<string, Json> = { ...existing(call) };
    const removed = (text(call, 'delete') ?? '').split(/[\s,;]+/);
    for (const name of removed) delete kept[name];
    if (removed.includes('cidr')) for (const name of ['address', 'netmask']) delete kept[name];
    const news = sent(call);
    return change(call, { ...currentOf(call), [iface]: withDefaults({ ...kept, ...news, method: news.address === undefined ? 'manual' : 'static' }) }, iface);
  },
  'DELETE /nodes/{node}/network/{iface}': (call) => {
    existing(call);
    return change(call, Object.fromEntries(Object.entries(currentOf(call)).filter(([iface]) => iface !== requiredText(call, 'iface'))), undefined);
  },
  'DELETE /nodes/{node}/network': (call) => {
    delete nodeOf(call).settings.networkPending;
    return undefined;
  },
  'PUT /nodes/{node}/network': apply,
};

function nodeOf(call: Call): NodeState {
  const node = call.state.nodes[call.node];
  if (!node) throw failure(`no such node '${call.node}'`);
  return node;
}

function activeOf(call: Call): Interfaces {
  const node = nodeOf(call);
  return (node.settings.network as Interfaces | undefined) ?? defaultInterfaces(node);
}

function pendingOf(call: Call): Interfaces | undefined {
  return nodeOf(call).settings.networkPending as Interfaces | undefined;
}

function currentOf(call: Call): Interfaces {
  return pendingOf(call) ?? activeOf(call);
}

/** One network card below the first bridge, which has the node's address. */
function defaultInterfaces(node: NodeState): Interfaces {
  const found: Interfaces = { eth0: { type: 'eth', method: 'manual', method6: 'manual', families: ['inet'], priority: 3 } };
  for (const [at, bridge] of node.bridges.entries()) {
    const own: JsonObject = at === 0 ? { method: 'static', address: node.address, netmask: '24', cidr: `${node.address}/24`, bridge_ports: 'eth0' } : { method: 'manual', bridge_ports: '' };
    found[bridge] = { type: 'bridge', autostart: 1, method6: 'manual', bridge_fd: '0', bridge_stp: 'off', families: ['inet'], priority: 4 + at, ...own };
  }
  return found;
}

function shown(call: Call, iface: string, one: JsonObject): JsonObject {
  return iface in activeOf(call) ? { ...one, active: 1 } : one;
}

function existing(call: Call): JsonObject {
  const found = currentOf(call)[requiredText(call, 'iface')];
  if (!found) throw parameterError({ iface: 'interface does not exist' });
  return found;
}

function isOfType(one: JsonObject, type: string | undefined): boolean {
  if (type === undefined || type === 'include_sdn') return true;
  const kind = String(one.type);
  if (type.startsWith('any_')) return type === 'any_local_bridge' ? kind === 'bridge' : kind === 'bridge' || kind === 'OVSBridge';
  return kind === type;
}

/** What the file keeps as text is told as text; a comment gains its line end. */
function sent(call: Call): Record<string, Json> {
  const values: Record<string, Json> = {};
  for (const [name, value] of Object.entries(call.params)) {
    if (['node', 'iface', 'delete', 'digest'].includes(name) || typeof value === 'object') continue;
    if ((name === 'autostart' || name === 'bridge_vlan_aware') && value === 0) continue;
    values[name] = name === 'autostart' || name === 'bridge_vlan_aware' ? value : name === 'comments' && !String(value).endsWith('\n') ? `${value}\n` : String(value);
  }
  const [address, length] = String(values.cidr ?? '').split('/');
  if (address && length !== undefined) Object.assign(values, { address, netmask: length });
  else if (values.address !== undefined && values.netmask !== undefined) values.cidr = `${String(values.address)}/${String(values.netmask)}`;
  return values;
}

function withDefaults(one: Record<string, Json>): JsonObject {
  const bridge: JsonObject = one.type === 'bridge' ? { bridge_ports: '', bridge_stp: 'off', bridge_fd: '0' } : {};
  return { ...bridge, method: one.address === undefined ? 'manual' : 'static', method6: 'manual', families: ['inet'], ...one };
}

function change(call: Call, interfaces: Interfaces, changed: string | undefined): undefined {
  if (changed !== undefined) refuseNonsense(interfaces, changed);
  nodeOf(call).settings.networkPending = interfaces;
  return undefined;
}

function refuseNonsense(interfaces: Interfaces, changed: string): void {
  const one = interfaces[changed] ?? {};
  for (const slave of words(one.type === 'bond' ? one.slaves : '')) {
    const type = String(interfaces[slave]?.type ?? '');
    if (type !== 'eth' && type !== 'bond') throw failure(`bond '${changed}' - wrong interface type on slave '${slave}' ('${type}' != 'eth or bond')`);
  }
  for (const port of words(one.bridge_ports)) if (!interfaces[port.split('.')[0] ?? '']) throw failure(`bridge port '${port}' does not exist`);
  const rival = one.gateway === undefined ? undefined : Object.entries(interfaces).find(([name, other]) => name !== changed && other.gateway !== undefined);
  if (rival) throw parameterError({ gateway: `Default gateway already exists on interface '${rival[0]}'.` });
}

function words(value: Json | undefined): readonly string[] {
  return String(value ?? '').split(/[\s,;]+/).filter((word) => word !== '' && word !== 'none');
}

/** A difference between the two files, in the form of diff. */
function changesText(call: Call, pending: Interfaces): string {
  const lines = (interfaces: Interfaces): readonly string[] => Object.entries(interfaces).flatMap(([iface, one]) => stanza(iface, one));
  const [before, after] = [lines(activeOf(call)), lines(pending)];
  const gone = before.filter((line) => !after.includes(line)).map((line) => `-${line}`);
  const news = after.filter((line) => !before.includes(line)).map((line) => `+${line}`);
  return ['--- /etc/network/interfaces', '+++ /etc/network/interfaces.new', ...gone, ...news, ''].join('\n');
}

function stanza(iface: string, one: JsonObject): readonly string[] {
  const options = Object.entries(one).filter(([name]) => /^(address|gateway|mtu|bridge_|bond_|slaves)/.test(name) && name !== 'address').map(([name, value]) => `\t${name.replaceAll('_', '-')} ${String(value === '' ? 'none' : value)}`);
  return [`auto ${iface}`, `iface ${iface} inet ${String(one.method)}`, ...(isObject(one) && one.cidr !== undefined ? [`\taddress ${String(one.cidr)}`] : []), ...options];
}

const RELOAD_MS = 1500;

/** Brings the waiting file into force. */
function apply(call: Call): Json {
  return startTask(call, 'srvreload', 'networking', async (task) => {
    await task.sleep(RELOAD_MS);
    const pending = pendingOf(call);
    if (!pending) return;
    const node = nodeOf(call);
    node.settings.network = pending;
    node.bridges = Object.entries(pending).filter(([, one]) => one.type === 'bridge' || one.type === 'OVSBridge').map(([iface]) => iface);
    delete node.settings.networkPending;
  });
}

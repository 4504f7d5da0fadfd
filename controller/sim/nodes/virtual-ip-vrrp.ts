// VRRP between the nodes, in virtual time. In: instances that run, and who reaches whom. Out: who has the address, since when.
// Must never tick: a beat that is heard changes nothing, so only the moments at which something changes are waited for.
import { MAIN_FILE } from '../../virtual-ip/keepalived-text.ts';
import { isLinked } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import { familyOf, readKeepalived } from './virtual-ip-config.ts';
import type { Beat, Keepalived, RunningInstance, VrrpSettings } from './virtual-ip-state.ts';

interface Speaker { readonly node: string; readonly instance: RunningInstance }
type Noted = RunningInstance['state'] | 'STOP';

/** So many beats may be missed. */
const BEATS = 3;

/** It reads its files and listens first. */
export function startInstances(sim: Simulation, node: string): void {
  const keepalived = keepalivedOf(sim, node);
  if (!keepalived) return;
  keepalived.instances = settingsOn(sim, node).map((settings) => begun(sim, node, settings));
  lookAtVrrp(sim);
}

/** In order: others are told, and need not wait. */
export function stopInstances(sim: Simulation, node: string): void {
  const keepalived = keepalivedOf(sim, node);
  const instances = keepalived?.instances ?? [];
  for (const instance of instances) {
    if (instance.state === 'MASTER') farewell(sim, { node, instance });
    takeAddresses(sim, node, instance);
    note(sim, node, instance, 'STOP');
  }
  if (keepalived) keepalived.instances = [];
  lookAtVrrp(sim);
}

/** An instance goes on as what it is when network, number, interface and own address are the same; its name may change. */
export function rereadInstances(sim: Simulation, node: string): void {
  const keepalived = keepalivedOf(sim, node);
  if (!keepalived) return;
  const wanted = settingsOn(sim, node);
  const before = keepalived.instances;
  for (const gone of before.filter((one) => !wanted.some((settings) => isSame(one, settings)))) {
    takeAddresses(sim, node, gone);
    note(sim, node, gone, 'FAULT');
  }
  keepalived.instances = wanted.map((settings) => {
    const old = before.find((one) => isSame(one, settings));
    if (!old) return begun(sim, node, settings);
    const { state, sinceMs } = old;
    if (state === 'MASTER') takeAddresses(sim, node, { ...old, addresses: old.addresses.filter((address) => !settings.addresses.includes(address)) });
    if (state === 'MASTER') putAddresses(sim, node, settings);
    return { ...settings, state, sinceMs, heardMs: sim.clock.now() };
  });
  lookAtVrrp(sim);
}

/** What was in memory is gone, and what it had. */
export function loseInstances(sim: Simulation, node: string): void {
  const keepalived = keepalivedOf(sim, node);
  for (const instance of keepalived?.instances ?? []) takeAddresses(sim, node, instance);
  if (keepalived) keepalived.instances = [];
  lookAtVrrp(sim);
}

/** A lab that goes on after it was saved: everybody listens anew. */
export function resumeInstances(sim: Simulation): void {
  for (const { instance } of speakers(sim)) {
    delete instance.dueMs;
    delete instance.hears;
    instance.heardMs = sim.clock.now();
  }
  lookAtVrrp(sim);
}

/** After anything that changes who runs, who is what, or who reaches whom. */
export function lookAtVrrp(sim: Simulation): void {
  const all = speakers(sim);
  for (const { node, instance } of all) followCable(sim, node, instance);
  for (const one of all) {
    if (one.instance.state === 'MASTER') defend(sim, one, all);
    else if (one.instance.state === 'BACKUP') listen(sim, one, all);
  }
}

function followCable(sim: Simulation, node: string, instance: RunningInstance): void {
  const isPlugged = sim.state.nodes[node]?.network !== 'down';
  if (isPlugged === (instance.state !== 'FAULT')) return;
  delete instance.hears;
  instance.heardMs = sim.clock.now();
  become(sim, node, instance, isPlugged ? 'BACKUP' : 'FAULT');
}

/** A MASTER that hears a better one gives way at that one's next word. */
function defend(sim: Simulation, { node, instance }: Speaker, all: readonly Speaker[]): void {
  const better = all.find((other) => other.instance.state === 'MASTER' && other.instance !== instance && isHeard(sim, other, { node, instance }) && isBetter(other.instance, instance));
  if (better) due(sim, node, instance, nextBeat(better.instance, sim.clock.now()));
  else delete instance.dueMs;
}

/** A BACKUP that hears a MASTER waits for ever; from its last word on it waits for a while. */
function listen(sim: Simulation, { node, instance }: Speaker, all: readonly Speaker[]): void {
  const master = all.find((other) => other.instance.state === 'MASTER' && isHeard(sim, other, { node, instance }) && (!instance.preempt || other.instance.priority >= instance.priority));
  if (master) {
    instance.hears = { sinceMs: master.instance.sinceMs, advertMs: master.instance.advertMs };
    delete instance.dueMs;
    return;
  }
  if (instance.hears) instance.heardMs = lastBeat(instance.hears, sim.clock.now());
  // In version 3 the MASTER tells its interval.
  const advertMs = instance.version === 3 ? instance.hears?.advertMs ?? instance.advertMs : instance.advertMs;
  delete instance.hears;
  if (instance.dueMs === undefined) due(sim, node, instance, instance.heardMs + BEATS * advertMs + skewMs(instance, advertMs));
}

/** The better one is the first to lose patience. */
function skewMs({ version, priority }: VrrpSettings, advertMs: number): number {
  return Math.round(((256 - priority) * (version === 3 ? advertMs : 1000)) / 256);
}

/** Its last word says that it goes. */
function farewell(sim: Simulation, leaving: Speaker): void {
  for (const other of speakers(sim)) {
    const { node, instance } = other;
    if (instance.state !== 'BACKUP' || !isHeard(sim, leaving, other)) continue;
    delete instance.hears;
    instance.heardMs = sim.clock.now();
    due(sim, node, instance, sim.clock.now() + skewMs(instance, instance.advertMs));
  }
}

function due(sim: Simulation, node: string, instance: RunningInstance, at: number): void {
  const atMs = Math.max(at, sim.clock.now());
  if (instance.dueMs === atMs) return;
  instance.dueMs = atMs;
  sim.clock.at(atMs, () => {
    if (instance.dueMs !== atMs || !keepalivedOf(sim, node)?.instances.includes(instance)) return;
    delete instance.dueMs;
    instance.heardMs = atMs;
    become(sim, node, instance, instance.state === 'MASTER' ? 'BACKUP' : 'MASTER');
    lookAtVrrp(sim);
  }, { background: true, label: `keepalived of ${node}` });
}

function become(sim: Simulation, node: string, instance: RunningInstance, state: RunningInstance['state']): void {
  if (instance.state === 'MASTER') takeAddresses(sim, node, instance);
  delete instance.dueMs;
  instance.state = state;
  instance.sinceMs = sim.clock.now();
  if (state === 'MASTER') putAddresses(sim, node, instance);
  note(sim, node, instance, state);
}

function begun(sim: Simulation, node: string, settings: VrrpSettings): RunningInstance {
  const now = sim.clock.now();
  note(sim, node, settings, 'BACKUP');
  return { ...settings, state: 'BACKUP', sinceMs: now, heardMs: now };
}

function note(sim: Simulation, node: string, { name, note: path }: VrrpSettings, state: Noted): void {
  sim.log.write(node, `keepalived ${name}: ${state}`);
  if (path !== undefined) hostOf(sim, node).notes[`${path}.${state}`] = sim.clock.now();
}

function putAddresses(sim: Simulation, node: string, { addresses, interface: device }: VrrpSettings): void {
  const host = hostOf(sim, node);
  for (const address of addresses) if (!host.addresses.some((one) => one.address === address)) host.addresses.push({ interface: device, address });
}

function takeAddresses(sim: Simulation, node: string, { addresses, state }: RunningInstance): void {
  const host = hostOf(sim, node);
  if (state === 'MASTER') host.addresses = host.addresses.filter(({ address }) => !addresses.includes(address));
}

function speakers(sim: Simulation): readonly Speaker[] {
  return Object.entries(sim.state.below.hosts).flatMap(([node, { programs }]) => (
    sim.state.nodes[node]?.power === 'on' ? (programs.keepalived?.instances ?? []).map((instance) => ({ node, instance })) : []
  ));
}

/** Whether `hearer` takes what `speaker` says for meant for it. */
function isHeard(sim: Simulation, { node, instance: says }: Speaker, { node: at, instance: hears }: Speaker): boolean {
  const isAddressed = says.peers.length > 0 ? says.peers.includes(hears.source) : hears.peers.length === 0;
  const isUnderstood = says.routerId === hears.routerId && says.version === hears.version && familyOf(says) === familyOf(hears) && says.addresses.join(' ') === hears.addresses.join(' ');
  const isTrusted = says.version !== 2 || (says.password === hears.password && says.advertMs === hears.advertMs);
  return node !== at && isLinked(sim.state, node, at) && isAddressed && isUnderstood && isTrusted;
}

/** At the same priority the higher address is the better one. */
function isBetter(one: VrrpSettings, other: VrrpSettings): boolean {
  if (one.priority !== other.priority) return one.priority > other.priority;
  return one.source.localeCompare(other.source, 'en', { numeric: true }) > 0;
}

function isSame(one: VrrpSettings, other: VrrpSettings): boolean {
  return one.routerId === other.routerId && one.interface === other.interface && familyOf(one) === familyOf(other) && one.source === other.source && (one.peers.length > 0) === (other.peers.length > 0);
}

function nextBeat({ sinceMs, advertMs }: Beat, now: number): number {
  return sinceMs + Math.ceil((now - sinceMs) / advertMs) * advertMs;
}

function lastBeat({ sinceMs, advertMs }: Beat, now: number): number {
  return sinceMs + Math.floor((now - sinceMs) / advertMs) * advertMs;
}

function settingsOn(sim: Simulation, node: string): readonly VrrpSettings[] {
  const host = hostOf(sim, node);
  return readKeepalived(host.files[MAIN_FILE] ?? '', host).instances;
}

function keepalivedOf(sim: Simulation, node: string): Keepalived | undefined {
  return hostOf(sim, node).programs.keepalived;
}

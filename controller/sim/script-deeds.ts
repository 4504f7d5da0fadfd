// The deeds of a story's world: power, links, full disks, people at other consoles.
// In: one deed. Out: it is done, or refused in the log as the real cluster would refuse it.
// Must never wait: a deed with a task goes on by itself.
import { touch } from './guest-config.ts';
import { doInPerson } from './in-person.ts';
import { cutLine, failDisk, healLine, replaceDisk, write } from './nodes/world.ts';
import { rot } from './nodes/verify.ts';
import { shutDownNode } from './outages.ts';
import type { Simulation } from './simulation.ts';
import type { GuestState, StorageState } from './state.ts';
import { usedBytes } from './volumes.ts';
import type { WorldDeed } from './script.ts';

export function perform(sim: Simulation, deed: WorldDeed): void {
  sim.log.write('story', told(deed));
  switch (deed.do) {
    case 'node-off': return sim.powerOff(deed.node);
    case 'node-on': return sim.powerOn(deed.node);
    case 'node-reset':
      sim.powerOff(deed.node);
      return sim.powerOn(deed.node);
    case 'node-shutdown': return void shutDownNode(sim, deed.node, 'shutdown');
    case 'node-reboot': return void shutDownNode(sim, deed.node, 'reboot');
    case 'link-cut': return sim.corosync.cut(deed.node);
    case 'link-heal': return sim.corosync.heal(deed.node);
    case 'network-down': return setNetwork(sim, deed.node, 'down');
    case 'network-up': return setNetwork(sim, deed.node, 'up');
    case 'qnetd-off': return sim.corosync.setQnetd('off');
    case 'qnetd-on': return sim.corosync.setQnetd('on');
    case 'daemon-stop': return stopDaemon(sim, deed.node, deed.daemon);
    case 'daemon-start': return startDaemon(sim, deed.node, deed.daemon);
    case 'maintenance-on': return sim.ha.command(`enable-node-maintenance ${deed.node}`);
    case 'maintenance-off': return sim.ha.command(`disable-node-maintenance ${deed.node}`);
    case 'disk-full': return fill(sim, deed.storage);
    case 'disk-freed': return free(sim, deed.storage);
    case 'clock-jump': return;
    case 'drbd-link-cut': return cutLine(sim, deed.a, deed.b);
    case 'drbd-link-heal': return healLine(sim, deed.a, deed.b);
    case 'drbd-write': return void write(sim, deed.resource, deed.node, deed.bytes);
    case 'disk-fail': return failDisk(sim, deed.node, deed.resource);
    case 'disk-rot': return rot(sim, deed.node, deed.resource, deed.bytes);
    case 'disk-replaced': return replaceDisk(sim, deed.node, deed.resource);
    case 'guest-crash': return withGuest(sim, deed.vmid, (guest) => void delete guest.process);
    case 'guest-lock': return withGuest(sim, deed.vmid, (guest) => lock(guest, deed.lock));
    case 'guest-unlock': return withGuest(sim, deed.vmid, (guest) => lock(guest, undefined));
    case 'guest-start': return onGuest(sim, deed.vmid, 'POST', '/status/start', {});
    case 'guest-stop': return onGuest(sim, deed.vmid, 'POST', '/status/stop', {});
    case 'guest-delete': return onGuest(sim, deed.vmid, 'DELETE', '', {});
    case 'guest-migrate': return withGuest(sim, deed.vmid, (guest) => onGuest(sim, deed.vmid, 'POST', '/migrate', { target: deed.target, ...(guest.process ? liveOptions(guest) : {}) }));
    case 'config-edit': return onGuest(sim, deed.vmid, 'PUT', '/config', { ...deed.set, ...(deed.delete.length > 0 ? { delete: deed.delete.join(',') } : {}) });
    case 'vm-create': return void doInPerson(sim, { node: deed.node, method: 'POST', path: '/nodes/{node}/qemu', params: { vmid: deed.vmid, ...deed.config } });
  }
}

function told(deed: WorldDeed): string {
  const { do: name, ...rest } = deed;
  const details = Object.values(rest).map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)));
  return [name, ...details].join(' ');
}

function liveOptions(guest: GuestState): Readonly<Record<string, number>> {
  return guest.type === 'lxc' ? { restart: 1 } : { online: 1, 'with-local-disks': 1 };
}

function withGuest(sim: Simulation, vmid: number, act: (guest: GuestState) => void): void {
  const guest = sim.state.guests[String(vmid)];
  if (guest) act(guest);
  else sim.log.write('story', `there is no guest ${vmid}`);
}

function lock(guest: GuestState, as: string | undefined): void {
  if (as === undefined) delete guest.config['lock'];
  else guest.config['lock'] = as;
  touch(guest);
}

function onGuest(sim: Simulation, vmid: number, method: 'POST' | 'PUT' | 'DELETE', action: string, params: Readonly<Record<string, string | number>>): void {
  withGuest(sim, vmid, (guest) => void doInPerson(sim, { node: guest.node, method, path: `/nodes/{node}/${guest.type}/{vmid}${action}`, params: { vmid, ...params } }));
}

/** Unlike a cut link this keeps the node from its clients too. */
function setNetwork(sim: Simulation, node: string, network: 'up' | 'down'): void {
  const state = sim.state.nodes[node];
  if (!state) return sim.log.write('story', `there is no node ${node}`);
  state.network = network;
  if (network === 'down') sim.corosync.cut(node);
  else sim.corosync.heal(node);
}

function stopDaemon(sim: Simulation, node: string, daemon: 'pveproxy' | 'pvedaemon'): void {
  const { stopped } = sim.state.ha.corosync;
  stopped[node] = [...new Set([...(stopped[node] ?? []), daemon])];
}

function startDaemon(sim: Simulation, node: string, daemon: 'pveproxy' | 'pvedaemon'): void {
  const { stopped } = sim.state.ha.corosync;
  stopped[node] = (stopped[node] ?? []).filter((one) => one !== daemon);
}

/** As much as is used now is all there is; what it could hold before is remembered beside it. */
function fill(sim: Simulation, id: string): void {
  const storage = sim.state.storages[id];
  if (!storage) return sim.log.write('story', `there is no storage ${id}`);
  // What is full already keeps what it could hold before.
  sim.state.other['capacities'] = { [id]: storage.capacityBytes ?? null, ...sim.state.other['capacities'] };
  storage.capacityBytes = Math.max(...placesOf(storage).map((node) => usedBytes(storage, node)), 0);
}

function free(sim: Simulation, id: string): void {
  const storage = sim.state.storages[id];
  const before = sim.state.other['capacities']?.[id];
  if (!storage || before === undefined) return;
  if (typeof before === 'number') storage.capacityBytes = before;
  else delete storage.capacityBytes;
  const { [id]: _freed, ...others } = sim.state.other['capacities'] ?? {};
  sim.state.other['capacities'] = others;
}

function placesOf(storage: StorageState): string[] {
  return Object.keys(storage.volumes);
}

// What a container shows of itself: lists, current status, indices, interfaces.
import type { Json } from '../../model/json.ts';
import { haOf, sidOf } from '../ha/intercept.ts';
import { sizeIn } from '../drives.ts';
import { checkRunning, guestOf } from '../guests.ts';
import { isNet, parseNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { isSnapshotPossible } from './guest-snapshots.ts';
import { requiredText, type Call } from './handler.ts';
import { hasPressure } from './qemu-status.ts';

const MIB = 2 ** 20;
/** Shown for a root disk of unknown size. */
const DISK_BYTES = 4 * 2 ** 30;

export function containerStatus(sim: Simulation, guest: GuestState): Record<string, Json> {
  const { config, process } = guest;
  const row: Record<string, Json> = {
    vmid: guest.vmid, type: 'lxc', status: process ? 'running' : 'stopped', name: String(config.hostname ?? `CT${guest.vmid}`).replaceAll(/\s/g, ''),
    cpus: Number(config.cores ?? 0) || Number(config.cpulimit ?? 0) || (sim.state.nodes[guest.node]?.cores ?? 1),
    maxmem: (Number(config.memory ?? 0) || 512) * MIB, maxswap: Number(config.swap ?? 0) * MIB, maxdisk: sizeIn(config.rootfs ?? '') || DISK_BYTES,
    disk: 0, cpu: 0, mem: 0, swap: 0, netin: 0, netout: 0, diskread: 0, diskwrite: 0,
    uptime: process ? Math.floor((sim.clock.now() - process.startedAtMs) / 1000) : 0,
  };
  if (config.template === 1) row.template = 1;
  if (config.lock !== undefined) row.lock = config.lock;
  if (config.tags !== undefined) row.tags = config.tags;
  if (process) addRunning(sim, row, process.pid);
  return row;
}

function addRunning(sim: Simulation, row: Record<string, Json>, pid: number): void {
  row.pid = pid;
  row.mem = Math.floor(Number(row.maxmem) / 2);
  if (hasPressure(sim)) for (const kind of ['cpu', 'io', 'memory']) for (const share of ['some', 'full']) row[`pressure${kind}${share}`] = 0;
}

export function list(call: Call): Json {
  return Object.values(call.state.guests)
    .filter((guest) => guest.type === 'lxc' && guest.node === call.node && call.caller.can(`/vms/${guest.vmid}`, 'VM.Audit'))
    .map((guest) => containerStatus(call.sim, guest));
}

export function current(call: Call): Json {
  const guest = guestOf(call, 'lxc');
  return { ...containerStatus(call.sim, guest), ha: haOf(call.state, sidOf('lxc', guest.vmid)) };
}

const INDEX = ['config', 'pending', 'status', 'vncproxy', 'termproxy', 'vncwebsocket', 'spiceproxy', 'migrate', 'clone', 'initlog', 'rrd', 'rrddata', 'firewall', 'snapshot', 'resize', 'interfaces', 'mtunnel', 'remote_migrate'];
const STATUS_INDEX = ['current', 'start', 'stop', 'shutdown', 'suspend', 'resume', 'reboot'];

export function index(): Json {
  return INDEX.map((subdir) => ({ subdir }));
}

export function statusIndex(): Json {
  return STATUS_INDEX.map((subdir) => ({ subdir }));
}

export function interfaces(call: Call): Json {
  const guest = guestOf(call, 'lxc');
  checkRunning(guest);
  const nets = Object.keys(guest.config).filter(isNet).sort().map((key) => parseNet(call.sim, 'lxc', guest.config[key] ?? ''));
  const row = (name: string, hwaddr: string) => ({ name, hwaddr, 'hardware-address': hwaddr, 'ip-addresses': [] });
  return [row('lo', '00:00:00:00:00:00'), ...nets.map((net) => row(net.name ?? '', (net.hwaddr ?? '').toLowerCase()))];
}

export function feature(call: Call): Json {
  const guest = guestOf(call, 'lxc');
  const wanted = requiredText(call, 'feature');
  const has = wanted === 'snapshot' ? isSnapshotPossible(call.sim, guest) : wanted === 'copy' || guest.config.template === 1;
  return { hasFeature: has ? 1 : 0 };
}

// What a VM shows of itself: lists, current status, indices, figures.
import type { Json, JsonObject } from '../../model/json.ts';
import { haOf, sidOf } from '../ha/intercept.ts';
import { bootDiskBytes } from '../drives.ts';
import { guestOf, numberIn } from '../guests.ts';
import { isNet } from '../nets.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { flag, type Call } from './handler.ts';

const MIB = 2 ** 20;

/** The row of a VM as status calls and lists have it; `full` adds what only QEMU itself knows. */
export function vmStatus(sim: Simulation, guest: GuestState, detail: 'brief' | 'full'): Record<string, Json> {
  const { config, process } = guest;
  const hostCores = sim.state.nodes[guest.node]?.cores ?? 1;
  const cpus = Math.min(numberIn(config.sockets, 1) * numberIn(config.cores, 1), hostCores);
  const memory = numberIn(config.memory, 512) * MIB;
  const row: Record<string, Json> = {
    vmid: guest.vmid, status: process ? 'running' : 'stopped', name: config.name ?? `VM ${guest.vmid}`,
    cpus: config.vcpus === undefined ? cpus : Number(config.vcpus), maxmem: memory, maxdisk: bootDiskBytes(config),
    disk: 0, cpu: 0, mem: 0, netin: 0, netout: 0, uptime: process ? Math.floor((sim.clock.now() - process.startedAtMs) / 1000) : 0,
  };
  if (hasPressure(sim)) row.memhost = 0;
  if (config.balloon !== undefined && Number(config.balloon) > 0) {
    row.balloon_min = Number(config.balloon) * MIB;
    row.shares = config.shares === undefined ? 1000 : Number(config.shares);
  }
  if (config.template === 1) row.template = 1;
  if (Object.keys(config).some((key) => /^serial\d+$/.test(key))) row.serial = 1;
  if (config.lock !== undefined) row.lock = config.lock;
  if (config.tags !== undefined) row.tags = config.tags;
  if (process) addRunning(sim, row, guest, memory);
  if (detail === 'full') addFull(row, guest);
  return row;
}

/** Since 9 the host's side of memory and the pressure on its cgroup are told. */
export function hasPressure(sim: Simulation): boolean {
  return Number(sim.tables.version) >= 9;
}

function addRunning(sim: Simulation, row: Record<string, Json>, guest: GuestState, memory: number): void {
  row.pid = guest.process?.pid ?? 0;
  row.mem = Math.floor(memory / 2);
  if (!hasPressure(sim)) return;
  row.memhost = Math.floor(memory / 2);
  for (const kind of ['cpu', 'io', 'memory']) for (const share of ['some', 'full']) row[`pressure${kind}${share}`] = 0;
}

function addFull(row: Record<string, Json>, guest: GuestState): void {
  row.qmpstatus = guest.process?.qmpStatus ?? 'stopped';
  if (!guest.process) return;
  const nics = Object.keys(guest.config).filter(isNet).map((key) => [`tap${guest.vmid}i${key.slice(3)}`, { netin: 0, netout: 0 }] as const);
  if (nics.length > 0) row.nics = Object.fromEntries(nics);
}

export function list(call: Call): Json {
  const detail = flag(call, 'full') ? 'full' : 'brief';
  return Object.values(call.state.guests)
    .filter((guest) => guest.type === 'qemu' && guest.node === call.node && call.caller.can(`/vms/${guest.vmid}`, 'VM.Audit'))
    .map((guest) => vmStatus(call.sim, guest, detail));
}

export function current(call: Call): Json {
  const guest = guestOf(call, 'qemu');
  const row = vmStatus(call.sim, guest, 'full');
  row.ha = haOf(call.state, sidOf('qemu', guest.vmid));
  if (guest.process && guest.config.vga !== undefined && Number(call.version) > 8) row.clipboard = null;
  if (/(^|,)(enabled=)?1(,|$)/.test(String(guest.config.agent ?? ''))) row.agent = 1;
  if (/^(type=)?qxl|spice/.test(String(guest.config.vga ?? ''))) row.spice = 1;
  return row;
}

const INDEX = ['config', 'cloudinit', 'pending', 'status', 'unlink', 'vncproxy', 'termproxy', 'migrate', 'resize', 'move', 'rrd', 'rrddata', 'monitor', 'agent', 'snapshot', 'spiceproxy', 'sendkey', 'firewall', 'mtunnel', 'remote_migrate'];
const STATUS_INDEX = ['current', 'start', 'stop', 'reset', 'shutdown', 'suspend', 'reboot'];

export function index(): Json {
  return INDEX.map((subdir) => ({ subdir }));
}

export function statusIndex(): Json {
  return STATUS_INDEX.map((subdir) => ({ subdir }));
}

const RRD_ROWS = 70;

/** An hour's figures in minutes, all of them empty: nothing of the simulated guests is measured. */
export function rrddata(call: Call): JsonObject[] {
  const stepSeconds = { hour: 60, day: 1800, week: 10_800, month: 43_200, year: 604_800, decade: 604_800 }[String(call.params.timeframe)] ?? 60;
  const last = Math.floor(call.sim.clock.now() / 1000 / stepSeconds) * stepSeconds;
  return Array.from({ length: RRD_ROWS }, (_none, at) => ({ time: last - (RRD_ROWS - 1 - at) * stepSeconds }));
}

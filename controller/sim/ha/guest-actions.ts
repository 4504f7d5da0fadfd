// What an LRM does to the guests on its node: the same start, shutdown and migrate that the API does, as root@pam.
// In: a worker's command. Out: its exit code, when the guest's own task has ended.
// Must never report success for what it did not see: it looks at the guest afterwards.
import type { Params } from '../api/handler.ts';
import { doInPerson } from '../in-person.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { touch } from '../guest-config.ts';
import { EXIT } from './crm-services.ts';
import { markFromHa } from './intercept.ts';
import type { HaResource, LrmWorker } from './state.ts';

const SHUTDOWN_TIMEOUT_SECONDS = 60;

/** The exit code of one LRM command on `node`. */
export async function execute(sim: Simulation, node: string, worker: LrmWorker, resource: HaResource): Promise<number> {
  if (worker.command === 'error') return EXIT.success;
  const guest = sim.state.guests[resource.sid.split(':')[1] ?? ''];
  if (!guest || guest.node !== node) return EXIT.wrongNode;
  switch (worker.command) {
    case 'started': return await start(sim, node, guest);
    case 'request_stop':
    case 'stopped': return await stop(sim, node, guest, worker.timeout);
    case 'migrate':
    case 'relocate':
    case 'request_start_balance': return await move(sim, node, guest, worker);
    default: return EXIT.error;
  }
}

async function start(sim: Simulation, node: string, guest: GuestState): Promise<number> {
  if (isRunning(guest, node)) return EXIT.success;
  sim.log.write(node, `lrm: starting service ${nameOf(guest)}`);
  await perform(sim, node, guest, 'status/start', {});
  return isRunning(guest, node) ? EXIT.success : EXIT.error;
}

async function stop(sim: Simulation, node: string, guest: GuestState, timeout: string | undefined): Promise<number> {
  if (!isRunning(guest, node)) return EXIT.success;
  sim.log.write(node, `lrm: stopping service ${nameOf(guest)}`);
  const seconds = Number(timeout ?? SHUTDOWN_TIMEOUT_SECONDS);
  if (seconds === 0) await perform(sim, node, guest, 'status/stop', {});
  else await perform(sim, node, guest, 'status/shutdown', { timeout: seconds, ...(guest.type === 'qemu' ? { forceStop: 1 } : {}) });
  return isRunning(guest, node) ? EXIT.error : EXIT.success;
}

async function move(sim: Simulation, node: string, guest: GuestState, worker: LrmWorker): Promise<number> {
  const target = worker.target;
  if (target === undefined) return EXIT.error;
  if (target === node) return EXIT.success;
  if (worker.command === 'request_start_balance' && isRunning(guest, node)) return EXIT.ignored;
  const isLive = worker.command === 'migrate' && guest.type === 'qemu';
  sim.log.write(node, `lrm: ${isLive ? 'migrating' : 'relocating'} service ${nameOf(guest)} to ${target}`);
  if (!isLive && isRunning(guest, node)) await stop(sim, node, guest, undefined);
  const params: Params = guest.type === 'qemu' ? { target, online: isLive ? 1 : 0, force: 1, 'with-local-disks': 1 } : { target, online: 0 };
  await perform(sim, node, guest, 'migrate', params);
  return guest.node === node ? EXIT.error : EXIT.success;
}

function isRunning(guest: GuestState, node: string): boolean {
  return guest.node === node && guest.process !== undefined;
}

function nameOf(guest: GuestState): string {
  return `${guest.type === 'lxc' ? 'ct' : 'vm'}:${guest.vmid}`;
}

/** The guest's API method on its node, past the HA manager; a refusal only leaves the guest as it was. */
async function perform(sim: Simulation, node: string, guest: GuestState, action: string, more: Params): Promise<void> {
  await doInPerson(sim, { node, method: 'POST', path: `/nodes/{node}/${guest.type}/{vmid}/${action}`, params: { vmid: guest.vmid, ...more } }, markFromHa);
}

/** Starts a guest as the node does at boot. */
export function startAsNode(sim: Simulation, node: string, guest: GuestState): Promise<void> {
  return perform(sim, node, guest, 'status/start', {});
}

/** Stops a guest as the node does when it shuts down. */
export async function stopAsNode(sim: Simulation, node: string, guest: GuestState): Promise<void> {
  await stop(sim, node, guest, '180');
}

// Locks whose holder died with the node; the others mean work that somebody must look at.
const REMOVABLE_LOCKS = new Set(['backup', 'mounted', 'migrate', 'clone', 'rollback', 'snapshot', 'snapshot-delete', 'suspending', 'suspended']);

/** The lock taken off a recovered guest, or nothing. */
export function dropLeftoverLock(guest: GuestState): string | undefined {
  const lock = guest.config['lock'];
  if (typeof lock !== 'string' || !REMOVABLE_LOCKS.has(lock)) return undefined;
  delete guest.config['lock'];
  touch(guest);
  return lock;
}

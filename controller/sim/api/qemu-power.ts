// A VM's power: start, stop, shutdown, reboot, reset, suspend, resume.
import { haIntercept, sidOf } from '../ha/intercept.ts';
import { touch } from '../guest-config.ts';
import { checkLock, checkRunning, guestOf, loadGuest, numberIn, withGuestLock } from '../guests.ts';
import type { Simulation } from '../simulation.ts';
import type { GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { allocate } from '../volumes.ts';
import { flag, number, text, type Call } from './handler.ts';
import { refuseSkiplock } from './qemu-options.ts';
import { applyPending } from './qemu-pending.ts';
import { boot, startVm } from './qemu-start.ts';

/** How long a shutdown waits without a timeout of its own. */
const SHUTDOWN_LIMIT_S = 60;
/** How long the guest agent is asked before ACPI is used. */
const AGENT_WAIT_MS = 3000;

export function start(call: Call): string {
  refuseSkiplock(call);
  return startVm(call, Number(call.params.vmid));
}

export function stop(call: Call): string {
  refuseSkiplock(call);
  const guest = guestOf(call, 'qemu');
  const queued = guest.process ? haIntercept(call, sidOf('qemu', guest.vmid), 'stop') : undefined;
  if (queued !== undefined) return queued;
  const overruled = flag(call, 'overrule-shutdown') ? interruptShutdowns(call, guest) : [];
  const ended = overruled.map((upid) => call.sim.running.done(upid));
  return task(call, 'qmstop', async (context) => {
    if (overruled.length > 0) context.log(`overruled qmshutdown tasks: ${overruled.join(', ')}`);
    await Promise.all(ended);
    await locked(call, context, async (vm) => {
      if (!vm.process) return;
      await context.sleep(call.sim.timings.stopMs);
      turnOff(call.sim, vm);
    });
  });
}

function interruptShutdowns(call: Call, guest: GuestState): readonly string[] {
  const shutdowns = call.sim.running.on(call.node).filter((running) => running.type === 'qmshutdown' && running.id === String(guest.vmid));
  for (const { upid } of shutdowns) call.sim.running.interrupt(upid);
  return shutdowns.map(({ upid }) => upid);
}

export function shutdown(call: Call): string {
  refuseSkiplock(call);
  const guest = guestOf(call, 'qemu');
  const queued = guest.process ? haIntercept(call, sidOf('qemu', guest.vmid), 'shutdown') : undefined;
  if (queued !== undefined) return queued;
  return task(call, 'qmshutdown', (context) => locked(call, context, async (vm) => {
    if (!vm.process) return;
    if (await powerDown(call.sim, context, vm, (number(call, 'timeout') ?? SHUTDOWN_LIMIT_S) * 1000)) return turnOff(call.sim, vm);
    if (!flag(call, 'forceStop')) throw new Error('VM quit/powerdown failed - got timeout');
    context.log('VM still running - terminating now with SIGTERM');
    await context.sleep(call.sim.timings.stopMs);
    turnOff(call.sim, vm);
  }));
}

/** Whether the guest went down by itself within the limit. */
export async function powerDown(sim: Simulation, context: TaskContext, guest: GuestState, limitMs: number): Promise<boolean> {
  let leftMs = limitMs;
  if (hasAgent(guest) && !guest.behaviour.agent) {
    const waitMs = Math.min(AGENT_WAIT_MS, leftMs);
    await context.sleep(waitMs);
    leftMs -= waitMs;
    context.log(`QEMU Guest Agent is not running - VM ${guest.vmid} qga command 'guest-ping' failed - got timeout`);
  }
  const needsMs = reactionMs(guest);
  if (needsMs === undefined || needsMs > leftMs || guest.process?.qmpStatus === 'paused') {
    await context.sleep(leftMs);
    return false;
  }
  await context.sleep(needsMs);
  return true;
}

/** A kernel given by `args` is a running system, whatever is on the disks. */
function reactionMs(guest: GuestState): number | undefined {
  return guest.behaviour.shutdownMs ?? (/(^|\s)-kernel\s/.test(String(guest.config.args ?? '')) ? 1000 : undefined);
}

export function hasAgent(guest: GuestState): boolean {
  return /(^|,)(enabled=)?1(,|$)/.test(String(guest.config.agent ?? ''));
}

export function reboot(call: Call): string {
  checkRunning(guestOf(call, 'qemu'));
  return task(call, 'qmreboot', (context) => locked(call, context, async (vm) => {
    const down = await powerDown(call.sim, context, vm, (number(call, 'timeout') ?? SHUTDOWN_LIMIT_S) * 1000);
    if (!down) throw new Error('VM quit/powerdown failed');
    turnOff(call.sim, vm);
    await boot(call.sim, context, vm);
  }));
}

export function reset(call: Call): string {
  refuseSkiplock(call);
  checkRunning(guestOf(call, 'qemu'));
  return task(call, 'qmreset', (context) => locked(call, context, (vm) => checkRunning(vm)));
}

export function suspend(call: Call): string {
  refuseSkiplock(call);
  checkRunning(guestOf(call, 'qemu'));
  if (flag(call, 'todisk')) return task(call, 'qmsuspend', (context) => locked(call, context, (vm) => toDisk(call, context, vm)));
  return task(call, 'qmpause', (context) => locked(call, context, (vm) => setPaused(vm, 'paused')));
}

async function toDisk(call: Call, context: TaskContext, guest: GuestState): Promise<void> {
  const { sim } = call;
  const memory = numberIn(guest.config.memory, 512) * 2 ** 20;
  const storage = text(call, 'statestorage') ?? String(guest.config.vmstatestorage ?? 'local');
  const { volid, log } = allocate(sim.state, guest.node, {
    storage, vmid: guest.vmid, sizeBytes: memory * 2 + 500 * 2 ** 20, content: 'images', nowMs: sim.clock.now(), name: `vm-${guest.vmid}-state-suspend-${new Date(sim.clock.now()).toISOString().slice(0, 10)}`,
  });
  for (const line of log) context.log(line);
  guest.config.lock = 'suspending';
  touch(guest);
  await context.sleep(Math.ceil((memory / sim.timings.copyBytesPerSecond) * 1000));
  guest.config.lock = 'suspended';
  guest.config.vmstate = volid;
  touch(guest);
  delete guest.process;
}

function setPaused(guest: GuestState, qmpStatus: 'paused' | 'running'): void {
  checkRunning(guest);
  if (guest.process) guest.process.qmpStatus = qmpStatus;
}

export function resume(call: Call): string {
  refuseSkiplock(call);
  const guest = guestOf(call, 'qemu');
  if (guest.config.lock === 'suspended') return startVm(call, guest.vmid);
  if (!flag(call, 'nocheck')) checkRunning(guest);
  return task(call, 'qmresume', (context) => locked(call, context, (vm) => setPaused(vm, 'running')));
}

/** The process is gone, and with it what kept changes pending: Proxmox applies them after an orderly stop. */
export function turnOff(sim: Simulation, guest: GuestState): void {
  delete guest.process;
  applyPending(sim, guest);
  sim.log.write(guest.node, `VM ${guest.vmid} is off`);
}

function task(call: Call, type: string, work: (task: TaskContext) => Promise<void> | void): string {
  return startTask(call, type, String(call.params.vmid), work);
}

/** Work on the VM under its lock, refused when something else marked it as its own. */
function locked(call: Call, context: TaskContext, work: (guest: GuestState) => Promise<void> | void): Promise<void> {
  const vmid = Number(call.params.vmid);
  return withGuestLock(call.sim, 'qemu', call.node, vmid, async () => {
    if (context.signal.aborted) throw context.signal.reason;
    const guest = loadGuest(call.sim, 'qemu', call.node, vmid);
    if (!flag(call, 'skiplock')) checkLock(guest);
    await work(guest);
  }, (line) => context.log(line));
}

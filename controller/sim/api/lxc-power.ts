// A container's power: start, stop, shutdown, reboot, suspend, resume.
import { haIntercept, sidOf } from '../ha/intercept.ts';
import { checkLock, checkRunning, guestOf, loadGuest, withGuestLock } from '../guests.ts';
import type { GuestState } from '../state.ts';
import { startTask, type TaskContext } from '../tasks.ts';
import { flag, number, type Call } from './handler.ts';
import { boot, startContainer } from './lxc-start.ts';
import { refuseSkiplock } from './qemu-options.ts';

const SHUTDOWN_LIMIT_S = 60;

export function start(call: Call): string {
  refuseSkiplock(call);
  return startContainer(call, Number(call.params.vmid));
}

export function stop(call: Call): string {
  refuseSkiplock(call);
  const guest = guestOf(call, 'lxc');
  checkRunning(guest);
  const queued = haIntercept(call, sidOf('lxc', guest.vmid), 'stop');
  if (queued !== undefined) return queued;
  if (flag(call, 'overrule-shutdown')) {
    for (const running of call.sim.running.on(call.node)) if (running.type === 'vzshutdown' && running.id === String(guest.vmid)) call.sim.running.interrupt(running.upid);
  }
  return task(call, 'vzstop', async (context, container) => {
    if (!container.process) return;
    await context.sleep(call.sim.timings.stopMs);
    delete container.process;
  });
}

export function shutdown(call: Call): string {
  const guest = guestOf(call, 'lxc');
  checkRunning(guest);
  const queued = haIntercept(call, sidOf('lxc', guest.vmid), 'shutdown');
  if (queued !== undefined) return queued;
  return task(call, 'vzshutdown', (context, container) => goDown(call, context, container, flag(call, 'forceStop') ? 'force' : 'fail'));
}

async function goDown(call: Call, context: TaskContext, guest: GuestState, otherwise: 'force' | 'fail'): Promise<void> {
  if (!guest.process) return;
  const limitMs = (number(call, 'timeout') ?? SHUTDOWN_LIMIT_S) * 1000;
  const needsMs = guest.behaviour.shutdownMs ?? Infinity;
  await context.sleep(Math.min(needsMs, limitMs));
  if (needsMs > limitMs && otherwise === 'fail') throw new Error(`command 'lxc-stop -n ${guest.vmid} --nokill --timeout ${limitMs / 1000}' failed: exit code 1`);
  delete guest.process;
}

export function reboot(call: Call): string {
  const guest = guestOf(call, 'lxc');
  if (!guest.process) throw new Error(`VM ${guest.vmid} not running`);
  return task(call, 'vzreboot', async (context, container) => {
    await goDown(call, context, container, 'fail');
    await boot(call.sim, context, container);
  });
}

export function suspend(call: Call): string {
  checkRunning(guestOf(call, 'lxc'));
  return task(call, 'vzsuspend', () => {
    throw new Error('Checkpointing is not available for containers of this cluster');
  });
}

export function resume(call: Call): string {
  const guest = guestOf(call, 'lxc');
  if (guest.process) throw new Error(`CT ${guest.vmid} already running`);
  return task(call, 'vzresume', () => {
    throw new Error('Checkpointing is not available for containers of this cluster');
  });
}

function task(call: Call, type: string, work: (context: TaskContext, guest: GuestState) => Promise<void> | void): string {
  const vmid = Number(call.params.vmid);
  return startTask(call, type, String(vmid), (context) => withGuestLock(call.sim, 'lxc', call.node, vmid, async () => {
    if (context.signal.aborted) throw context.signal.reason;
    const guest = loadGuest(call.sim, 'lxc', call.node, vmid);
    if (!flag(call, 'skiplock')) checkLock(guest);
    await work(context, guest);
  }));
}

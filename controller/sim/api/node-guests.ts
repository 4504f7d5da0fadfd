// All guests of a simulated node at once: started as at boot, or stopped as before a shutdown. The HA manager's are its own.
import { startAsNode, stopAsNode } from '../ha/guest-actions.ts';
import { isHaManaged, sidOf } from '../ha/intercept.ts';
import type { GuestState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { flag, permissionError, text, type Call, type Routes } from './handler.ts';

export const guestsRoutes: Routes = {
  'POST /nodes/{node}/startall': (call) => startTask(demanded(call), 'startall', '', async (task) => {
    const guests = chosen(call).filter((guest) => !guest.process && guest.config.template !== 1 && (flag(call, 'force') || Number(guest.config.onboot ?? 0) === 1));
    for (const guest of guests.sort((a, b) => orderOf(a) - orderOf(b))) {
      task.log(`Starting ${wordOf(guest)} ${guest.vmid}`);
      await startAsNode(call.sim, call.node, guest);
    }
  }),
  'POST /nodes/{node}/stopall': (call) => startTask(demanded(call), 'stopall', '', async (task) => {
    const guests = chosen(call).filter((guest) => guest.process);
    await Promise.all(guests.map((guest) => {
      task.log(`Stopping ${wordOf(guest)} ${guest.vmid} (timeout = ${STOP_LIMIT_S} seconds)`);
      return stopAsNode(call.sim, call.node, guest);
    }));
  }),
};

const STOP_LIMIT_S = 180;

/** Rights on every guest that is named, or on all. */
function demanded(call: Call): Call {
  const vmids = wanted(call);
  const paths = vmids ? [...vmids].map((vmid) => `/vms/${vmid}`) : ['/'];
  const denied = paths.find((path) => !call.caller.can(path, 'VM.PowerMgmt'));
  if (denied !== undefined) throw permissionError(`${denied}, VM.PowerMgmt`);
  return call;
}

function wanted(call: Call): ReadonlySet<number> | undefined {
  const vms = text(call, 'vms');
  return vms === undefined ? undefined : new Set(vms.split(/[\s,;]+/).filter((vmid) => vmid !== '').map(Number));
}

function chosen(call: Call): GuestState[] {
  const vmids = wanted(call);
  return Object.values(call.state.guests).filter((guest) => guest.node === call.node && (vmids?.has(guest.vmid) ?? true) && !isHaManaged(call.state, sidOf(guest.type, guest.vmid)));
}

/** `startup: order=2`; guests without an order come last. */
function orderOf(guest: GuestState): number {
  return Number(/(?:^|,)(?:order=)?(\d+)(?:,|$)/.exec(String(guest.config.startup ?? ''))?.[1] ?? Infinity);
}

function wordOf(guest: GuestState): string {
  return guest.type === 'qemu' ? 'VM' : 'CT';
}

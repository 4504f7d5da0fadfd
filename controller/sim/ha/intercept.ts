// What the guests' own API methods must know of the HA manager.
// In: a call about a guest. Out: the task that only asks the HA manager, or nothing when the guest is not HA's.
// Must never touch the guest: whoever asks here leaves it to the manager's next rounds.
import { startTask } from '../tasks.ts';
import type { Call } from '../api/handler.ts';
import type { ClusterState, GuestType } from '../state.ts';
import { requestState } from './requests.ts';

export type HaAction =
  | { readonly do: 'start' }
  | { readonly do: 'stop' }
  | { readonly do: 'shutdown'; readonly timeoutSeconds?: number }
  | { readonly do: 'migrate'; readonly target: string };

// The manager's own calls go to the guest, as in Proxmox where they are of type `ha`.
const fromHa = new WeakSet<Call>();

export function markFromHa(call: Call): Call {
  fromHa.add(call);
  return call;
}

/** The UPID of hastart, hastop or hamigrate, or nothing: the caller does the work itself. */
export function haIntercept(call: Call, sid: string, action: HaAction | HaAction['do']): string | undefined {
  if (fromHa.has(call) || !isHaManaged(call.state, sid)) return undefined;
  const wish: HaAction = typeof action === 'string' ? wishOf(action, call) : action;
  const [, id = ''] = sid.split(':');
  const guest = `${sid.startsWith('ct:') ? 'CT' : 'VM'} ${id}`;
  return startTask(call, wish.do === 'start' ? 'hastart' : wish.do === 'migrate' ? 'hamigrate' : 'hastop', id, async (task) => {
    task.log(announcement(wish, guest));
    await task.sleep(COMMAND_MS);
    ask(call, sid, wish, (line) => task.log(line));
  });
}

// The task forks `ha-manager`, which writes one file: recorded 1–2 s.
const COMMAND_MS = 1000;

function wishOf(action: HaAction['do'], call: Call): HaAction {
  const timeout = call.params['timeout'];
  if (action === 'migrate') return { do: 'migrate', target: String(call.params['target'] ?? '') };
  if (action === 'shutdown') return { do: 'shutdown', ...(timeout === undefined ? {} : { timeoutSeconds: Number(timeout) }) };
  return { do: action };
}

function announcement(wish: HaAction, guest: string): string {
  switch (wish.do) {
    case 'start': return `Requesting HA start for ${guest}`;
    case 'stop':
    case 'shutdown': return `Requesting HA stop for ${guest}`;
    case 'migrate': return `Requesting HA migration for ${guest} to node ${wish.target}`;
  }
}

function ask(call: Call, sid: string, wish: HaAction, log: (line: string) => void): void {
  const { sim } = call;
  switch (wish.do) {
    case 'start': return command(log, `ha-manager set ${sid} --state started`, () => requestState(sim, sid, 'started'));
    case 'stop': return sim.ha.command(`stop ${sid} 0`);
    case 'shutdown': return sim.ha.command(`stop ${sid} ${wish.timeoutSeconds ?? 60}`);
    case 'migrate': return sim.ha.command(`migrate ${sid} ${wish.target}`);
  }
}

function command(log: (line: string) => void, line: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    log(error instanceof Error ? error.message.trimEnd() : String(error));
    throw new Error(`command '${line}' failed: exit code 255`, { cause: error });
  }
}

export function sidOf(type: GuestType, vmid: number): string {
  return `${type === 'lxc' ? 'ct' : 'vm'}:${vmid}`;
}

/** Configured and not ignored. */
export function isHaManaged(state: ClusterState, sid: string): boolean {
  const resource = state.ha.resources[sid];
  return resource !== undefined && resource['state'] !== 'ignored' && state.ha.manager.disarm?.mode !== 'ignore';
}

/** Configured at all: deleting such a guest needs `purge`. */
export function isHaConfigured(state: ClusterState, sid: string): boolean {
  return state.ha.resources[sid] !== undefined;
}

/** The key `ha` of status/current. */
export function haOf(state: ClusterState, sid: string): { managed: 0 | 1; state?: string; group?: string } {
  if (!isHaManaged(state, sid)) return { managed: 0 };
  const current = state.ha.manager.service_status[sid]?.state;
  const group = state.ha.resources[sid]?.['group'];
  return { managed: 1, ...(current === undefined ? {} : { state: current }), ...(group === undefined ? {} : { group: String(group) }) };
}

/** The key `hastate` of a guest in /cluster/resources. */
export function haStateOf(state: ClusterState, sid: string): string | undefined {
  const known = state.ha.manager.service_status[sid]?.state;
  if (known !== undefined) return known;
  const resource = state.ha.resources[sid];
  return resource && String(resource['state'] ?? 'started');
}

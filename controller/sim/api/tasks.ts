// Tasks of the simulated cluster as the API lists, shows and stops them.
import type { Json, JsonObject } from '../../model/json.ts';
import type { TaskState } from '../state.ts';
import { flag, number, parameterError, permissionError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /cluster/tasks': clusterTasks,
  'GET /nodes/{node}/tasks': nodeTasks,
  'GET /nodes/{node}/tasks/{upid}': () => [{ name: 'log' }, { name: 'status' }],
  'GET /nodes/{node}/tasks/{upid}/status': (call) => statusOf(ownTask(call, 'Sys.Audit')),
  'GET /nodes/{node}/tasks/{upid}/log': log,
  'DELETE /nodes/{node}/tasks/{upid}': (call) => {
    call.sim.running.interrupt(ownTask(call, 'Sys.Modify').upid);
    return undefined;
  },
};

/** How many tasks each node tells the cluster of. */
const TOLD_PER_NODE = 25;
const LIST_LIMIT = 50;

function newestFirst(call: Call): readonly TaskState[] {
  return Object.values(call.state.tasks).reverse();
}

function whoOf(task: TaskState): string {
  return task.tokenid === undefined ? task.user : `${task.user}!${task.tokenid}`;
}

/** Somebody's own tasks, and all of a node whose Sys.Audit he has. */
function maySee(call: Call, task: TaskState): boolean {
  return isOwn(call, task.user, task.tokenid) || call.caller.can(`/nodes/${task.node}`, 'Sys.Audit');
}

/** A user owns what his tokens do; a token only what it did itself. */
function isOwn({ caller }: Call, user: string, tokenid: string | undefined): boolean {
  return user === caller.userid && (caller.tokenid === undefined || caller.tokenid === tokenid);
}

function tokenOf(task: TaskState): JsonObject {
  return task.tokenid === undefined ? {} : { tokenid: task.tokenid };
}

function clusterTasks(call: Call): Json {
  const told = new Map<string, number>();
  return newestFirst(call).filter((task) => {
    const count = told.get(task.node) ?? 0;
    told.set(task.node, count + 1);
    return (task.endtime === undefined || count < TOLD_PER_NODE) && maySee(call, task);
  }).map((task) => {
    const { upid, node, starttime, type, id, user, endtime, exitstatus, pid } = task;
    const end: JsonObject = endtime === undefined ? { pid, saved: '0' } : { endtime, status: exitstatus ?? 'unexpected status', saved: '1' };
    return { upid, node, starttime, type, id, user, ...tokenOf(task), ...end };
  });
}

function nodeTasks(call: Call): Json {
  const source = text(call, 'source') ?? 'archive';
  const found = newestFirst(call).filter((task) => task.node === call.node && isFrom(source, task) && maySee(call, task) && isWanted(call, task));
  const start = number(call, 'start') ?? 0;
  const limit = number(call, 'limit') ?? LIST_LIMIT;
  // Proxmox's formatter leaves out a total of nothing.
  if (found.length > 0) call.extras.total = found.length;
  return found.slice(start, limit === 0 ? undefined : start + limit).map(listed);
}

function isFrom(source: string, task: TaskState): boolean {
  return source === 'all' || (source === 'active') === (task.endtime === undefined);
}

function isWanted(call: Call, task: TaskState): boolean {
  const [vmid, type, user, since, until] = [text(call, 'vmid'), text(call, 'typefilter'), text(call, 'userfilter'), number(call, 'since'), number(call, 'until')];
  if (vmid !== undefined && task.id !== vmid) return false;
  if (type !== undefined && task.type !== type) return false;
  if (user !== undefined && !whoOf(task).toLowerCase().includes(user.toLowerCase())) return false;
  if ((since !== undefined && task.starttime < since) || (until !== undefined && task.starttime > until)) return false;
  if (task.endtime === undefined) return true;
  const kind = kindOfEnd(task.exitstatus ?? 'unknown');
  const wanted = text(call, 'statusfilter')?.split(/[,; ]+/);
  return (!flag(call, 'errors') || kind === 'error' || kind === 'unknown') && (wanted === undefined || wanted.includes(kind));
}

function kindOfEnd(status: string): string {
  if (status === 'OK') return 'ok';
  if (status.startsWith('WARNINGS: ')) return 'warning';
  return status === 'unknown' || status === 'unexpected status' ? 'unknown' : 'error';
}

/** A task that runs shows its user with the token; one that ended shows them apart. */
function listed(task: TaskState): Json {
  const { upid, node, pid, pstart, starttime, type, id, user, endtime, exitstatus } = task;
  const common = { upid, node, pid, pstart, starttime, type, id };
  return endtime === undefined ? { ...common, user: whoOf(task), status: 'RUNNING', saved: '0' } : { ...common, user, ...tokenOf(task), endtime, status: exitstatus ?? 'unexpected status' };
}

function statusOf(task: TaskState): Json {
  const { upid, node, pid, pstart, starttime, type, id, user, endtime, exitstatus } = task;
  const end: JsonObject = endtime === undefined ? { status: 'running' } : { status: 'stopped', exitstatus: exitstatus ?? 'unexpected status' };
  return { upid, node, pid, pstart, starttime, type, id, user, ...tokenOf(task), ...end };
}

const UPID = /^UPID:[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$/;

/** Tasks are known to the node that ran them only. */
function taskAt(call: Call): TaskState | undefined {
  const upid = requiredText(call, 'upid');
  if (!UPID.test(upid)) throw parameterError({ upid: 'unable to parse worker upid' });
  const task = call.state.tasks[upid];
  return task?.node === call.node ? task : undefined;
}

function ownTask(call: Call, privilege: string): TaskState {
  const task = taskAt(call);
  if (!task) throw parameterError({ upid: 'no such task' });
  refuseStranger(call, whoOf(task), privilege);
  return task;
}

function refuseStranger(call: Call, who: string, privilege: string): void {
  const [user = '', tokenid] = who.split('!');
  if (!isOwn(call, user, tokenid) && !call.caller.can(`/nodes/${call.node}`, privilege)) throw permissionError(`/nodes/${call.node}, ${privilege}`);
}

function log(call: Call): Json {
  const task = taskAt(call);
  refuseStranger(call, requiredText(call, 'upid').split(':')[7] ?? '', 'Sys.Audit');
  const lines = !task ? ['unable to open file - No such file or directory'] : task.log.length > 0 ? task.log : ['no content'];
  const start = number(call, 'start') ?? 0;
  const limit = number(call, 'limit') ?? LIST_LIMIT;
  call.extras.total = lines.length;
  return lines.slice(start, limit === 0 ? undefined : start + limit).map((line, at) => ({ n: start + at + 1, t: line }));
}

// The cluster's log: what the nodes' daemons said of their tasks.
import type { Json, JsonObject } from '../../model/json.ts';
import type { TaskState } from '../state.ts';
import { number, type Call } from './handler.ts';

const ENTRIES = 50;
const INFO = 6;
const ERROR = 3;

export function log(call: Call): Json {
  const max = number(call, 'max') ?? ENTRIES;
  const recent = Object.values(call.state.tasks).slice(-max).filter((task) => task.user === call.caller.userid || call.caller.can('/', 'Sys.Syslog'));
  const entries = recent.flatMap((task) => [started(task), ...(task.endtime === undefined ? [] : [ended(task)])]).sort((a, b) => Number(a.time) - Number(b.time));
  return entries.map((entry, at) => ({ ...entry, uid: String(at + 1), id: `${at + 1}:${String(entry.node)}` })).reverse().slice(0, max);
}

function started(task: TaskState): JsonObject {
  return entry(task, task.starttime, INFO, `starting task ${task.upid}`);
}

function ended(task: TaskState): JsonObject {
  const status = task.exitstatus ?? 'unexpected status';
  return entry(task, task.endtime ?? task.starttime, status === 'OK' || status.startsWith('WARNINGS') ? INFO : ERROR, `end task ${task.upid} ${status}`);
}

function entry(task: TaskState, time: number, pri: number, msg: string): JsonObject {
  return { time, node: task.node, pid: task.pid, tag: 'pvedaemon', user: task.tokenid === undefined ? task.user : `${task.user}!${task.tokenid}`, pri, msg };
}

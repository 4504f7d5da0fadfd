// In: work that a node does on somebody's behalf. Out: a UPID at once, and later a finished task with its log, as
// Proxmox records them.
// Must never decide what the work is.
import type { Call } from './api/handler.ts';
import type { Simulation } from './simulation.ts';
import type { TaskState } from './state.ts';

export interface TaskContext {
  readonly upid: string;
  readonly sim: Simulation;
  /** Aborted by DELETE of the task and by the loss of its node's power. */
  readonly signal: AbortSignal;
  log(line: string): void;
  /** Logged as a warning; the task ends with `WARNINGS: n`. */
  warn(text: string): void;
  sleep(ms: number): Promise<void>;
}

/** Who does the work: a call, or the node itself (HA, backup jobs). */
export interface TaskOwner { readonly sim: Simulation; readonly node: string; readonly user: string; readonly tokenid?: string }

/** Thrown into work whose task was deleted. */
export class Interrupted extends Error {
  constructor() {
    super('received interrupt');
  }
}

/** Thrown into work on a node without power: nothing records its end. */
export class PowerLost extends Error {
  constructor(node: string) {
    super(`${node} lost its power`);
  }
}

interface RunningTask { readonly task: TaskState; readonly abort: AbortController; readonly done: Promise<void> }

export class RunningTasks {
  readonly #byUpid = new Map<string, RunningTask>();

  add(upid: string, running: RunningTask): void {
    this.#byUpid.set(upid, running);
  }

  remove(upid: string): void {
    this.#byUpid.delete(upid);
  }

  has(upid: string): boolean {
    return this.#byUpid.has(upid);
  }

  on(node: string): TaskState[] {
    return [...this.#byUpid.values()].flatMap(({ task }) => (task.node === node ? [task] : []));
  }

  /** Resolves when the task has ended, however. */
  done(upid: string): Promise<void> {
    return this.#byUpid.get(upid)?.done ?? Promise.resolve();
  }

  /** DELETE /nodes/{node}/tasks/{upid}. */
  interrupt(upid: string): void {
    this.#byUpid.get(upid)?.abort.abort(new Interrupted());
  }

  loseNode(sim: Simulation, node: string): void {
    for (const [upid, running] of this.#byUpid) {
      if (running.task.node !== node) continue;
      running.task.exitstatus = 'unexpected status';
      running.task.endtime = Math.floor(sim.clock.now() / 1000);
      this.#byUpid.delete(upid);
      running.abort.abort(new PowerLost(node));
    }
  }
}

/** Starts `work` as a task of `call`'s node and caller, and answers its UPID at once. Work fails by throwing. */
export function startTask(call: Call, type: string, id: string, work: (task: TaskContext) => Promise<void> | void): string {
  return startTaskAs(ownerOf(call), type, id, work);
}

/** Like startTask, and resolves when the work ended (`ended` never rejects). */
export function startTaskAs(owner: TaskOwner, type: string, id: string, work: (task: TaskContext) => Promise<void> | void): string {
  const { sim } = owner;
  const task = newTask(owner, type, id);
  const abort = new AbortController();
  sim.state.tasks[task.upid] = task;
  const context = contextOf(sim, task, abort.signal);
  const done = perform(sim, task, context, abort.signal, work);
  if (task.endtime === undefined) sim.running.add(task.upid, { task, abort, done });
  return task.upid;
}

export function ownerOf(call: Call): TaskOwner {
  const { userid, tokenid } = call.caller;
  return { sim: call.sim, node: call.node, user: userid, ...(tokenid === undefined ? {} : { tokenid }) };
}

function newTask(owner: TaskOwner, type: string, id: string): TaskState {
  const { sim, node, user, tokenid } = owner;
  const state = sim.state.nodes[node];
  const nowMs = sim.clock.now();
  const pid = state ? state.nextPid++ : 1;
  // In clock ticks since the node's start, as in /proc/<pid>/stat.
  const pstart = Math.floor((nowMs - (state?.startedAtMs ?? nowMs)) / 10) + 30_000;
  const starttime = Math.floor(nowMs / 1000);
  const who = tokenid === undefined ? user : `${user}!${tokenid}`;
  const upid = `UPID:${node}:${hex(pid)}:${hex(pstart)}:${hex(starttime)}:${type}:${id.replaceAll(/[:\s]/g, (one) => `\\x${one.charCodeAt(0).toString(16)}`)}:${who}:`;
  return { upid, node, pid, pstart, starttime, type, id, user, ...(tokenid === undefined ? {} : { tokenid }), log: [] };
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

function contextOf(sim: Simulation, task: TaskState, signal: AbortSignal): TaskContext {
  return {
    upid: task.upid, sim, signal,
    log: (line) => void task.log.push(line),
    warn: (text) => void task.log.push(`WARN: ${text}`),
    sleep: (ms) => sim.clock.sleep(ms, signal),
  };
}

async function perform(sim: Simulation, task: TaskState, context: TaskContext, signal: AbortSignal, work: (task: TaskContext) => Promise<void> | void): Promise<void> {
  sim.log.write(task.node, `task ${task.type} ${task.id} started`);
  let failure: string | undefined;
  try {
    // The worker begins after its UPID is known, in the same instant.
    await Promise.resolve();
    const fault = sim.faults.onTask?.(task);
    if (fault?.when === 'before') throw new Error(fault.text);
    await work(context);
    if (fault) throw new Error(fault.text);
    if (signal.aborted) throw signal.reason;
  } catch (error) {
    if (error instanceof PowerLost) return;
    failure = error instanceof Error ? error.message : String(error);
  }
  finish(sim, task, failure);
}

function finish(sim: Simulation, task: TaskState, failure: string | undefined): void {
  sim.running.remove(task.upid);
  if (task.endtime !== undefined) return;
  const warnings = task.log.filter((line) => line.startsWith('WARN: ')).length;
  task.endtime = Math.floor(sim.clock.now() / 1000);
  if (failure !== undefined) {
    task.log.push(`TASK ERROR: ${failure.trimEnd()}`);
    task.exitstatus = failure.trimEnd().split('\n')[0] ?? '';
  } else if (warnings > 0) {
    task.log.push(`TASK WARNINGS: ${warnings}`);
    task.exitstatus = `WARNINGS: ${warnings}`;
  } else {
    task.log.push('TASK OK');
    task.exitstatus = 'OK';
  }
  sim.log.write(task.node, `task ${task.type} ${task.id} ended: ${task.exitstatus}`);
}

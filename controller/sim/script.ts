// Stories and faults: what the world does to the simulated cluster while somebody works with it, as data.
// In: steps with a time or a request they follow. Out: the same, done to a simulation at their moments.
// Must never do anything that is not a step: without one the world is kind.
import type { Clock, HttpRequest, HttpResponse } from '../model/doors.ts';
import { ConnectionError } from '../model/doors.ts';
import { perform } from './script-deeds.ts';
import type { Simulation } from './simulation.ts';

export type FaultVerdict =
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'break'; readonly error: ConnectionError; readonly afterMs?: number }
  | { readonly do: 'answer'; readonly response: HttpResponse }
  /** The call has its effect, the answer comes late. */
  | { readonly do: 'answer-late'; readonly ms: number }
  /** The call has its effect, the answer is lost. */
  | { readonly do: 'lose-answer' };

export interface TaskFault { readonly text: string; readonly when: 'before' | 'after' }

export interface FaultPlan {
  /** Consulted once for each request that reaches `node`. */
  onRequest(node: string, request: HttpRequest): FaultVerdict | undefined;
  /** Consulted once for each task that starts. */
  onTask?(task: { readonly node: string; readonly type: string; readonly id: string }): TaskFault | undefined;
}

export function noFaults(): FaultPlan {
  return { onRequest: () => undefined };
}

/** Method and path below the API, such as `POST /pools`, and the node that is asked; a missing part matches everything, a star any characters. */
export interface RequestMatch { readonly request?: string; readonly node?: string }

/** When: at a virtual second of the story, or `inSeconds` after the `nth` request that matches. */
export type StepTime =
  | { readonly at: number }
  | { readonly after: RequestMatch; readonly nth: number; readonly inSeconds: number };

/** What happens to requests, `times` times from its moment on. */
export type RequestFault =
  | { readonly do: 'api-status'; readonly status: number; readonly reason: string; readonly match: RequestMatch; readonly times: number }
  /** Swallowed: no effect and no answer. */
  | { readonly do: 'api-timeout'; readonly match: RequestMatch; readonly times: number }
  | { readonly do: 'api-slow'; readonly seconds: number; readonly match: RequestMatch; readonly times: number }
  | { readonly do: 'answer-late'; readonly seconds: number; readonly match: RequestMatch; readonly times: number }
  | { readonly do: 'answer-lost'; readonly match: RequestMatch; readonly times: number }
  | { readonly do: 'refuse'; readonly match: RequestMatch; readonly times: number }
  | { readonly do: 'task-fails'; readonly task: string; readonly text: string; readonly when: 'before' | 'after'; readonly times: number };

export type WorldDeed =
  | { readonly do: 'node-off' | 'node-on' | 'node-reset' | 'node-shutdown' | 'node-reboot' | 'link-cut' | 'link-heal' | 'network-down' | 'network-up'; readonly node: string }
  | { readonly do: 'daemon-stop' | 'daemon-start'; readonly node: string; readonly daemon: 'pveproxy' | 'pvedaemon' }
  | { readonly do: 'qnetd-off' | 'qnetd-on' }
  | { readonly do: 'maintenance-on' | 'maintenance-off'; readonly node: string }
  | { readonly do: 'disk-full' | 'disk-freed'; readonly storage: string }
  | { readonly do: 'clock-jump'; readonly seconds: number }
  /** The replication line between two nodes. */
  | { readonly do: 'drbd-link-cut' | 'drbd-link-heal'; readonly a: string; readonly b: string }
  | { readonly do: 'drbd-write'; readonly resource: string; readonly node: string; readonly bytes: number }
  | { readonly do: 'disk-fail' | 'disk-replaced'; readonly node: string; readonly resource: string }
  /** The disk gives back other bytes than were written, and no error. */
  | { readonly do: 'disk-rot'; readonly node: string; readonly resource: string; readonly bytes: number }
  | { readonly do: 'guest-crash' | 'guest-start' | 'guest-stop' | 'guest-delete' | 'guest-unlock'; readonly vmid: number }
  | { readonly do: 'guest-lock'; readonly vmid: number; readonly lock: string }
  | { readonly do: 'guest-migrate'; readonly vmid: number; readonly target: string }
  | { readonly do: 'config-edit'; readonly vmid: number; readonly set: Readonly<Record<string, string | number>>; readonly delete: readonly string[] }
  | { readonly do: 'vm-create'; readonly node: string; readonly vmid: number; readonly config: Readonly<Record<string, string | number>> };

export type StepDeed = RequestFault | WorldDeed;
export interface StoryStep { readonly when: StepTime; readonly deed: StepDeed }

const NO_ANSWER_MS = 24 * 3600_000;

interface Armed { readonly fault: RequestFault; left: number }
interface Trigger { readonly step: StoryStep; readonly when: Exclude<StepTime, { readonly at: number }>; seen: number }

/** The story as it is being played. */
export class PlayedStory implements FaultPlan {
  readonly #sim: Simulation;
  readonly #armed: Armed[] = [];
  readonly #triggers: Trigger[] = [];
  #jumpMs = 0;

  constructor(sim: Simulation, steps: readonly StoryStep[]) {
    this.#sim = sim;
    for (const step of steps) {
      const { when } = step;
      if ('at' in when) sim.clock.after(when.at * 1000, () => this.#happen(step.deed), { background: true, label: `story: ${step.deed.do}` });
      else this.#triggers.push({ step, when, seen: 0 });
    }
  }

  /** How far the clock of whoever works with the cluster has jumped. */
  get clockJumpMs(): number {
    return this.#jumpMs;
  }

  onRequest(node: string, request: HttpRequest): FaultVerdict | undefined {
    for (const trigger of this.#triggers) this.#pull(trigger, node, request);
    const armed = this.#armed.find((one) => one.left > 0 && one.fault.do !== 'task-fails' && matches(one.fault.match, node, request));
    if (!armed || armed.fault.do === 'task-fails') return undefined;
    armed.left -= 1;
    this.#sim.log.write(node, `story: ${armed.fault.do} for ${request.method} ${request.url}`);
    return verdictOf(armed.fault);
  }

  onTask(task: { readonly node: string; readonly type: string; readonly id: string }): TaskFault | undefined {
    const armed = this.#armed.find((one) => one.left > 0 && one.fault.do === 'task-fails' && isLike(one.fault.task, `${task.type} ${task.id}`));
    if (armed?.fault.do !== 'task-fails') return undefined;
    armed.left -= 1;
    return { text: armed.fault.text, when: armed.fault.when };
  }

  /** From now on the world is kind: nothing armed or waiting for a request happens any more. */
  stop(): void {
    this.#armed.length = 0;
    this.#triggers.length = 0;
  }

  #pull(trigger: Trigger, node: string, request: HttpRequest): void {
    if (trigger.seen >= trigger.when.nth || !matches(trigger.when.after, node, request)) return;
    trigger.seen += 1;
    if (trigger.seen < trigger.when.nth) return;
    const { deed } = trigger.step;
    // What concerns the request itself must be there before it goes on.
    if (trigger.when.inSeconds === 0 && isRequestFault(deed)) return this.#happen(deed);
    this.#sim.clock.after(trigger.when.inSeconds * 1000, () => this.#happen(deed), { background: true, label: `story: ${deed.do}` });
  }

  #happen(deed: StepDeed): void {
    if (isRequestFault(deed)) {
      this.#armed.push({ fault: deed, left: deed.times });
      return;
    }
    if (deed.do === 'clock-jump') this.#jumpMs += deed.seconds * 1000;
    perform(this.#sim, deed);
  }
}

/** Plays the story on the simulation; its times count from now. */
export function play(sim: Simulation, steps: readonly StoryStep[]): PlayedStory {
  const played = new PlayedStory(sim, steps);
  sim.faults = played;
  return played;
}

/** The clock of whoever works with the cluster: it jumps with the story, while its sleeps last as long as ever. */
export function jumpingClock(clock: Clock, story: PlayedStory): Clock {
  return { now: () => clock.now() + story.clockJumpMs, sleep: (ms, signal) => clock.sleep(ms, signal) };
}

const REQUEST_FAULTS: ReadonlySet<string> = new Set(['api-status', 'api-timeout', 'api-slow', 'answer-late', 'answer-lost', 'refuse', 'task-fails']);

export function isRequestFault(deed: StepDeed): deed is RequestFault {
  return REQUEST_FAULTS.has(deed.do);
}

function matches(match: RequestMatch, node: string, request: HttpRequest): boolean {
  if (match.node !== undefined && match.node !== node) return false;
  const path = request.url.split('?')[0]?.replace(/^\/api2\/[a-z]+/, '') ?? '';
  return match.request === undefined || isLike(match.request, `${request.method} ${path}`);
}

/** Whether the text is like the pattern, in which `*` stands for any characters. */
export function isLike(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
}

function verdictOf(fault: Exclude<RequestFault, { readonly do: 'task-fails' }>): FaultVerdict {
  switch (fault.do) {
    case 'api-status': return { do: 'answer', response: { status: fault.status, reason: fault.reason, headers: {}, body: '' } };
    case 'api-timeout': return { do: 'break', error: new ConnectionError('closed', true, 'socket hang up'), afterMs: NO_ANSWER_MS };
    case 'api-slow': return { do: 'delay', ms: fault.seconds * 1000 };
    case 'answer-late': return { do: 'answer-late', ms: fault.seconds * 1000 };
    case 'answer-lost': return { do: 'lose-answer' };
    case 'refuse': return { do: 'break', error: new ConnectionError('refused', false, 'connect ECONNREFUSED') };
  }
}

// In: events, how things stand, which problems are open. Out: what is worth telling a person, and the problems that are open now.
// Pure. Must never tell of the same problem twice before it has changed or gone away, nor of an end without its beginning.
import { createHash } from 'node:crypto';
import type { Occasion } from '../config/schema.ts';
import { refText } from '../model/ref.ts';
import { conditionOf } from '../status/conditions.ts';
import type { StatusEvent } from '../status/events.ts';
import type { DaemonView } from '../status/listener.ts';

/** One thing that a person is told. */
export interface Notice {
  readonly occasion: Occasion;
  /** The event's type, or `recovered`. */
  readonly what: string;
  readonly at: number;
  /** Since when it is so; of a recovery: since when it was not. */
  readonly since: number;
  readonly message: string;
  /** `VirtualMachine/web` */
  readonly object?: string;
  readonly revision?: string;
  readonly by?: string;
  readonly fix?: string;
}

/** Something that a person was told of and that is not over. */
export interface Problem {
  readonly occasion: Occasion;
  readonly since: number;
  readonly object?: string;
  /** What was told of it, without what changes with every try, as digests; newest last. */
  readonly told: readonly string[];
}
/** By occasion and object, oldest first. */
export type Problems = ReadonlyMap<string, Problem>;

// More problems at once than this are one problem; the oldest are forgotten, and would be told again.
const PROBLEMS_MAX = 2_000;
// An object that fails in turn in two ways is told of each once.
const TOLD_MAX = 5;
const MESSAGE_MAX = 600;

export interface Learnt { readonly problems: Problems; readonly notices: readonly Notice[] }

/** @param view at the end of a round; without it nothing ends but by an event */
export function learn(before: Problems, events: readonly StatusEvent[], view: DaemonView | undefined, now: number): Learnt {
  const problems = new Map(before);
  const notices: Notice[] = [];
  for (const event of events) notices.push(...ofEvent(problems, event));
  if (view) notices.push(...ended(problems, view, now));
  for (const key of [...problems.keys()].slice(0, Math.max(0, problems.size - PROBLEMS_MAX))) problems.delete(key);
  return { problems, notices };
}

const PROBLEM_TYPES: Readonly<Record<string, Occasion>> = {
  held: 'hold', failed: 'failure', stalled: 'failure', frozen: 'failure', refused: 'failure', watchdog: 'failure', state: 'failure', source: 'failure', drift: 'drift', 'split-brain': 'split-brain', 'virtual-ip': 'failure', 'copies-differ': 'failure',
};

function ofEvent(problems: Map<string, Problem>, event: StatusEvent): readonly Notice[] {
  const occasion = event.isOver === true ? undefined : PROBLEM_TYPES[event.type];
  if (occasion !== undefined) return begun(problems, event, occasion);
  const object = event.ref && refText(event.ref);
  switch (event.type) {
    case 'commit': return [...over(problems, 'failure:commit', event), told(event, 'commit', event.at)];
    case 'source': return over(problems, 'failure:source', event);
    case 'cluster': return over(problems, 'failure:cluster', event);
    case 'released': return over(problems, `hold:${object ?? ''}`, event);
    case 'split-brain': return over(problems, `split-brain:${object ?? ''}`, event);
    case 'virtual-ip': case 'copies-differ': case 'recovered': return over(problems, `failure:${object ?? ''}`, event);
    case 'repaired': return over(problems, `drift:${object ?? ''}`, event);
    default: return [];
  }
}

function begun(problems: Map<string, Problem>, event: StatusEvent, occasion: Occasion): readonly Notice[] {
  const key = `${occasion}:${event.ref ? refText(event.ref) : scopeOf(event)}`;
  const known = problems.get(key);
  const digest = digestOf(event);
  if (known?.told.includes(digest)) return [];
  const object = event.ref && refText(event.ref);
  const since = known?.since ?? event.at;
  problems.set(key, { occasion, since, ...(object === undefined ? {} : { object }), told: [...(known?.told ?? []), digest].slice(-TOLD_MAX) });
  return [told(event, occasion, since)];
}

/** What a problem without an object is about. */
function scopeOf({ type }: StatusEvent): string {
  if (type === 'refused') return 'commit';
  return type === 'failed' || type === 'stalled' ? 'cluster' : type;
}

/** Moments, counts and task numbers differ with every try. What is refused, or does not help, is news for every commit. */
function digestOf({ type, message, revision }: StatusEvent): string {
  const text = message.replaceAll(/UPID:\S+/g, 'UPID').replaceAll(/\d+/g, '#');
  return createHash('sha256').update(type === 'refused' || type === 'stalled' ? `${text} ${revision ?? ''}` : text).digest('hex').slice(0, 16);
}

function over(problems: Map<string, Problem>, key: string, event: StatusEvent): readonly Notice[] {
  const problem = problems.get(key);
  if (problem === undefined) return [];
  problems.delete(key);
  return [told(event, 'recovery', problem.since)];
}

/** What is over although no event says so. */
function ended(problems: Map<string, Problem>, view: DaemonView, now: number): readonly Notice[] {
  return [...problems].flatMap(([key, problem]): readonly Notice[] => {
    const message = whyOver(key, problem, view);
    if (message === undefined) return [];
    problems.delete(key);
    if (key === 'failure:state') return [];
    const { since, object } = problem;
    return [{ occasion: 'recovery', what: 'recovered', at: now, since, message, ...(object === undefined ? {} : { object }), ...(view.good ? { revision: view.good.revision } : {}) }];
  });
}

function whyOver(key: string, { object, occasion }: Problem, view: DaemonView): string | undefined {
  if (key === 'failure:commit') return view.refused ? undefined : 'no commit is refused any more';
  if (key === 'failure:source' || view.trouble !== undefined) return undefined;
  if (object === undefined) return 'rounds succeed again';
  // How objects stand is known only after the commit in force was planned.
  if (view.plan === undefined || view.plan.revision !== view.good?.revision) return undefined;
  const status = view.objects.find(({ ref }) => refText(ref) === object);
  if (status === undefined) return `${object} is no longer asked for`;
  const ready = conditionOf(status.conditions, 'Ready');
  const isOver = ready?.status === 'True' && (occasion !== 'drift' || ready.reason === 'InSync') && occasion !== 'split-brain';
  return isOver ? `${object} is as its manifest asks` : undefined;
}

function told(event: StatusEvent, occasion: Occasion, since: number): Notice {
  const { type, at, message, ref, revision, by } = event;
  const object = ref && refText(ref);
  const fix = occasion === 'recovery' ? undefined : fixOf(type, object);
  return {
    occasion, what: type, at, since, message: oneLine(message, MESSAGE_MAX),
    ...(object === undefined ? {} : { object }), ...(revision === undefined ? {} : { revision }), ...(by === undefined ? {} : { by }), ...(fix === undefined ? {} : { fix }),
  };
}

function fixOf(type: string, object: string | undefined): string | undefined {
  switch (type) {
    case 'held': return 'latido plan --from-daemon shows it; when it waits for an approval: latido approve FINGERPRINT';
    case 'failed': return object === undefined ? 'it is tried again by itself; latido status tells more' : 'it is tried again by itself; correct its manifest or the cluster if it repeats';
    case 'stalled': return object === undefined ? 'push another commit' : `push a commit that corrects it, or try again with: latido resume ${object}`;
    case 'frozen': return `find out what else changes it, then: latido resume ${object ?? 'all'}`;
    case 'refused': return 'push a commit without these mistakes; latido validate finds them before';
    case 'drift': return 'put the change into Git to keep it';
    case 'source': return 'see whether the repository answers and lets latido in';
    case 'watchdog': return 'systemd starts the daemon again; if it repeats, report it with the log';
    case 'split-brain': return 'decide which side is kept; nothing of it is changed until then';
    case 'copies-differ': return 'look at the disks of both nodes; spec.verify.repair: true copies what differs from the node where it is in use';
    case 'virtual-ip': return 'see whether its nodes hear each other, and whether keepalived or heartbeat runs on them';
    default: return undefined;
  }
}

/** Of another line's text only what cannot make a line of its own. */
export function oneLine(text: string, max: number): string {
  const line = text.replaceAll(/[\s\p{Cc}\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]+/gu, ' ').trim();
  const letters = [...line];
  return letters.length > max ? `${letters.slice(0, max - 1).join('')}…` : line;
}

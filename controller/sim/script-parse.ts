// In: a story as YAML gives it, a list of steps. Out: the steps, or every mistake at once.
// Must never guess: a step with a key it does not know is a mistake.
import { isObject, type Json } from '../model/json.ts';
import type { Finding } from '../model/finding.ts';
import type { RequestMatch, StepDeed, StepTime, StoryStep } from './script.ts';

export interface ParsedStory { readonly steps: readonly StoryStep[]; readonly findings: readonly Finding[] }

type Fields = { readonly [key: string]: unknown };

export function parseStory(value: unknown): ParsedStory {
  if (!Array.isArray(value)) return { steps: [], findings: [mistake('a story is a list of steps', 'write `- at: 10` …')] };
  const steps: StoryStep[] = [];
  const findings: Finding[] = [];
  for (const [index, written] of (value as readonly unknown[]).entries()) {
    const reader = new StepReader(index + 1, written);
    const step = reader.read();
    if (reader.findings.length > 0) findings.push(...reader.findings);
    else if (step) steps.push(step);
  }
  return { steps, findings };
}

function mistake(fact: string, fix?: string): Finding {
  return { code: 'MANIFEST_SCHEMA', severity: 'error', fact, ...(fix === undefined ? {} : { fix }) };
}

type Kind = 'text' | 'number' | 'vmid' | 'object' | 'list';

/** The keys of each deed beside `do` and the time; a question mark: may be missing. */
const DEEDS: Readonly<Record<StepDeed['do'], Readonly<Record<string, Kind | `${Kind}?`>>>> = {
  'node-off': { node: 'text' }, 'node-on': { node: 'text' }, 'node-reset': { node: 'text' }, 'node-shutdown': { node: 'text' }, 'node-reboot': { node: 'text' },
  'link-cut': { node: 'text' }, 'link-heal': { node: 'text' }, 'network-down': { node: 'text' }, 'network-up': { node: 'text' },
  'daemon-stop': { node: 'text', daemon: 'text' }, 'daemon-start': { node: 'text', daemon: 'text' },
  'qnetd-off': {}, 'qnetd-on': {}, 'maintenance-on': { node: 'text' }, 'maintenance-off': { node: 'text' },
  'disk-full': { storage: 'text' }, 'disk-freed': { storage: 'text' }, 'clock-jump': { seconds: 'number' },
  'drbd-link-cut': { a: 'text', b: 'text' }, 'drbd-link-heal': { a: 'text', b: 'text' }, 'drbd-write': { resource: 'text', node: 'text', bytes: 'number' },
  'disk-fail': { node: 'text', resource: 'text' }, 'disk-replaced': { node: 'text', resource: 'text' }, 'disk-rot': { node: 'text', resource: 'text', bytes: 'number' },
  'guest-crash': { vmid: 'vmid' }, 'guest-start': { vmid: 'vmid' }, 'guest-stop': { vmid: 'vmid' }, 'guest-delete': { vmid: 'vmid' }, 'guest-unlock': { vmid: 'vmid' },
  'guest-lock': { vmid: 'vmid', lock: 'text' }, 'guest-migrate': { vmid: 'vmid', target: 'text' },
  'config-edit': { vmid: 'vmid', set: 'object?', delete: 'list?' }, 'vm-create': { node: 'text', vmid: 'vmid', config: 'object?' },
  'api-status': { status: 'number', reason: 'text?', request: 'text?', on: 'text?', times: 'number?' },
  'api-timeout': { request: 'text?', on: 'text?', times: 'number?' }, 'api-slow': { seconds: 'number', request: 'text?', on: 'text?', times: 'number?' },
  'answer-late': { seconds: 'number', request: 'text?', on: 'text?', times: 'number?' }, 'answer-lost': { request: 'text?', on: 'text?', times: 'number?' },
  refuse: { request: 'text?', on: 'text?', times: 'number?' }, 'task-fails': { task: 'text', text: 'text?', when: 'text?', times: 'number?' },
};
const TIME_KEYS = ['at', 'after', 'nth', 'in', 'do'];

class StepReader {
  readonly findings: Finding[] = [];
  readonly #place: string;
  readonly #fields: Fields | undefined;

  constructor(number: number, written: unknown) {
    this.#place = `step ${number}`;
    this.#fields = isObject(written) ? written : undefined;
  }

  read(): StoryStep | undefined {
    const fields = this.#fields;
    if (!fields) return this.#wrong('is not a mapping');
    const name = fields['do'];
    if (typeof name !== 'string' || !isDeed(name)) return this.#wrong(`does not say what happens: do: ${String(name)}`, `one of ${Object.keys(DEEDS).join(', ')}`);
    const known = DEEDS[name];
    for (const key of Object.keys(fields)) if (!TIME_KEYS.includes(key) && !(key in known)) this.#wrong(`${name} has no key ${key}`, `its keys are ${Object.keys(known).join(', ') || 'none'}`);
    for (const [key, kind] of Object.entries(known)) this.#check(name, key, kind);
    const when = this.#time();
    if (this.findings.length > 0 || !when) return undefined;
    const deed = this.#deed(name);
    return deed && { when, deed };
  }

  #wrong(fact: string, fix?: string): undefined {
    this.findings.push(mistake(`${this.#place}: ${fact}`, fix));
  }

  #check(deed: string, key: string, kind: string): void {
    const value = this.#fields?.[key];
    if (value === undefined) {
      if (!kind.endsWith('?')) this.#wrong(`${deed} needs ${key}`);
      return;
    }
    if (!hasKind(value, kind.replace('?', '') as Kind)) this.#wrong(`${key} of ${deed} is ${JSON.stringify(value)}`, `write a ${KIND_WORDS[kind.replace('?', '') as Kind]}`);
  }

  #time(): StepTime | undefined {
    const { at, after, nth, in: inSeconds } = this.#fields ?? {};
    if ((at === undefined) === (after === undefined)) return this.#wrong('needs either `at`, in seconds, or `after`, a request');
    if (at !== undefined) return hasKind(at, 'number') && Number(at) >= 0 ? { at: Number(at) } : this.#wrong(`at is ${JSON.stringify(at)}`, 'write seconds');
    const match = typeof after === 'string' ? { request: after } : isObject(after) ? matchOf(after) : undefined;
    if (!match) return this.#wrong(`after is ${JSON.stringify(after)}`, 'write a method and a path, such as `POST /pools`');
    if (nth !== undefined && !(Number.isInteger(nth) && Number(nth) > 0)) return this.#wrong(`nth is ${JSON.stringify(nth)}`, 'write 1, 2, 3 …');
    if (inSeconds !== undefined && !(hasKind(inSeconds, 'number') && Number(inSeconds) >= 0)) return this.#wrong(`in is ${JSON.stringify(inSeconds)}`, 'write seconds');
    return { after: match, nth: Number(nth ?? 1), inSeconds: Number(inSeconds ?? 0) };
  }

  #deed(name: StepDeed['do']): StepDeed | undefined {
    const text = (key: string, otherwise = '') => String(this.#fields?.[key] ?? otherwise);
    const number = (key: string, otherwise = 0) => Number(this.#fields?.[key] ?? otherwise);
    const match = matchOf({ request: this.#fields?.['request'], node: this.#fields?.['on'] });
    const times = number('times', 1);
    switch (name) {
      case 'qnetd-off':
      case 'qnetd-on': return { do: name };
      case 'daemon-stop':
      case 'daemon-start': return this.#daemon(name, text('node'), text('daemon'));
      case 'disk-full':
      case 'disk-freed': return { do: name, storage: text('storage') };
      case 'clock-jump': return { do: name, seconds: number('seconds') };
      case 'guest-crash':
      case 'guest-start':
      case 'guest-stop':
      case 'guest-delete':
      case 'guest-unlock': return { do: name, vmid: number('vmid') };
      case 'drbd-link-cut':
      case 'drbd-link-heal': return { do: name, a: text('a'), b: text('b') };
      case 'drbd-write': return { do: name, resource: text('resource'), node: text('node'), bytes: number('bytes') };
      case 'disk-rot': return { do: name, node: text('node'), resource: text('resource'), bytes: number('bytes') };
      case 'disk-fail':
      case 'disk-replaced': return { do: name, node: text('node'), resource: text('resource') };
      case 'guest-lock': return { do: name, vmid: number('vmid'), lock: text('lock') };
      case 'guest-migrate': return { do: name, vmid: number('vmid'), target: text('target') };
      case 'config-edit': return { do: name, vmid: number('vmid'), set: options(this.#fields?.['set']), delete: (this.#fields?.['delete'] as readonly string[] | undefined) ?? [] };
      case 'vm-create': return { do: name, node: text('node'), vmid: number('vmid'), config: options(this.#fields?.['config']) };
      case 'api-status': return { do: name, status: number('status'), reason: text('reason', 'made up by the story'), match, times };
      case 'api-slow':
      case 'answer-late': return { do: name, seconds: number('seconds'), match, times };
      case 'api-timeout':
      case 'answer-lost':
      case 'refuse': return { do: name, match, times };
      case 'task-fails': return this.#taskFails(text('when', 'before'), text('task'), text('text', 'made up by the story'), times);
      default: return { do: name, node: text('node') };
    }
  }

  #daemon(name: 'daemon-stop' | 'daemon-start', node: string, daemon: string): StepDeed | undefined {
    if (daemon === 'pveproxy' || daemon === 'pvedaemon') return { do: name, node, daemon };
    return this.#wrong(`daemon is ${daemon}`, 'write pveproxy or pvedaemon');
  }

  #taskFails(when: string, task: string, text: string, times: number): StepDeed | undefined {
    if (when === 'before' || when === 'after') return { do: 'task-fails', task, text, when, times };
    return this.#wrong(`when is ${when}`, 'write before or after: whether the work is done when the task fails');
  }
}

const KIND_WORDS: Readonly<Record<Kind, string>> = { text: 'text', number: 'number', vmid: 'VMID', object: 'mapping of options', list: 'list of options' };

function isDeed(name: string): name is StepDeed['do'] {
  return Object.hasOwn(DEEDS, name);
}

function hasKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'text': return typeof value === 'string' && value !== '';
    case 'number': return typeof value === 'number' && Number.isFinite(value);
    case 'vmid': return Number.isInteger(value) && Number(value) >= 100;
    case 'object': return isObject(value) && Object.values(value).every((one) => typeof one === 'string' || typeof one === 'number');
    case 'list': return Array.isArray(value) && value.every((one) => typeof one === 'string');
  }
}

function matchOf(fields: Fields): RequestMatch {
  const { request, node } = fields;
  return { ...(typeof request === 'string' ? { request } : {}), ...(typeof node === 'string' ? { node } : {}) };
}

function options(value: unknown): Readonly<Record<string, string | number>> {
  return (isObject(value) ? value : {}) as Readonly<Record<string, string | number>> satisfies Json;
}

// In: script.yaml, a list. Out: what the operator and the world do, one after the other.
// A text is the operator's: `commit NAME`, `plan`, `apply`, `approve`, `wait 90` (seconds; also `10m`, `3h`).
// A mapping with `do` is the world's, in the words of a rehearsal's story; without a time it happens now, and with `at`
// so many seconds later, while the operator goes on. `kill` ends the operator's next command at one of its writes.
import { isObject } from '../../controller/model/json.ts';
import { parseStory } from '../../controller/sim/script-parse.ts';
import type { StoryStep } from '../../controller/sim/script.ts';

export type Deed =
  | { readonly do: 'commit'; readonly name: string }
  /** `approve`: the fingerprint of the plan that was shown last. */
  | { readonly do: 'plan' | 'apply' | 'approve' | 'lose-state' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'world'; readonly step: StoryStep }
  | { readonly do: 'kill'; readonly kill: Kill }
  | { readonly do: 'token'; readonly token: Token };

/** At the `nth` write like `request`: before it is sent, or so many seconds after. */
export interface Kill { readonly request: string; readonly nth: number; readonly when: 'before' | number }
/** From now on the operator uses a token of its own; the role reaches from `path` downwards. */
export interface Token { readonly id: string; readonly role: string; readonly path: string }

export function parseDeeds(value: unknown): readonly Deed[] {
  if (!Array.isArray(value)) throw new Error('a script is a list');
  return (value as readonly unknown[]).map((written, at) => {
    const deed = typeof written === 'string' ? operators(written) : isObject(written) ? mapped(written) : undefined;
    if (!deed) throw new Error(`script.yaml, deed ${at + 1}: ${JSON.stringify(written)} is not understood`);
    return deed;
  });
}

function operators(text: string): Deed | undefined {
  const [word, argument, ...more] = text.split(' ');
  if (more.length > 0) return undefined;
  switch (word) {
    case 'commit': return argument === undefined ? undefined : { do: 'commit', name: argument };
    case 'wait': return waiting(argument);
    case 'plan':
    case 'apply':
    case 'approve':
    case 'lose-state': return argument === undefined ? { do: word } : undefined;
    default: return undefined;
  }
}

const UNITS_MS: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 };

function waiting(text = ''): Deed | undefined {
  const [, count, unit = ''] = /^(\d+)([smh]?)$/.exec(text) ?? [];
  return count === undefined ? undefined : { do: 'wait', ms: Number(count) * (UNITS_MS[unit] ?? 0) };
}

type Fields = { readonly [key: string]: unknown };

function mapped(fields: Fields): Deed | undefined {
  if ('do' in fields) return worlds(fields);
  if ('kill' in fields) return killing(fields);
  return 'token' in fields ? tokenOf(fields) : undefined;
}

function worlds(fields: Fields): Deed | undefined {
  const isTimed = 'at' in fields || 'after' in fields;
  const { steps: [step], findings } = parseStory([isTimed ? fields : { at: 0, ...fields }]);
  if (findings.length > 0) throw new Error(findings.map((finding) => `${finding.fact}: ${finding.fix ?? ''}`).join('; '));
  return step && { do: 'world', step };
}

function killing({ kill, nth = 1, in: seconds, before, ...rest }: Fields): Deed | undefined {
  if (typeof kill !== 'string' || typeof nth !== 'number' || Object.keys(rest).length > 0) return undefined;
  if (before === true && seconds === undefined) return { do: 'kill', kill: { request: kill, nth, when: 'before' } };
  return before === undefined && typeof seconds === 'number' ? { do: 'kill', kill: { request: kill, nth, when: seconds } } : undefined;
}

function tokenOf({ token, role, path, ...rest }: Fields): Deed | undefined {
  if (typeof token !== 'string' || typeof role !== 'string' || typeof path !== 'string' || Object.keys(rest).length > 0) return undefined;
  return { do: 'token', token: { id: token, role, path } };
}

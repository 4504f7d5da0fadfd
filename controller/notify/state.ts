// `notify.json`: what was told, and what has still to be. A help, never a truth: when it is lost, telling begins with what happens next.
import type { Store } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Problem, Problems } from './notice.ts';
import { isOccasion, queueJson, queueOf } from './queue.ts';
import type { Queue } from './queue.ts';

export const NOTIFY_FILE = 'notify.json';

export interface NotifyState {
  /** The last event that was looked at. */
  readonly seq: number;
  readonly problems: Problems;
  /** By the name of the channel. */
  readonly queues: ReadonlyMap<string, Queue>;
}

export function stateText({ seq, problems, queues }: NotifyState): string {
  const open = [...problems].map(([key, problem]): JsonObject => ({ key, ...problem }));
  return `${JSON.stringify({ version: 1, seq, problems: open, channels: Object.fromEntries([...queues].map(([name, queue]) => [name, queueJson(queue)])) })}\n`;
}

/** No state at a first start, and when the file is damaged. */
export async function readNotifyState(store: Store): Promise<{ readonly state?: NotifyState; readonly damage?: string }> {
  try {
    const text = await store.read(NOTIFY_FILE);
    if (text === undefined) return {};
    const state = parseState(text);
    return state ? { state } : { damage: `${NOTIFY_FILE} is damaged and is begun anew` };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { damage: `${NOTIFY_FILE} is begun anew: ${error.findings[0]?.fact ?? ''}` };
  }
}

function parseState(text: string): NotifyState | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value) || value['version'] !== 1 || typeof value['seq'] !== 'number' || !Array.isArray(value['problems']) || !isObject(value['channels'])) return undefined;
    const problems = new Map(value['problems'].flatMap((each) => entryOf(each) ?? []));
    return { seq: value['seq'], problems, queues: new Map(Object.entries(value['channels']).map(([name, queue]) => [name, queueOf(queue)] as const)) };
  } catch {
    return undefined;
  }
}

function entryOf(value: unknown): readonly [readonly [string, Problem]] | undefined {
  if (!isObject(value)) return undefined;
  const { key, occasion, since, object, told } = value;
  if (typeof key !== 'string' || !isOccasion(occasion) || typeof since !== 'number' || !Array.isArray(told)) return undefined;
  return [[key, { occasion, since, ...(typeof object === 'string' ? { object } : {}), told: told.filter((each) => typeof each === 'string') }]];
}

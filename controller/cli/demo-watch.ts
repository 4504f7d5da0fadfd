// In: the daemons of the demo, each asked over its own door. Out: their events as they happen, and the moment in which something is so.
// Must never decide for a daemon: it only looks.
import { Failure, failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Context } from './context.ts';
import { rowsOf } from './daemon-status.ts';
import { isStory, storyLines } from './demo-lines.ts';
import type { LabLine } from './demo-lines.ts';
import type { Stage } from './stage.ts';
import { durationText, paint, safe, shortenEnd } from './terminal-text.ts';

/** What is known when a question is asked. */
export interface Seen {
  /** Since the last mark. */
  readonly events: readonly JsonObject[];
  /** Of the daemon that works; of the only one, when it stands by. */
  readonly status: JsonObject;
  /** Why the other one stands by, when it does. */
  readonly standBy?: string;
}

/** A daemon to look at. `node`: its events of itself are told with its name, because it is not alone. */
export interface Watched { readonly state: string; readonly node?: string }

const LOOK_MS = 60;
/** A demo on a machine that does much else. */
const PATIENCE_MS = 180_000;
const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

export class Watch {
  #daemons: readonly Watched[] = [];
  /** By state folder: the last event that was seen. */
  readonly #last = new Map<string, number>();
  #events: readonly JsonObject[] = [];
  /** Held back until the daemon has told of all that waits for one reason. */
  #unshown: readonly JsonObject[] = [];
  #unshownLog: readonly LabLine[] = [];
  /** State folder of the one that works, when it was last looked at. */
  #working = '';
  #logFrom = 0;
  #withCluster = false;
  #drawn = false;

  constructor(private readonly context: Context, private readonly stage: Stage) {}

  /** Those that are looked at from now on. */
  follow(daemons: readonly Watched[]): void {
    this.#daemons = daemons;
  }

  get working(): string {
    return this.#working;
  }

  /** From here on `Seen.events` begins. @param shown whether also what the cluster does by itself is part of the story */
  mark(shown: 'daemon' | 'daemon and cluster'): void {
    this.#events = [];
    this.#withCluster = shown === 'daemon and cluster';
    this.#logFrom += this.stage.log(this.#logFrom).length;
  }

  /** Shows what happens until it is so. @param what for the one who waits in vain */
  async until(isSo: (seen: Seen) => boolean, what: string): Promise<void> {
    const { clock } = this.context.world;
    const startedAt = clock.now();
    for (;;) {
      const { status, ...rest } = await this.#look();
      if (this.#unshown.length === 0 && isSo({ ...rest, events: this.#events, status })) break;
      const waited = clock.now() - startedAt;
      if (waited > PATIENCE_MS) throw failure('STEP_TIMEOUT', `after ${durationText(PATIENCE_MS)} the demo still waits: ${what}`, { fix: 'see the logs in its folder' });
      this.#draw(`${conditionText(status)}  ${durationText(waited)}`, waited);
      await clock.sleep(LOOK_MS);
    }
    this.#erase();
  }

  /** One look; a daemon that is not there yet, or no more, says nothing. */
  async #look(): Promise<Omit<Seen, 'events'>> {
    const looks = await Promise.all(this.#daemons.map((daemon) => this.#lookAt(daemon)));
    const fresh = looks.flatMap(({ news }) => news).sort((one, other) => Number(one['at']) - Number(other['at']));
    const log = this.stage.log(this.#logFrom);
    this.#logFrom += log.length;
    this.#unshown = [...this.#unshown, ...fresh];
    const isMidway = fresh.length > 0 && fresh.at(-1)?.['type'] === 'held';
    this.#unshownLog = [...this.#unshownLog, ...(this.#withCluster ? log.filter(({ text }) => isStory(text)) : [])];
    if (!isMidway) {
      this.#show(storyLines(this.#unshown, this.#unshownLog, this.#style));
      this.#unshown = this.#unshownLog = [];
    }
    this.#events = [...this.#events, ...fresh];
    const { at, ...rest } = whoWorks(looks.map(({ status }) => status));
    this.#working = this.#daemons[at]?.state ?? this.#working;
    return rest;
  }

  async #lookAt({ state, node }: Watched): Promise<{ readonly news: readonly JsonObject[]; readonly status: JsonObject }> {
    const answer = await this.#ask(state, { do: 'events', after: this.#last.get(state) ?? 0 });
    const { status } = await this.#ask(state, { do: 'status' });
    this.#last.set(state, Number(answer['last'] ?? this.#last.get(state) ?? 0));
    const news = rowsOf(answer['events']).map((event) => (node !== undefined && OF_ITSELF.has(String(event['type'])) ? { ...event, message: `${node}: ${String(event['message'])}` } : event));
    return { news, status: isObject(status) ? (status as JsonObject) : {} };
  }

  async #ask(stateDir: string, request: JsonObject): Promise<JsonObject> {
    try {
      return await this.context.world.daemon.ask({ stateDir }, request);
    } catch (error) {
      if (error instanceof Failure && error.findings.some(({ code }) => code === 'DAEMON_ABSENT')) return {};
      throw error;
    }
  }

  get #style() {
    return this.context.terminal.style();
  }

  #show(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#erase();
    this.context.terminal.out(lines.map((line) => `${line}\n`).join(''));
  }

  /** One line that lives, on a terminal only. */
  #draw(text: string, waitedMs: number): void {
    const { terminal } = this.context;
    if (!terminal.live || text === '') return;
    const style = terminal.errStyle();
    const sign = SPINNER[Math.floor(waitedMs / 100) % SPINNER.length] ?? '';
    terminal.err(`\r\u001B[K  ${paint(style, 'cyan', sign)} ${paint(style, 'dim', shortenEnd(safe(text), style.width - 6))}`);
    this.#drawn = true;
  }

  #erase(): void {
    if (this.#drawn) this.context.terminal.err('\r\u001B[K');
    this.#drawn = false;
  }
}

/** What a daemon tells of itself, and not of the cluster. */
const OF_ITSELF: ReadonlySet<string> = new Set(['lease', 'started', 'stopped']);

/** @returns at: its place among them */
function whoWorks(all: readonly JsonObject[]): Omit<Seen, 'events'> & { readonly at: number } {
  const waiting = all.find(({ phase }) => phase === 'stand-by');
  const working = all.findIndex((each) => each !== waiting && 'phase' in each);
  const at = working === -1 ? all.findIndex((each) => each === waiting) : working;
  return { at, status: all[at] ?? {}, ...(waiting === undefined ? {} : { standBy: String(readyOf(waiting)['message']) }) };
}

/** Since the mark the daemon has told that the cluster is as this commit asks, and it still is. */
export function isInSyncWith({ events, status }: Seen, commit: string): boolean {
  const told = events.some((event) => event['type'] === 'in-sync' && String(event['revision']).endsWith(commit));
  return told && isObject(status['commit']) && status['commit']['id'] === commit && readyOf(status)['status'] === 'True';
}

/** It works, at this commit, and nothing is left to do. */
export function isReady({ status }: Seen, commit: string): boolean {
  return status['phase'] === 'waiting' && isObject(status['commit']) && status['commit']['id'] === commit && readyOf(status)['status'] === 'True';
}

/** The guest waits, and the daemon says why. */
export function isHeld({ status }: Seen, name: string): boolean {
  return rowsOf(status['objects']).some((row) => row['name'] === name && readyOf(row)['status'] === 'False');
}

/** The id of the resource's split brain, once the daemon has told of it. */
export function splitOf({ events }: Seen, resource: string): string | undefined {
  const told = events.filter(({ type, ref }) => (type === 'held' || type === 'split-brain') && isObject(ref) && ref['kind'] === 'DrbdResource' && ref['name'] === resource);
  return told.flatMap(({ message }) => /\bevent ([0-9a-f]{8}-[0-9a-f]{8})\b/.exec(String(message))?.[1] ?? [])[0];
}

/** How many events of a type there are. */
export function countOf({ events }: Seen, type: string): number {
  return events.filter((event) => event['type'] === type).length;
}

function readyOf(status: JsonObject): JsonObject {
  return rowsOf(status['conditions']).find((each) => each['type'] === 'Ready') ?? {};
}

function conditionText(status: JsonObject): string {
  const { message } = readyOf(status);
  return typeof message === 'string' ? message : 'waiting for the daemon';
}

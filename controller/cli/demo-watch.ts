// In: the daemon of the demo, asked over its own door. Out: its events as they happen, and the moment in which something is so.
// Must never decide for the daemon: it only looks.
import { Failure, failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import type { Context } from './context.ts';
import { rowsOf } from './daemon-status.ts';
import { eventLines, isStory, labLine } from './demo-lines.ts';
import type { Stage } from './stage.ts';
import { durationText, paint, safe, shortenEnd } from './terminal-text.ts';

/** What is known when a question is asked. */
export interface Seen {
  /** Since the last mark. */
  readonly events: readonly JsonObject[];
  readonly status: JsonObject;
}

const LOOK_MS = 60;
/** A demo on a machine that does much else. */
const PATIENCE_MS = 180_000;
const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

export class Watch {
  #last = 0;
  #events: readonly JsonObject[] = [];
  /** Held back until the daemon has told of all that waits for one reason. */
  #unshown: readonly JsonObject[] = [];
  #logFrom = 0;
  #withCluster = false;
  #drawn = false;

  constructor(private readonly context: Context, private readonly stateDir: string, private readonly stage: Stage) {}

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
      const status = await this.#look();
      if (this.#unshown.length === 0 && isSo({ events: this.#events, status })) break;
      const waited = clock.now() - startedAt;
      if (waited > PATIENCE_MS) throw failure('STEP_TIMEOUT', `after ${durationText(PATIENCE_MS)} the demo still waits: ${what}`, { fix: 'see daemon.log in its folder' });
      this.#draw(`${conditionText(status)}  ${durationText(waited)}`, waited);
      await clock.sleep(LOOK_MS);
    }
    this.#erase();
  }

  /** One look; a daemon that is not there yet, or no more, says nothing. */
  async #look(): Promise<JsonObject> {
    const news = await this.#ask({ do: 'events', after: this.#last });
    const { status } = await this.#ask({ do: 'status' });
    const fresh = rowsOf(news['events']);
    const log = this.stage.log(this.#logFrom);
    this.#logFrom += log.length;
    this.#unshown = [...this.#unshown, ...fresh];
    const isMidway = fresh.length > 0 && fresh.at(-1)?.['type'] === 'held';
    const events = isMidway ? [] : this.#unshown;
    if (!isMidway) this.#unshown = [];
    this.#show([...eventLines(events, this.#style), ...(this.#withCluster ? log.filter(isStory) : []).flatMap((line) => labLine(line, this.context.world.clock.now(), this.#style))]);
    this.#last = Number(news['last'] ?? this.#last);
    this.#events = [...this.#events, ...fresh];
    return isObject(status) ? (status as JsonObject) : {};
  }

  async #ask(request: JsonObject): Promise<JsonObject> {
    try {
      return await this.context.world.daemon.ask({ stateDir: this.stateDir }, request);
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

/** Since the mark the daemon has told that the cluster is as this commit asks, and it still is. */
export function isInSyncWith({ events, status }: Seen, commit: string): boolean {
  const told = events.some((event) => event['type'] === 'in-sync' && String(event['revision']).endsWith(commit));
  return told && isObject(status['commit']) && status['commit']['id'] === commit && readyOf(status)['status'] === 'True';
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

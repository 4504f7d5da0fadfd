// In: what a host is to show. Out: requests to its API, and nothing that was not asked for.
// Must never put the token or an answer of the host into what it throws.
import type { ForgeConfig } from '../config/schema.ts';
import { ConnectionError } from '../model/doors.ts';
import type { Transport } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { Undelivered } from './deliver.ts';
import { commentsIn, forgeApi, PAGE } from './forge-api.ts';
import type { ForgeApi, ForgeRequest, Report } from './forge-api.ts';
import { oneLine } from './notice.ts';

export interface ForgeDoors {
  /** Trusts the `ca` of the configuration. */
  readonly transport: Transport;
  /** Read for each errand. */
  readonly token: () => Promise<string>;
}

export class ForgeClient {
  readonly #api: ForgeApi;

  constructor(config: Pick<ForgeConfig, 'type' | 'url' | 'repository'>, private readonly doors: ForgeDoors, private readonly signal?: AbortSignal) {
    this.#api = forgeApi(config);
  }

  /** Throws Undelivered, as all of these. */
  async report(report: Report, context: string): Promise<void> {
    await this.#send(this.#api.status(report, context));
  }

  /** The pull request that brought the commit in, if any. */
  async pullOf(sha: string): Promise<number | undefined> {
    const answer = await this.#send(this.#api.pullsOf(sha), 'absent');
    return answer === ABSENT ? undefined : this.#api.pullIn(answer);
  }

  /** The comment that begins with the marker is edited, or one is written. Answers its id. @param known where it was the last time */
  async comment(pull: number, marker: string, body: string, known?: number): Promise<number | undefined> {
    const id = known ?? await this.#find(pull, marker);
    // Somebody may have deleted it, or written the marker into a comment of their own.
    const edited = id === undefined ? ABSENT : await this.#send(this.#api.editComment(pull, id, body), 'absent');
    if (edited !== ABSENT) return id;
    const made = await this.#send(this.#api.addComment(pull, body));
    return isObject(made) && typeof made['id'] === 'number' ? made['id'] : undefined;
  }

  async #find(pull: number, marker: string): Promise<number | undefined> {
    for (let page = 1; ; page += 1) {
      const request = this.#api.comments(pull, page);
      if (request === undefined) return undefined;
      const comments = commentsIn(await this.#send(request));
      const ours = comments.find(({ body }) => body.startsWith(marker));
      if (ours || comments.length < PAGE) return ours?.id;
    }
  }

  async #send({ method, path, body }: ForgeRequest, missing: 'absent' | 'error' = 'error'): Promise<unknown> {
    const url = new URL(`${this.#api.base}${path}`);
    const { status, body: text, headers: answered } = await this.#exchange(url, method, body);
    if (missing === 'absent' && (status === 404 || status === 403 || status === 410)) return ABSENT;
    if (status >= 200 && status <= 299) return parsed(text);
    const seconds = Number(answered['retry-after']);
    throw new Undelivered(`${method} ${path.split('?')[0] ?? ''}: HTTP ${status}`, status === 400 || status === 422, Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3600) * 1000 : undefined);
  }

  async #exchange(url: URL, method: string, body: ForgeRequest['body']) {
    try {
      const headers = { ...this.#api.headers(await this.doors.token()), 'user-agent': 'latido', ...(body ? { 'content-type': 'application/json' } : {}) };
      return await this.doors.transport.send(url.origin, { method, url: `${url.pathname}${url.search}`, headers, ...(body ? { body: JSON.stringify(body) } : {}) }, TIMEOUT_MS, this.signal);
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof Failure) throw new Undelivered(oneLine(error.message, 300), false);
      throw error;
    }
  }
}

const TIMEOUT_MS = 20_000;
const ABSENT = Symbol('absent');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

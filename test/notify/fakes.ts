// Channels that take notes: what was sent to whom, and what they answer.
import type { Outbound } from '../../controller/notify/deliver.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { HttpRequest, HttpResponse, Logger, Mail, Mailer, Transport } from '../../controller/model/doors.ts';
import { failure } from '../../controller/model/finding.ts';
import { isObject } from '../../controller/model/json.ts';

export interface Sent { readonly endpoint: string; readonly request: HttpRequest }

export class FakeWeb implements Transport {
  readonly sent: Sent[] = [];
  tries = 0;
  /** Instead of 200; undefined answers as usual. */
  answer: (sent: Sent) => Partial<HttpResponse> | undefined = () => undefined;
  isAway = false;

  async send(endpoint: string, request: HttpRequest): Promise<HttpResponse> {
    this.tries += 1;
    if (this.isAway) throw new ConnectionError('refused', false, `${endpoint.slice('https://'.length)}: connect ECONNREFUSED`);
    const sent = { endpoint, request };
    const answer = this.answer(sent);
    this.sent.push(sent);
    return { status: 200, reason: '', headers: {}, body: '{}', ...answer };
  }

  async close(): Promise<void> {}

  /** The notices that the generic webhook got, as `occasion object`, message by message. */
  notices(): readonly (readonly string[])[] {
    return this.sent.map(({ request }) => noticesIn(request.body ?? '').map(({ occasion, object }) => (object === undefined ? occasion : `${occasion} ${object}`)));
  }

  ids(): readonly string[] {
    return this.sent.map(({ request }) => request.headers['x-latido-id'] ?? '');
  }
}

export function noticesIn(body: string): readonly { readonly occasion: string; readonly object?: string; readonly message: string }[] {
  const value: unknown = JSON.parse(body);
  if (!isObject(value) || !Array.isArray(value['notices'])) throw new Error(`no notices in ${body}`);
  return value['notices'] as readonly { readonly occasion: string; readonly object?: string; readonly message: string }[];
}

export class FakeMailer implements Mailer {
  readonly sent: Mail[] = [];
  async send(mail: Mail): Promise<void> {
    this.sent.push(mail);
  }
}

/** Secrets by the name of their variable; they can be changed. */
export function fakeDoors(secrets: Record<string, string>): Outbound & { readonly transport: FakeWeb; readonly mailer: FakeMailer } {
  return {
    transport: new FakeWeb(), mailer: new FakeMailer(),
    secret: async (place, what) => {
      const value = 'env' in place ? secrets[place.env] : undefined;
      if (value === undefined) throw failure('AUTH_FAILED', `the environment does not hold ${what}`);
      return value;
    },
  };
}

export class NotingLog implements Logger {
  readonly lines: string[] = [];
  readonly debug = (fields: object, message: string) => this.#add('debug', fields, message);
  readonly info = (fields: object, message: string) => this.#add('info', fields, message);
  readonly warn = (fields: object, message: string) => this.#add('warn', fields, message);
  readonly error = (fields: object, message: string) => this.#add('error', fields, message);

  #add(level: string, fields: object, message: string): void {
    this.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  }
}

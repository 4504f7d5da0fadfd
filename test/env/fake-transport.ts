// A Transport that plays a script: what each exchange is answered with, in order.
import { ConnectionError, type HttpRequest, type HttpResponse, type Transport } from '../../controller/model/doors.ts';

export interface Sent { readonly endpoint: string; readonly request: HttpRequest; readonly timeoutMs: number }
export type Answering = (sent: Sent) => HttpResponse | ConnectionError | Promise<HttpResponse>;

export interface FakeTransport extends Transport { readonly sent: readonly Sent[] }

/** The last entry answers all further exchanges. */
export function fakeTransport(...script: readonly (Answering | HttpResponse | ConnectionError)[]): FakeTransport {
  const sent: Sent[] = [];
  return {
    sent,
    async send(endpoint, request, timeoutMs) {
      const exchange = { endpoint, request, timeoutMs };
      sent.push(exchange);
      const entry = script[Math.min(sent.length, script.length) - 1];
      const answer = await (typeof entry === 'function' ? entry(exchange) : entry);
      if (answer === undefined) throw new Error('the script is empty');
      if (answer instanceof ConnectionError) throw answer;
      return answer;
    },
    close: async () => undefined,
  };
}

export function ok(data: unknown): HttpResponse {
  return { status: 200, reason: 'OK', headers: { 'content-type': 'application/json;charset=UTF-8' }, body: JSON.stringify({ data }) };
}

export function status(code: number, reason: string, body = ''): HttpResponse {
  return { status: code, reason, headers: {}, body };
}

export function refused(): ConnectionError {
  return new ConnectionError('refused', false, 'connection refused');
}

export function closed(): ConnectionError {
  return new ConnectionError('closed', true, 'the other side closed the connection');
}

// In: the query and body of a request. Out: its parameters, or the protocol error Proxmox answers with plain text.
import type { HttpRequest } from '../../model/doors.ts';
import { isObject } from '../../model/json.ts';

export class ProtocolError {
  constructor(readonly status: number, readonly reason: string, readonly body: string) {}
}
export type RawParams = Record<string, string | number | readonly string[]>;

const FORM = 'application/x-www-form-urlencoded';

/** @param query after the `?`, still encoded. */
export function parametersOf(request: HttpRequest, query: string): RawParams | ProtocolError {
  const fromQuery = decodeForm(query);
  const { method, body } = request;
  if (body === undefined || body === '') return fromQuery;
  if (method !== 'POST' && method !== 'PUT') return plain(501, `Unexpected content for method '${method}'`);
  const type = (request.headers['content-type'] ?? FORM).split(';')[0]?.trim();
  if (type === FORM) return { ...fromQuery, ...decodeForm(body) };
  if (type === 'application/json') return withJson(fromQuery, body);
  return plain(506, `upload 'Content-Type '${request.headers['content-type'] ?? ''}' not implemented`);
}

function plain(status: number, reason: string): ProtocolError {
  return new ProtocolError(status, reason, reason);
}

function withJson(params: RawParams, body: string): RawParams | ProtocolError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (!isObject(parsed)) throw new SyntaxError('not an object');
    const all = { ...params };
    for (const [name, value] of Object.entries(parsed)) {
      if (value === null || value === undefined) continue;
      all[name] = Array.isArray(value) ? value.map(String) : typeof value === 'boolean' ? Number(value) : typeof value === 'number' ? value : String(value);
    }
    return all;
  } catch {
    const at = malformedAt(body);
    const where = at >= body.length ? '(end of string)' : `${body.slice(at)}`;
    const text = `malformed JSON string, neither tag, array, object, number, string or atom, at character offset ${at} (before "${where}") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.`;
    return new ProtocolError(500, text, `${text}\n`);
  }
}

/** The offset of the first character that no JSON document could have there, as near as an error text needs. */
function malformedAt(body: string): number {
  for (let length = 0; length < body.length; length += 1) {
    if (!couldBegin(body.slice(0, length + 1))) return length;
  }
  return body.length;
}

function couldBegin(start: string): boolean {
  return /^\s*\{?(\s*"[^"]*"?\s*:?\s*("[^"]*"?|[\d.eE+-]*|true|false|null|t|f|n|\[.*)?\s*,?)*\}?\s*$/s.test(start);
}

function decodeForm(form: string): RawParams {
  const params: Record<string, string | string[]> = {};
  for (const part of form.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? '' : decode(part.slice(at + 1));
    const before = params[name];
    params[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return params;
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

// How the outcome of a call becomes a response (owner: S2): json, extjs that always answers 200, and html for people.
import type { HttpResponse } from '../../model/doors.ts';
import type { Json } from '../../model/json.ts';
import type { ApiError } from './handler.ts';

export type Outcome =
  | { readonly ok: true; readonly data: Json | undefined; readonly extras: Readonly<Record<string, Json>> }
  | { readonly ok: false; readonly error: ApiError };

const JSON_TYPE = 'application/json;charset=UTF-8';

export function format(kind: string, outcome: Outcome): HttpResponse {
  switch (kind) {
    case 'extjs': return extjs(outcome);
    case 'html': return outcome.ok ? page(outcome.data ?? null) : json(outcome);
    // A picture is answered by graphs only; of anything else its type is all there is.
    case 'png': return outcome.ok ? { status: 200, reason: 'OK', headers: headersOf(200, 'image/png'), body: '' } : json(outcome);
    default: return json(outcome);
  }
}

/** The data as a page to look at. */
function page(data: Json): HttpResponse {
  const text = JSON.stringify({ data }, null, 3).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return { status: 200, reason: 'OK', headers: headersOf(200, 'text/html;charset=UTF-8'), body: `<!DOCTYPE html>\n<html lang="en">\n  <head><meta charset="utf-8"><title>Proxmox VE API</title></head>\n  <body><pre>${text}</pre></body>\n</html>\n` };
}

/** Proxmox's headers; a refusal closes the connection. */
export function headersOf(status: number, type?: string): Record<string, string> {
  return {
    'cache-control': 'max-age=0', connection: status < 400 ? 'Keep-Alive' : 'close', server: 'pve-api-daemon/3.0',
    ...(type === undefined ? {} : { 'content-type': type }),
  };
}

function json(outcome: Outcome): HttpResponse {
  if (outcome.ok) return { status: 200, reason: 'OK', headers: headersOf(200, JSON_TYPE), body: JSON.stringify({ data: outcome.data ?? null, ...outcome.extras }) };
  const { status, message, errors } = outcome.error;
  return { status, reason: message.split('\n')[0] ?? '', headers: headersOf(status, JSON_TYPE), body: JSON.stringify({ data: null, message, ...(errors ? { errors } : {}) }) };
}

function extjs(outcome: Outcome): HttpResponse {
  const body = outcome.ok
    ? { success: 1, data: outcome.data ?? null, ...outcome.extras }
    : { success: 0, data: null, status: outcome.error.errors ? String(outcome.error.status) : outcome.error.status, message: outcome.error.message, ...(outcome.error.errors ? { errors: outcome.error.errors } : {}) };
  return { status: 200, reason: 'OK', headers: headersOf(200, JSON_TYPE), body: JSON.stringify(body) };
}

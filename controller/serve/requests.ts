// In: what came over HTTP. Out: the request as the control socket has it; the daemon itself checks it further. Pure.
import { failure } from '../model/finding.ts';
import type { Json, JsonObject } from '../model/json.ts';

export function eventsRequest(query: URLSearchParams): JsonObject {
  const after = whole(query, 'after');
  const wait = whole(query, 'wait');
  return { do: 'events', ...(after === undefined ? {} : { after }), ...(wait === undefined ? {} : { waitMs: wait * 1000 }) };
}

export function approveRequest({ fingerprint, ...rest }: JsonObject): JsonObject {
  nothingElse(rest);
  return { do: 'approve', ...given({ fingerprint }) };
}

export function resumeRequest({ what, ...rest }: JsonObject): JsonObject {
  nothingElse(rest);
  return { do: 'resume', ...given({ what }) };
}

export function suspendRequest({ what, reason, until, ...rest }: JsonObject): JsonObject {
  nothingElse(rest);
  return { do: 'suspend', ...given({ what, reason }), ...(until === undefined || until === null ? {} : { until: moment(until) }) };
}

/** A suspension whose end is mistyped would last for ever. */
function nothingElse(rest: JsonObject): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw failure('USAGE', `nobody knows what ${JSON.stringify(unknown.slice(0, 100))} in the body means`, { fix: 'GET /api/v1/ tells what each endpoint takes' });
}

/** Milliseconds since the epoch, or `2026-12-01T08:00:00Z`. */
function moment(until: Json): number {
  const ms = typeof until === 'number' ? until : typeof until === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$/.test(until) ? Date.parse(until) : Number.NaN;
  if (!Number.isFinite(ms)) throw failure('USAGE', '`until` is no moment', { fix: 'write it as 2026-12-01T08:00:00Z' });
  return ms;
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw failure('USAGE', `${name} is no whole number`);
  return Number(text);
}

function given(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

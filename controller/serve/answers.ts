// In: what is to be said. Out: HTTP responses: JSON as the control socket has it, with the status that fits. Pure.
import type { Finding, FindingCode } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';

/** What is said over HTTPS is for programs: no page may frame, guess, keep or pass on any of it. */
const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
};

/** What is wrong with a request; everything else is ours or the cluster's. */
const STATUS_OF: Partial<Readonly<Record<FindingCode, number>>> = { USAGE: 400, AUTH_FAILED: 401, PERMISSION_DENIED: 403, PLAN_CHANGED: 409, ENDPOINT_UNREACHABLE: 502, TLS_UNTRUSTED: 502, PVE_REFUSED: 502, STATE_UNUSABLE: 503 };

export function json(status: number, body: JsonObject, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${JSON.stringify(body)}\n`, { status, headers: { ...HEADERS, 'content-type': 'application/json', ...headers } });
}

export function text(status: number, body: string, contentType: string): Response {
  return new Response(body, { status, headers: { ...HEADERS, 'content-type': contentType } });
}

/** An answer of the daemon: `{ ok: true, … }`, or its findings. */
export function answered(answer: JsonObject): Response {
  return json(answer['ok'] === true ? 200 : statusOf(answer['findings']), answer);
}

export function refused(status: number, code: FindingCode, fact: string, fix?: string, headers: Readonly<Record<string, string>> = {}): Response {
  return json(status, { ok: false, findings: [{ code, severity: 'error', fact, ...(fix === undefined ? {} : { fix }) }] }, headers);
}

export function failed(findings: readonly Finding[]): Response {
  return json(statusOf(findings), { ok: false, findings: findings.map(({ code, severity, fact, fix }): JsonObject => ({ code, severity, fact, ...(fix === undefined ? {} : { fix }) })) });
}

function statusOf(findings: unknown): number {
  const first: unknown = Array.isArray(findings) ? findings[0] : undefined;
  const code = typeof first === 'object' && first !== null && 'code' in first ? String(first.code) : '';
  return STATUS_OF[code as FindingCode] ?? 500;
}

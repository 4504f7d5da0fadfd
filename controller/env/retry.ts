// In: how one exchange ended. Out: whether the same call may be sent again. Pure.
// Must never allow a write again that may have had its effect.
import { ConnectionError } from '../model/doors.ts';
import { AnswerTooLarge } from './pve-answer.ts';

/**
 * `no`: final. `doubt`: a write whose effect nobody knows. `untried`: on an endpoint that has not been tried yet.
 * `elsewhere`: on the next endpoint, later on the same again, at most so many exchanges in all.
 */
export type Verdict = { readonly again: 'no' | 'doubt' | 'untried' } | { readonly again: 'elsewhere'; readonly exchangesMax: number };

/** Not sent, on purpose: the endpoint is silent, or nobody waits for the answer any more. */
export class NotAsked extends ConnectionError {}

const FINAL: Verdict = { again: 'no' };
const DOUBT: Verdict = { again: 'doubt' };
const ELSEWHERE: Verdict = { again: 'elsewhere', exchangesMax: Infinity };
// An unreachable node costs 2.5 s each time, a silent endpoint a whole timeout: one more try, no more.
const ONCE_MORE: Verdict = { again: 'elsewhere', exchangesMax: 2 };

export function verdictOnLoss(error: ConnectionError, isRead: boolean): Verdict {
  if (error instanceof AnswerTooLarge) return FINAL;
  if (error instanceof NotAsked) return { again: 'untried' };
  // A wrong certificate does not get better by asking again, yet another endpoint may have the right one.
  if (error.code === 'tls' && !error.sent) return { again: 'untried' };
  if (!error.sent) return ELSEWHERE;
  if (!isRead) return DOUBT;
  return error.code === 'timeout' ? ONCE_MORE : ELSEWHERE;
}

/** For answers that are no success. */
export function verdictOnAnswer(status: number, reason: string, isRead: boolean): Verdict {
  if (!isOfProxy(status)) return FINAL;
  if (isRead) return status < 590 ? ELSEWHERE : ONCE_MORE;
  return neverArrived(status, reason) ? ONCE_MORE : DOUBT;
}

/** 595–599 are the errors of the HTTP client inside pveproxy when it passes a call on to the node or to pvedaemon; 502–504 are those of a proxy in front. */
function isOfProxy(status: number): boolean {
  return (status >= 502 && status <= 504) || (status >= 595 && status <= 599);
}

// 595 is the phase of connecting, before a byte of the request has left the member; a proxied write never goes over a
// connection that was used before. 596 covers TLS as well as waiting for the answer, so only the one text counts that
// ends the handshake. Every other text stays in doubt.
const NOT_CONNECTED = /^(connection refused|no route to host|network is unreachable|host is down|connection timed out|temporary failure in name resolution|name or service not known)/i;
const NOT_TRUSTED = /certificate verify failed/i;

function neverArrived(status: number, reason: string): boolean {
  return (status === 595 && NOT_CONNECTED.test(reason)) || (status === 596 && NOT_TRUSTED.test(reason));
}

const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 8_000;

/** The pause before the `nth` (from 1) further round over all endpoints: doubling, spread over its upper half so that two clients part. */
export function pauseMs(nth: number, random: () => number): number {
  const full = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (nth - 1));
  return Math.round(full / 2 + (full / 2) * random());
}

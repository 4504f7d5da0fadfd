// In: one HTTP response of pveproxy. Out: its data, or the error that it means.
// Must never guess success: what is not `{"data": …}` is no answer of Proxmox.
import { ConnectionError, PveError, type HttpResponse } from '../model/doors.ts';
import { isObject, type Json } from '../model/json.ts';

/** The largest answer we read; /cluster/resources of a thousand guests is 0.3 MB. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Asking again would bring the same bytes again. */
export class AnswerTooLarge extends ConnectionError {
  constructor(endpoint: string, bytesMax: number) {
    super('closed', true, `${endpoint} answered with more than ${bytesMax / 1024 / 1024} MiB`);
    this.name = 'AnswerTooLarge';
  }
}

export function isSuccess(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

/** `data` of a successful answer; a ConnectionError when it cannot be read, because then nobody knows what was done. */
export function answerData(response: HttpResponse, endpoint: string): Json {
  if (response.body.length > ANSWER_BYTES_MAX) throw new AnswerTooLarge(endpoint, ANSWER_BYTES_MAX);
  const body = parsed(response.body);
  if (isObject(body) && 'data' in body) return body['data'] as Json;
  throw new ConnectionError('closed', true, `${endpoint} answered ${response.status} ${response.reason} with something that is not Proxmox's JSON`);
}

/**
 * What Proxmox said was wrong. `message` holds the whole text; older versions, a 401 and protocol errors have it in
 * the reason phrase only, which ends at the first newline.
 */
export function answerError(response: HttpResponse): PveError {
  const body = parsed(response.body);
  const message = isObject(body) && typeof body['message'] === 'string' ? body['message'] : '';
  const errors = isObject(body) && isObject(body['errors']) ? body['errors'] : {};
  return new PveError(
    response.status,
    message.trim() === '' ? response.reason || `HTTP ${response.status}` : message,
    Object.fromEntries(Object.entries(errors).map(([name, text]) => [name, String(text)])),
  );
}

function parsed(text: string): unknown {
  if (text.length > ANSWER_BYTES_MAX) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

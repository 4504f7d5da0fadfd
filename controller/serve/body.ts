// In: a request. Out: its body, whole and within its limit, or why not.
// Must never hold more of a stranger's bytes than the limit says.
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { refused } from './answers.ts';

/** Requests of the API are a few words. */
const JSON_BYTES_MAX = 64 * 1024;

/** Undefined: there is more of it than `bytesMax`. */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return undefined;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > bytesMax) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The object in the body; an empty body is an empty one. */
export async function readObject(request: Request): Promise<JsonObject | Response> {
  const bytes = await readBytes(request, JSON_BYTES_MAX);
  if (bytes === undefined) return refused(413, 'USAGE', `the body is larger than ${JSON_BYTES_MAX} bytes`);
  if (bytes.length === 0) return {};
  // Browsers send other types across origins without asking first.
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers.get('content-type') ?? '')) return refused(415, 'USAGE', 'the body is not application/json', 'send it with: content-type: application/json');
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(value)) return value as JsonObject;
  } catch {
    // Told below.
  }
  return refused(400, 'USAGE', 'the body is not one JSON object');
}

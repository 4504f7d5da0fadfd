// In: one value of a SOPS file, encrypted or in clear, and the data key. Out: its plain text, and the bytes that count for the MAC.
// Facts: getsops/sops, aes/cipher.go and sops.go (ToBytes). Must never put a plain text into a message.
import { createDecipheriv } from 'node:crypto';

export interface PlainValue { readonly bytes: Uint8Array; readonly text: string }

const ENCRYPTED = /^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]/s;
const TAG_BYTES = 16;
const IV_BYTES_MAX = 64;

/** Why a value cannot be opened, without the value. */
export class SealedError extends Error {}

/** @param aad what the value is bound to: its keys joined by `:`, with one at the end; for the MAC the time of the last change */
export function openValue(sealed: string, key: Uint8Array, aad: string): PlainValue {
  // SOPS leaves what is empty as it is.
  if (sealed === '') return plain('');
  const [, data = '', iv = '', tag = '', type = ''] = ENCRYPTED.exec(sealed) ?? [];
  if (type === '') throw new SealedError('is not encrypted, and should be');
  return typed(type, decrypt(key, fromBase64(data), fromBase64(iv), fromBase64(tag), aad));
}

function decrypt(key: Uint8Array, data: Buffer, iv: Buffer, tag: Buffer, aad: string): Buffer {
  if (iv.length === 0 || iv.length > IV_BYTES_MAX || tag.length !== TAG_BYTES) throw new SealedError('is damaged');
  const cipher = createDecipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad)).setAuthTag(tag);
  try {
    return Buffer.concat([cipher.update(data), cipher.final()]);
  } catch {
    throw new SealedError('does not open: it was changed, or moved from another place');
  }
}

function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new SealedError('is damaged');
  return bytes;
}

function typed(type: string, bytes: Buffer): PlainValue {
  const text = bytes.toString('utf8');
  switch (type) {
    case 'str': case 'bytes': case 'time': case 'comment': return { bytes, text };
    case 'int': return plain(String(BigInt(text)));
    case 'float': return plain(floatText(Number(text)));
    case 'bool': return plain(/^(?:1|t|true)$/i.test(text) ? 'True' : 'False');
    default: throw new SealedError(`is of the type '${type}', which is not known`);
  }
}

function plain(text: string): PlainValue {
  return { bytes: Buffer.from(text), text };
}

const INT = /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const TIME = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?[ \t]*(Z|[-+]\d{1,2}(?::\d{2})?)?)?$/;

/** A value in clear, as SOPS's YAML reader understands it. Undefined: nothing, which does not count for the MAC. */
export function clearValue(written: string, isPlain: boolean): PlainValue | undefined {
  if (!isPlain) return plain(written);
  if (/^(?:~|null|Null|NULL|)$/.test(written)) return undefined;
  if (/^(?:true|True|TRUE)$/.test(written)) return plain('True');
  if (/^(?:false|False|FALSE)$/.test(written)) return plain('False');
  if (INT.test(written)) return plain(intText(written));
  if (FLOAT.test(written.replaceAll('_', ''))) return plain(floatText(Number(written.replaceAll('_', ''))));
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(written)) return plain(written.startsWith('-') ? '-Inf' : '+Inf');
  if (/^\.(?:nan|NaN|NAN)$/.test(written)) return plain('NaN');
  return plain(timeText(written) ?? written);
}

/** A leading 0 alone is octal to that reader. */
function intText(written: string): string {
  const digits = written.replaceAll('_', '').replace(/^[-+]/, '');
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  return String(written.startsWith('-') ? -value : value);
}

/** The shortest decimal digits that mean the number, never with an exponent. */
export function floatText(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([-+]\d+)$/.exec(text);
  if (match === null) return Object.is(value, -0) ? '-0' : text;
  const [, sign = '', first = '', rest = '', exponent = '0'] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0').slice(0, point)}${digits.length > point ? `.${digits.slice(point)}` : ''}`;
}

/** A timestamp as RFC 3339 has it. */
function timeText(written: string): string | undefined {
  const [, year, month = '', day = '', hour, minute = '', second = '', fraction = '', zone = 'Z'] = TIME.exec(written) ?? [];
  if (year === undefined) return undefined;
  const two = (part: string): string => part.padStart(2, '0');
  const date = `${year}-${two(month)}-${two(day)}`;
  if (hour === undefined) return `${date}T00:00:00Z`;
  const nanos = fraction.replace(/0+$/, '');
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${nanos === '' ? '' : `.${nanos}`}${zoneText(zone)}`;
}

function zoneText(zone: string): string {
  const [, sign = '+', hours = '0', minutes = '00'] = /^([-+])(\d{1,2})(?::(\d{2}))?$/.exec(zone) ?? [];
  return Number(hours) === 0 && Number(minutes) === 0 ? 'Z' : `${sign}${hours.padStart(2, '0')}:${minutes}`;
}

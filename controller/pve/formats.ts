// In: the name of a format, as in the API data, and a text. Out: Proxmox's complaint about it, or nothing.
// Formats that are property strings have keys instead: property-formats.ts. Must never guess at an unknown name:
// test/pve/formats.test.ts holds that every name in our API tables is known.
import { guestFormats } from './formats-guest.ts';
import { nameFormats } from './formats-names.ts';
import { networkFormats } from './formats-network.ts';
import { splitList, type TextCheck } from './text-check.ts';

const FORMATS: Readonly<Record<string, TextCheck>> = { ...networkFormats, ...nameFormats, ...guestFormats };

/** Whether we know the format; `…-list` and `…-opt` are known when what they are made of is. */
export function isKnownTextFormat(name: string): boolean {
  return FORMATS[parts(name).base] !== undefined;
}

export function checkTextFormat(name: string, text: string, version: string): string | undefined {
  const { base, many } = parts(name);
  const check = FORMATS[base];
  if (!check) return undefined;
  if (many === 'opt') return text === '' || text === '0' ? undefined : check(text, version);
  if (many !== 'list') return check(text, version);
  for (const part of splitList(text)) {
    const complaint = check(part, version);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

export function isListFormat(name: string): boolean {
  return parts(name).many === 'list';
}

function parts(name: string): { readonly base: string; readonly many: 'list' | 'opt' | undefined } {
  const found = /^(.*?)(?:-a?(list|opt))?$/.exec(name) as RegExpExecArray;
  return { base: found[1] as string, many: found[2] as 'list' | 'opt' | undefined };
}

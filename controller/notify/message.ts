// In: notices for one channel. Out: one message, and what all channels say of it in the same words. Pure.
import type { Occasion } from '../config/schema.ts';
import type { Notice } from './notice.ts';
import { oneLine } from './notice.ts';

export interface Message {
  /** The same at every try: a receiver that got it twice can tell. */
  readonly id: string;
  readonly cluster: string;
  /** Oldest first. */
  readonly notices: readonly Notice[];
  /** That many older ones are lost because the channel was away too long. */
  readonly dropped: number;
}

/** A person reads so many; a program gets all. */
export const SHOWN_MAX = 20;

const WORDS: Readonly<Record<Occasion, string>> = { failure: 'failed', 'split-brain': 'split brain', hold: 'held', drift: 'drifted', recovery: 'recovered', commit: 'commit' };
/** The worst first. */
const ORDER: readonly Occasion[] = ['split-brain', 'failure', 'hold', 'drift', 'recovery', 'commit'];

/** `latido lab: failed VirtualMachine/web`, `latido lab: 2 failed, 1 held` */
export function headline({ cluster, notices }: Message): string {
  const [only] = notices;
  if (notices.length === 1 && only) return oneLine(`latido ${cluster}: ${only.object === undefined ? lineOf(only) : `${WORDS[only.occasion]} ${only.object}`}`, 150);
  const counts = ORDER.flatMap((occasion) => {
    const count = notices.filter((notice) => notice.occasion === occasion).length;
    return count === 0 ? [] : [`${count} ${WORDS[occasion]}`];
  });
  return oneLine(`latido ${cluster}: ${counts.join(', ')}`, 150);
}

export interface Shown { readonly word: string; readonly object: string | undefined; readonly message: string; readonly details: string; readonly fix: string | undefined }

/** The worst first, at most SHOWN_MAX. */
export function shownOf({ notices }: Message): readonly Shown[] {
  const worstFirst = notices.toSorted((a, b) => ORDER.indexOf(a.occasion) - ORDER.indexOf(b.occasion) || a.at - b.at);
  return worstFirst.slice(0, SHOWN_MAX).map((notice) => ({ word: WORDS[notice.occasion], object: notice.object, message: notice.message, details: detailsOf(notice), fix: notice.fix }));
}

/** What is not shown, in words; empty when all is. */
export function remainder({ notices, dropped }: Message): readonly string[] {
  const more = notices.length - SHOWN_MAX;
  return [...(more > 0 ? [`and ${more} more; latido events tells all`] : []), ...(dropped > 0 ? [`${dropped} older ${dropped === 1 ? 'notice was' : 'notices were'} dropped while this channel could not be reached`] : [])];
}

/** For mail, and for chats that show no formatting. */
export function plainLines(message: Message): readonly string[] {
  return [...shownOf(message).flatMap(({ word, object, message: text, details, fix }) => [`${word}${object === undefined ? '' : ` ${object}`}: ${text}`, `  ${details}`, ...(fix === undefined ? [] : [`  fix: ${fix}`])]), ...remainder(message)];
}

function lineOf({ occasion, message }: Notice): string {
  return `${WORDS[occasion]}: ${message}`;
}

function detailsOf({ since, at, revision, by }: Notice): string {
  const when = since === at ? utc(at) : `since ${utc(since)}`;
  return [when, ...(by === undefined ? [] : [`by ${oneLine(by, 100)}`]), ...(revision === undefined ? [] : [`at ${shortRevision(revision)}`])].join(', ');
}

export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

export function shortRevision(revision: string): string {
  return oneLine(revision, 200).replace(/\b([0-9a-f]{12})[0-9a-f]{20,}\b/, '$1');
}

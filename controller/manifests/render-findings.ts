import type { Finding } from '../model/finding.ts';
import { refText } from '../model/ref.ts';
import { placeText } from './duplicates.ts';

/**
 * Plain lines, two for a finding; colours are the caller's:
 * `OPTION_UNKNOWN vms.yaml:12:5 VirtualMachine/web: there is no option "memroy"`
 * `  fix: did you mean "memory"?`
 */
export function renderFindings(findings: readonly Finding[]): readonly string[] {
  return findings.flatMap((finding) => [headLine(finding), ...(finding.fix === undefined ? [] : [`  fix: ${oneLine(finding.fix)}`])]);
}

/** `2 errors, 1 warning`, or nothing when there are none. */
export function countFindings(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return [count(errors, 'error'), count(findings.length - errors, 'warning')].filter((text) => text !== '').join(', ');
}

function headLine({ code, severity, place, ref, node, fact }: Finding): string {
  const who = [ref && refText(ref), node && `node ${node}`].filter((text) => text !== undefined && text !== '').join(', ');
  const where = [place && placeText(place), who].filter((text) => text !== undefined && text !== '').join(' ');
  return oneLine(`${severity === 'warning' ? 'warning ' : ''}${code}${where === '' ? '' : ` ${where}`}: ${fact}`);
}

function count(n: number, word: string): string {
  return n === 0 ? '' : `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** Names and values come from files: a line end or an escape sequence among them must not reach the terminal. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/\s*[\n\r]\s*/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

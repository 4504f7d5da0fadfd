// In: findings: mistakes, warnings, failures. Out: lines for a person: code, object, place, fact, and what to do.
// Must never print a raw control character, nor leave out the place.
import type { Finding } from '../model/finding.ts';
import { refText } from '../model/ref.ts';
import { hanging, paint, safeLines, safe, wrap, type Style } from './terminal-text.ts';

/** `web.yaml:3:5: error OPTION_UNKNOWN VirtualMachine/web: …`, then `fix: …`. The place leads, as editors and compilers expect. */
export function findingLines(finding: Finding, style: Style, indent = ''): readonly string[] {
  const place = finding.place ? `${safe(finding.place.file)}:${finding.place.line}:${finding.place.column}: ` : '';
  const whom = [...(finding.ref ? [safe(refText(finding.ref))] : []), ...(finding.node === undefined ? [] : [`node ${safe(finding.node)}`])].join(', ');
  const [fact = '', ...more] = safeLines(finding.fact);
  const room = Math.max(30, style.width - indent.length);
  const [first = '', ...wrapped] = wrap(`${place}${finding.severity} ${finding.code}${whom === '' ? '' : ` ${whom}`}: ${fact}`, room);
  const color = finding.severity === 'error' ? 'red' : 'yellow';
  return [
    indent + first.replace(`${finding.severity} ${finding.code}`, paint(style, color, `${finding.severity} ${finding.code}`)),
    ...[...wrapped, ...more].map((line) => `${indent}  ${line}`),
    ...(finding.fix === undefined ? [] : hanging(`${indent}  fix: `, safe(finding.fix), style.width)),
  ];
}

/** All of them, places in order, errors and warnings counted. */
export function findingsText(findings: readonly Finding[], style: Style): string {
  return findings.flatMap((finding) => findingLines(finding, style)).map((line) => `${line}\n`).join('');
}

export function countText(findings: readonly Finding[]): string {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  const warnings = findings.length - errors;
  const one = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return [...(errors > 0 ? [one(errors, 'error')] : []), ...(warnings > 0 ? [one(warnings, 'warning')] : [])].join(', ');
}

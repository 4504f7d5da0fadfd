// In: findings: mistakes, warnings, failures. Out: lines for a person: code, object, place, fact, and what to do.
// Must never print a raw control character, nor leave out the place.
import type { Finding } from '../model/finding.ts';
import { refText } from '../model/ref.ts';
import { hanging, paint, safeLines, safe, wrap, type Style } from './terminal-text.ts';

/** `OPTION_UNKNOWN web.yaml:3:5 VirtualMachine/web: …`, then `fix: …`: the words of manifests/render-findings.ts, wrapped and coloured. */
export function findingLines(finding: Finding, style: Style, indent = ''): readonly string[] {
  const who = [...(finding.ref ? [safe(refText(finding.ref))] : []), ...(finding.node === undefined ? [] : [`node ${safe(finding.node)}`])].join(', ');
  const where = [...(finding.place ? [`${safe(finding.place.file)}:${finding.place.line}:${finding.place.column}`] : []), ...(who === '' ? [] : [who])].join(' ');
  const code = `${finding.severity === 'warning' ? 'warning ' : ''}${finding.code}`;
  const [fact = '', ...more] = safeLines(finding.fact);
  const [first = '', ...wrapped] = wrap(`${code}${where === '' ? '' : ` ${where}`}: ${fact}`, Math.max(30, style.width - indent.length));
  return [
    indent + first.replace(code, paint(style, finding.severity === 'error' ? 'red' : 'yellow', code)),
    ...[...wrapped, ...more].map((line) => `${indent}  ${line}`),
    ...(finding.fix === undefined ? [] : hanging(`${indent}  fix: `, safe(finding.fix), style.width)),
  ];
}

/** All of them, places in order, errors and warnings counted. */
export function findingsText(findings: readonly Finding[], style: Style): string {
  return findings.flatMap((finding) => findingLines(finding, style)).map((line) => `${line}\n`).join('');
}

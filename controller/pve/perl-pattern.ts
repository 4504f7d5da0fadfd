// Patterns stand in the API data as Perl writes them. Proxmox matches `^pattern$` with the text put in as it is:
// without a group around it, so `a|b` binds as `^a` or `b$`, and `$` allows one newline at the end.

const compiled = new Map<string, RegExp>();

/** The anchored pattern; a `(?^i:…)` anywhere makes the whole of it ignore case. */
export function perlPattern(source: string): RegExp {
  const known = compiled.get(source);
  if (known) return known;
  const ignoreCase = /\(\?\^[a-z]*i[a-z]*:/.test(source);
  const text = source.replaceAll(/\(\?\^[a-z]*:/g, '(?:').replaceAll(/\{,(\d+)\}/g, '{0,$1}');
  const pattern = new RegExp(`^${text}(?=\\n?$)`, ignoreCase ? 'i' : '');
  compiled.set(source, pattern);
  return pattern;
}

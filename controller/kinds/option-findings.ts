// In: the parameters that a manifest asks for and the call that takes them. Out: every option that this version of
// Proxmox does not have, or whose value it would refuse, with its own words. Pure; needs no cluster.
import type { DesiredObject } from '../model/desired.ts';
import type { Finding, FindingCode } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';
import { nearest } from '../model/nearest.ts';
import { paramOf } from '../pve/api-tables.ts';
import type { ApiMethod } from '../pve/api-tables.ts';
import { checkParams, checkValue } from '../pve/check.ts';
import type { Wanted } from './collection-ops.ts';
import { requestOf } from './values.ts';

export type Found = (code: FindingCode, path: string, fact: string, fix?: string, severity?: Finding['severity']) => Finding;

/** Findings about one object, placed by a path such as `spec.config.content`. */
export function findingsOf(object: DesiredObject): Found {
  return (code, path, fact, fix, severity = 'error') => ({ code, severity, fact, ...(fix === undefined ? {} : { fix }), place: object.place(path), ref: object.ref });
}

export interface OptionCheck {
  readonly method: ApiMethod;
  /** How a person calls the object: `a storage`, `a backup job`. */
  readonly what: string;
  /** Parameters that are written elsewhere in the manifest, or nowhere: by name, what to do instead. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/** Options below `config` and `options` that this version does not have, or that are written elsewhere. */
export function nameFindings(found: Found, check: OptionCheck, config: Readonly<Record<string, unknown>>, under: string): readonly Finding[] {
  return Object.keys(config).flatMap((option) => {
    const path = `spec.${under}.${option}`;
    const instead = check.elsewhere[option];
    if (instead !== undefined) return [found('OPTION_READONLY', path, `'${option}' is not written in ${under}`, instead)];
    if (paramOf(check.method, option)) return [];
    const guess = nearest(option, [...check.method.params.keys()].filter((name) => check.elsewhere[name] === undefined));
    return [found('OPTION_UNKNOWN', path, `Proxmox VE ${check.method.version} has no option '${option}' for ${check.what}`, guess === undefined ? undefined : `did you mean '${guess}'?`)];
  });
}

/** Values that Proxmox would refuse. Unknown options are passed over: they have a finding already. */
export function valueFindings(found: Found, check: OptionCheck, wanted: readonly Wanted[]): readonly Finding[] {
  return wanted.flatMap(({ option, path, value }) => {
    const param = paramOf(check.method, option);
    if (!param) return [];
    const at = `spec.${path}`;
    if (value === null) return [found('OPTION_INVALID', at, `${option} has no value`, 'write a value, or remove the line')];
    const request = requestOf(param, value);
    const complaint = checkValue(param, request, option, check.method.version);
    if (complaint === undefined) return [];
    return [found('OPTION_INVALID', at, `${option}: ${oneLine(complaint)}`, fixOf(param.enum, request) ?? keyFix(param.format, value))];
  });
}

/** What the call lacks as a whole: required parameters, and parameters that others need. */
export function wholeFindings(found: Found, check: OptionCheck, params: JsonObject, wanted: readonly Wanted[]): readonly Finding[] {
  const paths = new Map(wanted.map(({ option, path }) => [option, path]));
  const known = Object.fromEntries(Object.entries(params).filter(([name]) => paramOf(check.method, name)));
  return Object.entries(checkParams(check.method, known).errors).filter(([param]) => known[param] === undefined)
    .map(([param, why]) => found('OPTION_INVALID', `spec.${paths.get(param) ?? ''}`.replace(/\.$/, ''), `${param}: ${oneLine(why)}`, `write ${param}`));
}

function fixOf(allowed: readonly string[] | undefined, request: string | readonly string[]): string | undefined {
  if (!allowed || typeof request !== 'string') return undefined;
  const guess = nearest(request, allowed);
  return guess === undefined ? `one of ${allowed.join(', ')}` : `did you mean '${guess}'?`;
}

function keyFix(format: unknown, value: unknown): string | undefined {
  if (!isObject(format)) return undefined;
  const written = isObject(value) ? Object.keys(value) : String(value).split(',').flatMap((part) => (part.includes('=') ? [part.slice(0, part.indexOf('=')).trim()] : []));
  const wrong = written.find((key) => format[key] === undefined);
  const guess = wrong === undefined ? undefined : nearest(wrong, Object.keys(format));
  return guess === undefined ? undefined : `'${wrong}' is not a key here; did you mean '${guess}'?`;
}

export function oneLine(text: string): string {
  return text.trim().replaceAll('\\n', '; ').replace(/\s*\n\s*/g, '; ');
}

/** What to do about a name that nobody knows. */
export function guessFix(name: string, known: Iterable<string>): string | undefined {
  const names = [...new Set(known)].sort();
  const guess = nearest(name, names);
  return guess === undefined ? (names.length > 0 ? `known: ${names.slice(0, 10).join(', ')}` : undefined) : `did you mean '${guess}'?`;
}

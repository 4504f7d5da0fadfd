// `latido explain [KIND[.field.path]]`: what a field is, from the schemas and the API's own description of itself.
import type { Json, JsonObject } from '../model/json.ts';
import type { Context, ExitCode } from './context.ts';
import { explainField, explainKinds, type FieldNote, type KindSchema } from './explain-field.ts';
import { jsonText, pad, paint, safe, shortenEnd, textWidth, valueText, wrap, type Style } from './terminal-text.ts';

export interface ExplainOptions { readonly json?: boolean; readonly pve?: string }

export function explainCommand(path: string | undefined, options: ExplainOptions, context: Context): ExitCode {
  const { terminal, world } = context;
  const version = options.pve ?? world.tableVersions.at(-1) ?? '';
  const tables = world.tables(version);
  const kinds: readonly KindSchema[] = [...world.kindsFor(version).kinds.values()];
  if (path === undefined) {
    const notes = explainKinds(kinds);
    terminal.out(options.json ? `${jsonText({ format: 'latido.explain/v1', kinds: notes.map(noteJson) })}\n` : kindsText(notes, terminal.style()));
    return 0;
  }
  const note = explainField(path, kinds, tables);
  terminal.out(options.json ? `${jsonText({ format: 'latido.explain/v1', ...noteJson(note) })}\n` : noteText(note, terminal.style(), tables.version));
  return 0;
}

function kindsText(notes: readonly FieldNote[], style: Style): string {
  return [...table(notes.map((note) => [note.path, firstSentence(note.description ?? '')]), style), '', 'Fields of one: latido explain KIND, of a field: latido explain KIND.field', ''].join('\n');
}

export function noteText(note: FieldNote, style: Style, version: string): string {
  const facts: readonly (readonly [string, string])[] = [
    ['type', note.type], ...(note.required ? [['required', 'yes'] as const] : []),
    ...(note.default === undefined ? [] : [['default', valueText('', note.default)] as const]),
    ...(note.values ? [['values', note.values.map((value) => valueText('', value)).join(', ')] as const] : []),
    ...note.limits.map((limit, at) => [at === 0 ? 'limits' : '', limit] as const),
    ...(note.change === undefined ? [] : [['change', note.change] as const]),
  ];
  const isKind = !note.path.includes('.');
  const lines = [
    paint(style, 'bold', note.path), '',
    ...(note.description === undefined ? [] : [...wrap(plainWords(note.description), style.width - 2).map((line) => `  ${line}`), '']),
    ...(isKind ? [] : [...facts.flatMap(([key, value]) => wrap(safe(value), style.width - 13).map((line, at) => `  ${pad(at === 0 ? key : '', 9)}${line}`)), '']),
    ...(note.path.split('.')[1] === 'config' || note.path.split('.')[1] === 'options' ? [paint(style, 'dim', `  As Proxmox VE ${version} has it; other versions: --pve VERSION.`), ''] : []),
    ...(note.children.length === 0 ? [] : [`Fields:`, ...childrenText(note, style), '']),
  ];
  return lines.join('\n');
}

function childrenText(note: FieldNote, style: Style): readonly string[] {
  return table(note.children.map((child) => [
    child.path.slice(note.path.length + 1) + (child.required ? ' *' : ''), child.type,
    [child.description === undefined ? summaryOf(child) : firstSentence(child.description), ...(child.default === undefined || isEmpty(child.default) ? [] : [`(default ${valueText('', child.default)})`])].filter((part) => part !== '').join(' '),
  ]), style).concat(note.children.some((child) => child.required) ? ['', '  * required'] : []);
}

function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function summaryOf(note: FieldNote): string {
  return [...(note.values ? [note.values.map((value) => valueText('', value)).join(' | ')] : []), ...note.limits.filter((limit) => !limit.startsWith('matches'))].join(', ');
}

/** Columns two spaces apart; the last one is cut at the width. */
function table(rows: readonly (readonly string[])[], style: Style): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => textWidth(safe(row[column] ?? '')))));
  return rows.map((row) => shortenEnd(`  ${row.map((cell, column) => column === row.length - 1 ? safe(plainWords(cell)) : pad(safe(cell), widths[column] ?? 0)).join('  ')}`.trimEnd(), style.width));
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/.exec(text)?.[0] ?? text;
}

function plainWords(text: string): string {
  return text.replaceAll('`', '');
}

function noteJson(note: FieldNote): JsonObject {
  return {
    path: note.path, type: note.type, required: note.required,
    ...(note.description === undefined ? {} : { description: note.description }), ...(note.default === undefined ? {} : { default: note.default }),
    ...(note.values ? { values: [...note.values] as readonly Json[] } : {}), limits: note.limits, ...(note.change === undefined ? {} : { change: note.change }), fields: note.children.map(noteJson),
  };
}

// In: arguments and a context. Out: an exit code; what went wrong is on standard error, for a person.
// Must never show a stack trace for somebody's mistake, nor hide one of ours when LATIDO_DEBUG asks for it.
import { CommanderError } from 'commander';
import { ConnectionError, PveError } from '../model/doors.ts';
import { Failure, type Finding } from '../model/finding.ts';
import type { Context } from './context.ts';
import { createProgram, type Commands } from './program.ts';
import { findingJson } from './plan-json.ts';
import { findingsText } from './render-findings.ts';
import { hanging, jsonText, paint, safe, safeLines, type Style } from './terminal-text.ts';

/** @param args without the interpreter and the script */
export async function runCli(args: readonly string[], context: Context, commands: Commands, debug: boolean): Promise<number> {
  const { terminal } = context;
  let code = 0;
  const program = createProgram(context, commands, (exit) => void (code = exit));
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    terminal.err(errorText(error, context, { json: args.includes('--json'), debug, help: helpFor(args) }));
    return 1;
  }
}

export function errorText(error: unknown, context: Context, how: { readonly json: boolean; readonly debug: boolean; readonly help: string }): string {
  const style = context.terminal.errStyle();
  const findings = findingsOf(error, how.help);
  if (findings === undefined) return how.json ? `${jsonText({ format: 'latido.error/v1', defect: defectFact(error) })}\n${how.debug ? stackText(error) : ''}` : defectText(error, context, how.debug, style);
  if (how.json) return `${jsonText({ format: 'latido.error/v1', findings: findings.map(findingJson) })}\n`;
  return findingsText(findings, style);
}

/** What a person can act on; undefined for a defect of ours. */
function findingsOf(error: unknown, help: string): readonly Finding[] | undefined {
  if (error instanceof Failure) return error.findings;
  if (error instanceof CommanderError) return [{ code: 'USAGE', severity: 'error', fact: usageFact(error.message), fix: error.code === 'commander.unknownCommand' ? 'latido --help' : help }];
  if (error instanceof PveError) {
    const parameters = Object.entries(error.errors).map(([name, text]) => `${name}: ${text.trim()}`);
    return [{ code: error.status === 401 ? 'AUTH_FAILED' : error.status === 403 ? 'PERMISSION_DENIED' : 'PVE_REFUSED', severity: 'error', fact: [error.message.trim(), ...parameters].join('; ') }];
  }
  if (error instanceof ConnectionError) return [connectionFinding(error)];
  return undefined;
}

function connectionFinding(error: ConnectionError): Finding {
  const isTls = error.code === 'tls';
  return {
    code: isTls ? 'TLS_UNTRUSTED' : 'ENDPOINT_UNREACHABLE', severity: 'error', fact: error.message,
    fix: isTls ? 'compare it with the fingerprint that the node shows (pvenode cert info), then write that into tls.fingerprint' : 'latido doctor tells which endpoints answer',
  };
}

function usageFact(message: string): string {
  return message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
}

function helpFor(args: readonly string[]): string {
  const name = args.find((arg) => !arg.startsWith('-'));
  return `latido ${name === undefined ? '' : `${safe(name)} `}--help`;
}

function defectFact(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function stackText(error: unknown): string {
  return error instanceof Error ? `${safeLines(error.stack ?? '').join('\n')}\n` : '';
}

function defectText(error: unknown, context: Context, debug: boolean, style: Style): string {
  const { version, reportTo } = context.world;
  return [
    ...hanging('', `defect of latido ${safe(version)}: ${safe(defectFact(error))}`, style.width).map((line) => line.replace(/^defect of latido/, (text) => paint(style, 'red', text))),
    ...hanging('  fix: ', `nothing on your side; please report it${reportTo === undefined ? ' to whoever gave you latido' : ` at ${reportTo}`}, with the command and what LATIDO_DEBUG=1 adds`, style.width),
    ...(debug ? [stackText(error).trimEnd()] : []), '',
  ].join('\n');
}

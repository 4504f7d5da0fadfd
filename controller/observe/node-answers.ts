// What a program on a node answered, or why the node cannot be described. Pure.
import type { SshResult } from '../model/doors.ts';

/** Why a node cannot be described. */
export class Unread extends Error {}

export function understood<T>(what: string, { code, stdout, stderr }: SshResult, parse: (text: string) => T | undefined): T {
  const value = code === 0 ? parse(stdout) : undefined;
  if (value === undefined) throw new Unread(`${what} ended with exit code ${code}${firstLine(stderr)}`);
  return value;
}

/** With a colon before it, or nothing. */
export function firstLine(text: string): string {
  const line = text.split('\n').find((each) => each.trim() !== '');
  return line === undefined ? '' : `: ${line.trim()}`;
}

// One command as one line for a POSIX shell: sshd hands what it is given to the login shell of the other side.

/**
 * Every word is quoted, so none is a keyword, an assignment, a pattern or an option of the shell.
 * Throws for what no program can be given: no word at all, or a zero byte.
 */
export function shellLine(argv: readonly string[]): string {
  if (argv.length === 0) throw new Error('a command has at least one word');
  if (argv.some((word) => word.includes('\0'))) throw new Error('a word of a command holds a zero byte');
  return argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

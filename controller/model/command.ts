/** A command as a person would type it; for reading, and quoted so that a shell would read the same words. */
export function commandText(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

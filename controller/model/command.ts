/** A command as a person would type it; for reading, and quoted so that a shell would read the same words. Of a script of ours, which is a page long, only its arguments. */
export function commandText(argv: readonly string[]): string {
  if (argv[0] === 'sh' && argv[1] === '-c' && argv[3] === 'latido') return `a script of latido with ${argv.length === 4 ? 'no arguments' : commandText(argv.slice(4))}`;
  return argv.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

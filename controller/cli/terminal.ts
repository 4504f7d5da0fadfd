// In: the streams of a process. Out: a Terminal: colours only where wanted and seen, questions only where answered.
// Must never keep the process alive by itself, nor fail because a pipe's reader went away.
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Terminal } from './context.ts';
import type { FrameSize } from './progress.ts';

export interface Streams {
  readonly stdin: Pick<ReadStream, 'isTTY'> & NodeJS.ReadableStream;
  readonly stdout: Pick<WriteStream, 'isTTY' | 'columns' | 'rows'> & NodeJS.WritableStream;
  readonly stderr: Pick<WriteStream, 'isTTY' | 'columns' | 'rows'> & NodeJS.WritableStream;
}
export type Environment = Readonly<Record<string, string | undefined>>;

// What is written to a file or a pipe has no width; a hundred columns read well in a pull request.
const COLUMNS_ELSEWHERE = 100;
const COLUMNS_MIN = 40;
const TICK_MS = 100;

export function terminalOf(streams: Streams, environment: Environment): Terminal {
  const { stdin, stdout, stderr } = streams;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    style: () => styleOf(stdout, environment),
    errStyle: () => styleOf(stderr, environment),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    live: stderr.isTTY === true && environment['TERM'] !== 'dumb',
    ask: (question, how) => askOn(streams, question, how?.hidden === true ? 'hidden' : 'shown'),
    ticker(beat) {
      const timer = setInterval(() => beat(Date.now()), TICK_MS);
      return () => clearInterval(timer);
    },
  };
}

/** NO_COLOR (any value but empty) wins over FORCE_COLOR, as no-color.org asks. */
export function styleOf(stream: Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>, environment: Environment): FrameSize {
  const tty = stream.isTTY === true;
  const no = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  const forced = (environment['FORCE_COLOR'] ?? '') !== '' && environment['FORCE_COLOR'] !== '0';
  const asked = Number(environment['COLUMNS']);
  const width = tty ? stream.columns || 80 : Number.isInteger(asked) && asked > 0 ? asked : COLUMNS_ELSEWHERE;
  return { color: !no && (tty || forced), width: Math.max(COLUMNS_MIN, width), rows: tty ? stream.rows || 24 : 24, ascii: tty && !speaksUtf8(environment) };
}

function speaksUtf8(environment: Environment): boolean {
  const locale = [environment['LC_ALL'], environment['LC_CTYPE'], environment['LANG']].find((each) => each !== undefined && each !== '');
  // No locale at all is common in containers, whose terminal is that of a modern machine; an explicit C or POSIX is a choice.
  return locale === undefined || /utf-?8/i.test(locale);
}

function askOn(streams: Streams, question: string, echo: 'shown' | 'hidden'): Promise<string | undefined> {
  return new Promise((resolve) => {
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface(echo === 'shown' ? { input: streams.stdin, output: streams.stderr } : { input: streams.stdin, output: nowhere, terminal: true, historySize: 0 });
    if (echo === 'hidden') streams.stderr.write(question);
    lines.once('close', () => {
      if (echo === 'hidden') streams.stderr.write('\n');
      resolve(undefined);
    });
    lines.once('SIGINT', () => lines.close());
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}

// In: the state of the steps and the size of the terminal. Out: the lines to show now; and a writer that shows them.
// Must never write more lines than the terminal has, nor redraw more often than the eye sees.
import type { Progress } from '../model/progress.ts';
import { refText } from '../model/ref.ts';
import { findingLines } from './render-findings.ts';
import { noProgress, taskLine, withProgress, type ProgressState, type TaskLine } from './progress-state.ts';
import { durationText, hanging, pad, paint, safe, shortenEnd, textWidth, type Style } from './terminal-text.ts';

export interface FrameSize extends Style { readonly rows: number }

/** What is drawn over and over: running steps, then how far the whole is. Ended steps are not in it; they are printed once. */
export function renderFrame(state: ProgressState, size: FrameSize, nowMs: number): readonly string[] {
  const running = [...state.running.values()];
  // The bottom line and the line that the cursor stands in.
  const room = Math.max(1, size.rows - 3);
  const shown = running.length > room ? running.slice(0, room - 1) : running;
  const nameWidth = Math.min(Math.floor(size.width * 0.4), Math.max(0, ...shown.map((task) => textWidth(nameText(task)))));
  return [
    ...shown.map((task) => runningLine(task, nameWidth, size, nowMs)),
    ...(shown.length < running.length ? [paint(size, 'dim', `  and ${running.length - shown.length} more running`)] : []),
    totalLine(state, size, nowMs),
  ];
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const SPINNER_ASCII = ['|', '/', '-', '\\'] as const;
const FRAME_MS = 100;

function spinnerAt(size: FrameSize, nowMs: number): string {
  const frames = size.ascii === true ? SPINNER_ASCII : SPINNER;
  return frames[Math.floor(nowMs / FRAME_MS) % frames.length] ?? '-';
}

function nameText(task: TaskLine): string {
  return safe(refText(task.ref));
}

function ellipsis(size: Style): string {
  return size.ascii === true ? '...' : '…';
}

function runningLine(task: TaskLine, nameWidth: number, size: FrameSize, nowMs: number): string {
  const elapsed = durationText(nowMs - task.startedAt);
  const percent = task.percent === undefined ? '' : `${Math.min(100, Math.max(0, Math.round(task.percent)))}%`;
  const right = [percent, elapsed].filter((part) => part !== '').join('  ');
  const name = pad(shortenEnd(nameText(task), nameWidth, ellipsis(size)), nameWidth);
  // The migration's log tells the time in each line; the line has it already.
  const text = task.text === undefined ? '' : `  ${safe(task.text.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, ''))}`;
  const room = Math.max(0, size.width - 1 - 2 - nameWidth - 2 - 2 - textWidth(right));
  const middle = shortenEnd(`${safe(task.step.title)}${text}`, room, ellipsis(size));
  const line = shortenEnd(`${name}  ${pad(middle, room)}  ${right}`, size.width - 3, ellipsis(size));
  return `${paint(size, 'cyan', spinnerAt(size, nowMs))} ${line}`;
}

function totalLine(state: ProgressState, size: FrameSize, nowMs: number): string {
  const { done, failed, skipped, total } = state;
  const parts = [
    `${done}${total > 0 ? ` of ${total}` : ''} done`,
    ...(failed > 0 ? [`${failed} failed`] : []), ...(skipped > 0 ? [`${skipped} not tried`] : []),
    ...(state.startedAt === undefined ? [] : [durationText(nowMs - state.startedAt)]),
  ];
  return shortenEnd(`  ${parts.join(', ')}`, size.width - 1, ellipsis(size)).replace(/\d+ failed/, (text) => paint(size, 'red', text));
}

/** What stays on the screen of a step that has ended; its messages under it. */
export function endedLines(task: TaskLine, style: Style): readonly string[] {
  const name = nameText(task);
  const title = safe(task.step.title);
  const took = task.durationMs === undefined ? '' : `  ${durationText(task.durationMs)}`;
  switch (task.state) {
    case 'running': return [];
    case 'done': {
      const symbol = mark('✓', style);
      const room = style.width - 1 - symbol.length - 1 - took.length;
      return [`${paint(style, 'green', symbol)} ${shortenEnd(`${name}  ${title}`, room, ellipsis(style))}${took}`, ...(task.warning === undefined ? [] : hanging('    warning: ', safe(task.warning), style.width))];
    }
    case 'failed': return [`${paint(style, 'red', mark('✗', style))} ${name}  ${title}  ${paint(style, 'red', 'failed')}${took && ` after${took.slice(1)}`}`, ...(task.findings ?? []).flatMap((finding) => findingLines(finding, style, '    '))];
    case 'skipped': return hanging(`${mark('·', style)} ${name}  `, `${title}  not tried: ${safe(task.why ?? '')}`, style.width).map((line) => paint(style, 'dim', line));
    default: return task.state satisfies never;
  }
}

const MARKS_ASCII: Readonly<Record<string, string>> = { '✓': 'ok', '✗': '!!', '·': '-' };

function mark(text: string, style: Style): string {
  return style.ascii === true ? MARKS_ASCII[text] ?? text : text;
}

/** One line per event for a log: time, object, step, what. Every percent would be noise, so `progress` says only new texts. */
export function plainLine(progress: Progress, before: TaskLine | undefined): string | undefined {
  const head = `${new Date(progress.at).toISOString().slice(0, 19)}Z ${safe(refText(progress.ref))}: ${safe(progress.step.title)}:`;
  switch (progress.event) {
    case 'started': return `${head} started`;
    case 'progress': return progress.text === undefined || progress.text === before?.text ? undefined : `${head} ${progress.percent === undefined ? '' : `${Math.round(progress.percent)}% `}${safe(progress.text)}`;
    case 'finished': return `${head} done in ${durationText(progress.durationMs)}${progress.warning === undefined ? '' : `, warning: ${safe(progress.warning)}`}`;
    case 'failed': return `${head} failed after ${durationText(progress.durationMs)}${progress.findings.map((finding) => `; ${finding.code} ${safe(finding.fact)}`).join('')}`;
    case 'skipped': return `${head} not tried: ${safe(progress.why)}`;
    default: return progress satisfies never;
  }
}

export interface ProgressWriter {
  tell(progress: Progress): void;
  /** Called by the caller's ticker, at any rate. */
  tick(nowMs: number): void;
  /** A line that stays. */
  note(text: string): void;
  /** Clears what is drawn live; what has ended stays. */
  end(): void;
}

/** @param write one chunk to the terminal. @param size asked before each frame, because windows are resized. */
export function liveProgress(write: (text: string) => void, size: () => FrameSize, total: number): ProgressWriter {
  let state = noProgress(total);
  let drawn = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const erase = () => drawn === 0 ? '' : `\r\u001B[${drawn}A\u001B[0J`;
  const draw = (above: readonly string[], nowMs: number) => {
    const now = size();
    const frame = renderFrame(state, now, nowMs);
    const text = [...above, ...frame].map((line) => `${line}\n`).join('');
    // One write, so that a terminal never shows the moment between erasing and drawing.
    write(`${erase()}${text}`);
    drawn = frame.length;
    drawnAt = nowMs;
  };
  return {
    tell(progress) {
      const ended = endedLines(taskLine(state, progress), size());
      state = withProgress(state, progress);
      if (ended.length > 0 || progress.at - drawnAt >= FRAME_MS) draw(ended, progress.at);
    },
    tick(nowMs) {
      if (state.startedAt !== undefined && nowMs - drawnAt >= FRAME_MS) draw([], nowMs);
    },
    note(text) {
      const above = hanging('', safe(text), size().width);
      if (drawnAt === Number.NEGATIVE_INFINITY) write(`${above.join('\n')}\n`);
      else draw(above, drawnAt);
    },
    end() {
      write(erase());
      drawn = 0;
    },
  };
}

export function plainProgress(write: (text: string) => void, total: number): ProgressWriter {
  let state = noProgress(total);
  return {
    tell(progress) {
      const line = plainLine(progress, state.running.get(progress.step.id));
      state = withProgress(state, progress);
      if (line !== undefined) write(`${line}\n`);
    },
    tick: () => undefined,
    note: (text) => write(`${safe(text)}\n`),
    end: () => undefined,
  };
}

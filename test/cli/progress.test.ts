import { describe, expect, test } from 'vitest';
import { endedLines, liveProgress, plainProgress, renderFrame, type FrameSize } from '../../controller/cli/progress.ts';
import { noProgress, taskLine, withProgress, type ProgressState } from '../../controller/cli/progress-state.ts';
import { renderResult, resultJson } from '../../controller/cli/render-result.ts';
import type { ApplyResult, Progress } from '../../controller/model/progress.ts';
import { ref, step } from './plans.ts';

const START = Date.UTC(2026, 0, 1, 12, 0, 0);
const size: FrameSize = { color: false, width: 80, rows: 10 };
const web = { ref: ref('VirtualMachine/web'), step: step('VirtualMachine/web#1', 'migrate to prox1-lab') };
const db = { ref: ref('VirtualMachine/db'), step: step('VirtualMachine/db#1', 'create') };
const events: readonly Progress[] = [
  { event: 'started', at: START, ...web },
  { event: 'started', at: START + 500, ...db },
  { event: 'progress', at: START + 2000, ...web, percent: 41.7, text: 'transferred 1.7 GiB of 4.0 GiB' },
  { event: 'finished', at: START + 3000, ...db, durationMs: 2500, warning: 'the disk is thin' },
  { event: 'failed', at: START + 9000, ...web, durationMs: 9000, findings: [{ code: 'TASK_FAILED', severity: 'error', node: 'proxmox-lab', fact: "migration aborted\nstorage 'local' is not shared", fix: 'put the disk on shared storage' }] },
];
const after = (count: number): ProgressState => events.slice(0, count).reduce(withProgress, noProgress(3));
const many = (count: number): ProgressState => Array.from({ length: count }, (_, at): Progress => ({ event: 'started', at: START, ref: ref(`VirtualMachine/g${at}`), step: step(`g${at}`, 'start') })).reduce(withProgress, noProgress(count));

describe('renderFrame', () => {
  test('running steps with percentage and time, then the whole', () => {
    expect(renderFrame(after(3), size, START + 12_000)).toEqual([
      '⠋ VirtualMachine/web  migrate to prox1-lab  transferred 1.7 GiB of …  42%  12 s',
      '⠋ VirtualMachine/db   create                                               12 s',
      '  0 of 3 done, 12 s',
    ]);
  });

  test('what has ended is counted only', () => {
    expect(renderFrame(after(5), size, START + 9000)).toEqual(['  1 of 3 done, 1 failed, 9.0 s']);
  });

  test('the spinner moves with the time given', () => {
    expect(renderFrame(after(1), size, START)[0]?.[0]).not.toBe(renderFrame(after(1), size, START + 100)[0]?.[0]);
    expect(renderFrame(after(1), { ...size, ascii: true }, START)[0]?.[0]).toBe('|');
  });

  test.each([3, 5, 10, 24])('never more lines than a terminal of %i rows holds', (rows) => {
    const frame = renderFrame(many(100), { ...size, rows }, START);
    expect(frame.length).toBeLessThan(Math.max(3, rows));
    expect(frame.join('\n')).toMatch(/and \d+ more running/);
  });

  test.each([20, 40, 80, 140])('never wider than %i columns', (width) => {
    for (const line of renderFrame(after(3), { ...size, width }, START + 3_600_000)) expect(line.length, line).toBeLessThanOrEqual(width);
  });

  test('a task cannot write to the terminal', () => {
    const evil = withProgress(noProgress(1), { event: 'progress', at: START, ...web, text: 'a\u001B[2Jb\r' });
    expect(renderFrame(evil, size, START).join('')).toContain(String.raw`a\x1b[2Jb\r`);
  });
});

describe('endedLines', () => {
  const ended = (at: number) => endedLines(taskLine(after(at), events[at] as Progress), size);
  test('done is one line, its warning under it', () => {
    expect(ended(3)).toEqual(['✓ VirtualMachine/db  create  2.5 s', '    warning: the disk is thin']);
  });
  test('done stays one line on a narrow terminal', () => {
    const event = { event: 'finished', at: START, ref: web.ref, step: step('x', 'create it on proxmox-lab with 20 GiB on disk-virtual'), durationMs: 2500 } as const;
    expect(endedLines(taskLine(noProgress(1), event), { color: false, width: 50 })).toEqual(['✓ VirtualMachine/web  create it on proxmo…  2.5 s']);
  });
  test('failed has its message under it', () => {
    expect(ended(4)).toEqual([
      '✗ VirtualMachine/web  migrate to prox1-lab  failed after 9.0 s',
      '    TASK_FAILED node proxmox-lab: migration aborted',
      "      storage 'local' is not shared",
      '      fix: put the disk on shared storage',
    ]);
  });
});

describe('liveProgress', () => {
  const recorded = () => {
    const chunks: string[] = [];
    return { chunks, live: liveProgress((text) => void chunks.push(text), () => size, 3) };
  };

  test('redraws at most ten times a second, however many events there are', () => {
    const { chunks, live } = recorded();
    for (let ms = 0; ms < 1000; ms += 1) live.tell({ event: 'progress', at: START + ms, ...web, percent: ms / 10 });
    expect(chunks).toHaveLength(10);
  });

  test('an end is shown at once and stays', () => {
    const { chunks, live } = recorded();
    for (const event of events) live.tell(event);
    live.end();
    const screen = replay(chunks.join(''));
    expect(screen).toEqual([
      '✓ VirtualMachine/db  create  2.5 s', '    warning: the disk is thin',
      '✗ VirtualMachine/web  migrate to prox1-lab  failed after 9.0 s', '    TASK_FAILED node proxmox-lab: migration aborted', "      storage 'local' is not shared", '      fix: put the disk on shared storage',
    ]);
  });

  test('the ticker moves the time on, but not before anything has started', () => {
    const { chunks, live } = recorded();
    live.tick(START);
    expect(chunks).toHaveLength(0);
    live.tell(events[0] as Progress);
    live.tick(START + 50);
    live.tick(START + 5000);
    expect(chunks).toHaveLength(2);
    expect(chunks[1]).toContain('5.0 s');
  });
});

/** What a terminal shows after `text`, understanding only what the writer uses. */
function replay(text: string): readonly string[] {
  const screen: string[] = [];
  let row = 0;
  // oxlint-disable-next-line no-control-regex
  for (const [part] of text.replaceAll('\r', '').matchAll(/\u001B\[\d+[A-J]|[^\u001B\n]*\n/g)) {
    const move = /\[(\d+)A/.exec(part);
    if (move) row -= Number(move[1]);
    else if (part.endsWith('J')) screen.splice(row);
    else screen[row++] = part.slice(0, -1);
  }
  return screen;
}

test('plainProgress writes one line per event, with its time', () => {
  const chunks: string[] = [];
  const plain = plainProgress((text) => void chunks.push(text), 3);
  for (const event of [...events, { event: 'skipped', at: START + 9000, ...db, why: 'VirtualMachine/web failed' } as Progress]) plain.tell(event);
  expect(chunks.join('')).toBe(`2026-01-01T12:00:00Z VirtualMachine/web: migrate to prox1-lab: started
2026-01-01T12:00:00Z VirtualMachine/db: create: started
2026-01-01T12:00:02Z VirtualMachine/web: migrate to prox1-lab: 42% transferred 1.7 GiB of 4.0 GiB
2026-01-01T12:00:03Z VirtualMachine/db: create: done in 2.5 s, warning: the disk is thin
2026-01-01T12:00:09Z VirtualMachine/web: migrate to prox1-lab: failed after 9.0 s; TASK_FAILED migration aborted\\nstorage 'local' is not shared
2026-01-01T12:00:09Z VirtualMachine/db: create: not tried: VirtualMachine/web failed
`);
});

describe('renderResult', () => {
  const none: ApplyResult = { done: [], failed: [], notTried: [], unsettled: [], interrupted: false };
  test('all done is one line', () => {
    expect(renderResult({ ...none, done: [{ ...db, durationMs: 2500 }] }, size, 2600)).toBe('Applied: 1 step done in 2.6 s.\n');
  });

  test('failed, not tried and unsettled are named, and what a rerun does', () => {
    const result: ApplyResult = {
      done: [{ ...db, durationMs: 2500 }], interrupted: false,
      failed: [{ ...web, findings: [{ code: 'TASK_FAILED', severity: 'error', fact: 'migration aborted' }] }],
      notTried: [{ ...db, why: 'waits for VirtualMachine/web' }], unsettled: [{ ...db, why: 'the connection broke before the answer' }],
    };
    expect(renderResult(result, size, 12_000)).toBe(`failed: VirtualMachine/web  migrate to prox1-lab
  TASK_FAILED: migration aborted
unsettled: VirtualMachine/db  create: the connection broke before the answer
not tried: VirtualMachine/db  create: waits for VirtualMachine/web

Not all was done: 1 step done, 1 failed, 1 not tried, 1 unsettled in 12 s.
Next: latido plan, then latido apply. What is unsettled was sent and may still
      end: the next plan looks at the cluster and at the running tasks first,
      and plans only what is still missing.
`);
    expect(resultJson(result)).toMatchObject({ complete: false, failed: [{ title: 'migrate to prox1-lab', findings: [{ code: 'TASK_FAILED' }] }] });
  });

  test('a hundred steps behind one are a number', () => {
    const text = renderResult({ ...none, notTried: Array.from({ length: 100 }, () => ({ ...db, why: 'x' })) }, size, 1);
    expect(text).toContain('not tried: and 80 more');
  });
});

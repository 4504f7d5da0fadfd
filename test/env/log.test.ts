import { expect, test } from 'vitest';
import { createLogger, type LoggerOptions } from '../../controller/env/log.ts';
import { redactText } from '../../controller/env/redact.ts';
import type { Logger } from '../../controller/model/doors.ts';

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678), sleep: async () => undefined };

function logged(use: (log: Logger) => void, options: Partial<LoggerOptions> = {}): string {
  const lines: string[] = [];
  use(createLogger({ clock, format: 'json', colours: false, write: (text) => lines.push(text), ...options }));
  return lines.join('');
}

test('JSON has level, time, fields and message on one line', () => {
  expect(JSON.parse(logged((log) => log.warn({ path: '/version', n: 1 }, 'slow')))).toEqual({ level: 'warn', time: '2026-01-02T03:04:05.678Z', path: '/version', n: 1, msg: 'slow' });
});

test('a terminal gets time, level, message and fields', () => {
  expect(logged((log) => log.info({ path: '/version', why: 'no answer', list: [1] }, 'repeated'), { format: 'pretty' })).toBe('03:04:05 info  repeated  path=/version why="no answer" list=[1]\n');
  expect(logged((log) => log.error({}, 'bad'), { format: 'pretty', colours: true })).toBe('03:04:05 \u001b[31merror\u001b[0m bad\n');
});

test('levels below the chosen one are not written', () => {
  const all = (log: Logger) => { log.debug({}, 'd'); log.info({}, 'i'); log.warn({}, 'w'); log.error({}, 'e'); };
  expect(logged(all, { level: 'warn', format: 'pretty' }).match(/[diwe]$/gm)).toEqual(['w', 'e']);
  expect(logged(all, { level: 'silent' })).toBe('');
});

test('what the cluster says cannot steer the terminal', () => {
  const line = logged((log) => log.warn({ text: 'a\u001b[2Jb' }, 'x\u001b[2Jy\nz\n'), { format: 'pretty' });
  expect(line).not.toContain('\u001b');
  expect(line.split('\n')).toHaveLength(2);
});

test('secrets do not pass, in fields by name at any depth and in texts by shape', () => {
  const line = logged((log) => log.info({ params: { cipassword: 'hunter2', list: [{ password: 'x1' }] }, sent: 'PVEAPIToken=a@pam!b=77-88', cores: 2 }, 'with PVEAPIToken=a@pam!b=77-88'));
  expect(JSON.parse(line)).toMatchObject({ params: { cipassword: '<secret>', list: [{ password: '<secret>' }] }, sent: 'PVEAPIToken=a@pam!b=<secret>', cores: 2, msg: 'with PVEAPIToken=a@pam!b=<secret>' });
});

test('a secret is hidden as it is and as it looks in a query, a short one is left alone', () => {
  expect(redactText('a p@ss word, p%40ss%20word, no', ['p@ss word', 'no'])).toBe('a <secret>, <secret>, no');
});

// What each channel shows. Names and texts come from outside: none of them formats, links, mentions or begins a header.
import { describe, expect, test } from 'vitest';
import { escapeHtml, escapeMarkdown, escapeSlack, mailText, mattermostBody, matrixBody, signatureOf, slackBody, webhookBody } from '../../controller/notify/formats.ts';
import { headline, plainLines, SHOWN_MAX } from '../../controller/notify/message.ts';
import type { Message } from '../../controller/notify/message.ts';
import { learn, oneLine } from '../../controller/notify/notice.ts';
import type { Notice } from '../../controller/notify/notice.ts';
import type { StatusEvent } from '../../controller/status/events.ts';

const AT = Date.UTC(2026, 10, 22, 9, 30);
const DRIFT: Notice = { occasion: 'drift', what: 'drift', at: AT, since: AT, message: 'VirtualMachine/web drifted: memory', object: 'VirtualMachine/web', revision: `main@sha1:${'a'.repeat(40)}`, by: 'root@pam', fix: 'put the change into Git to keep it' };
const FAILED: Notice = { occasion: 'failure', what: 'failed', at: AT, since: AT - 3_600_000, message: 'the round ended' };

function message(notices: readonly Notice[], dropped = 0): Message {
  return { id: 'f00d', cluster: 'lab', notices, dropped };
}

describe('words', () => {
  test.each([
    ['one of an object', [DRIFT], 'latido lab: drifted VirtualMachine/web'],
    ['one of none', [FAILED], 'latido lab: failed: the round ended'],
    ['several, the worst first', [DRIFT, DRIFT, FAILED], 'latido lab: 1 failed, 2 drifted'],
  ])('the headline of %s', (_, notices, expected) => expect(headline(message(notices))).toBe(expected));

  test('tell what, since when, who, where and what to do, the worst first', () => {
    expect(plainLines(message([DRIFT, FAILED], 3))).toEqual([
      'failed: the round ended', '  since 2026-11-22 08:30 UTC',
      'drifted VirtualMachine/web: VirtualMachine/web drifted: memory', '  2026-11-22 09:30 UTC, by root@pam, at main@sha1:aaaaaaaaaaaa', '  fix: put the change into Git to keep it',
      '3 older notices were dropped while this channel could not be reached',
    ]);
  });

  test('are bounded', () => {
    const many = message(Array.from({ length: SHOWN_MAX + 7 }, () => DRIFT));
    expect(plainLines(many).at(-1)).toBe('and 7 more; latido events tells all');
    expect(JSON.parse(webhookBody(many))).toHaveProperty('notices.length', SHOWN_MAX + 7);
  });

  test.each([
    ['line ends and control characters', 'a\r\nBcc: x\u0000\u001B[31m', 'a Bcc: x [31m'],
    ['marks that turn text around', 'a\u202Eb', 'a b'],
    ['what is too long', 'x'.repeat(30), `${'x'.repeat(19)}…`],
  ])('are one line without %s', (_, text, expected) => expect(oneLine(text, 20)).toBe(expected));
});

describe('escaping', () => {
  test('for Slack', () => expect(escapeSlack('<!channel> & <https://x|y>')).toBe('&lt;!channel&gt; &amp; &lt;https://x|y&gt;'));
  test('for Markdown', () => expect(escapeMarkdown('**a** [b](https://c) @all <i>')).toBe('\\*\\*a\\*\\* \\[b\\]\\(https:\u2060//c\\) @\u2060all \\<i\\>'));
  test('for HTML', () => expect(escapeHtml('<a href="x">\'&')).toBe('&lt;a href=&quot;x&quot;&gt;&#39;&amp;'));

  const evil: Notice = { ...DRIFT, message: '<script>@all **x** <!here>\r\nBcc: y', object: 'VirtualMachine/<b>' };
  test('reaches every place of a message', () => {
    expect(slackBody(message([evil]))).not.toMatch(/<|>/);
    expect(JSON.parse(slackBody(message([evil])))).toMatchObject({ mrkdwn: false });
    expect(mattermostBody(message([evil]))).not.toMatch(/@all|[^\\]<b/);
    const matrix = JSON.parse(matrixBody(message([evil]))) as { readonly formatted_body: string; readonly msgtype: string };
    expect(matrix.msgtype).toBe('m.notice');
    expect(matrix.formatted_body).not.toMatch(/<script|<b>&|<!here/);
    expect(mailText(message([{ ...FAILED, message: 'x\r\nBcc: y' }])).subject).toBe('latido lab: failed: x Bcc: y');
  });

  test('keeps a message of Matrix below what an event holds', () => {
    const body = matrixBody(message(Array.from({ length: 200 }, () => ({ ...DRIFT, message: '<'.repeat(600) }))));
    expect(Buffer.byteLength(body)).toBeLessThan(65_536);
    expect((JSON.parse(body) as { readonly formatted_body: string }).formatted_body).toMatch(/<\/ul>$/);
  });
});

test('the webhook is a versioned document, signed as HMAC-SHA256', () => {
  const body = webhookBody(message([FAILED]));
  expect(JSON.parse(body)).toEqual({ format: 'latido.notice/v1', id: 'f00d', cluster: 'lab', dropped: 0, notices: [{ occasion: 'failure', what: 'failed', at: AT, since: AT - 3_600_000, message: 'the round ended' }] });
  // RFC 4231, test case 2.
  expect(signatureOf('what do ya want for nothing?', 'Jefe')).toBe('sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});

describe('a problem', () => {
  const event = (type: StatusEvent['type'], text: string, more: Partial<StatusEvent> = {}): StatusEvent => ({ v: 1, seq: 1, at: AT, type, message: text, ref: { kind: 'VirtualMachine', name: 'web' }, ...more });
  const told = (...events: readonly StatusEvent[]) => learn(new Map(), events, undefined, AT).notices.map(({ occasion, what }) => `${occasion}/${what}`);

  test.each<[string, readonly StatusEvent[], readonly string[]]>([
    ['is told once while only its numbers change', [event('failed', 'task UPID:pve1:1 ended after 3 s'), event('failed', 'task UPID:pve1:2 ended after 4 s')], ['failure/failed']],
    ['is told again when it is another one', [event('failed', 'no room'), event('failed', 'no network'), event('failed', 'no room')], ['failure/failed', 'failure/failed']],
    ['that stalls again with another commit is news', [event('stalled', 'no', { revision: 'a' }), event('stalled', 'no', { revision: 'a' }), event('stalled', 'no', { revision: 'b' })], ['failure/stalled', 'failure/stalled']],
    ['that ends is told, and told again when it begins again', [event('held', 'x'), event('released', 'y'), event('held', 'x')], ['hold/held', 'recovery/released', 'hold/held']],
    ['of which nobody heard has no end', [event('released', 'y'), event('repaired', 'z')], []],
    ['of another object is another one', [event('drift', 'x'), event('drift', 'x', { ref: { kind: 'Pool', name: 'p' } })], ['drift/drift', 'drift/drift']],
    ['is no step, no start and no approval', [event('step', 'x'), event('started', 'y'), event('approved', 'z')], []],
    ['is a commit only for those who ask for commits', [event('commit', 'x')], ['commit/commit']],
  ])('%s', (_, events, expected) => expect(told(...events)).toEqual(expected));

  test('with split brain is told as such', () => {
    const { notices } = learn(new Map(), [event('split-brain' as StatusEvent['type'], 'r0 has two histories')], undefined, AT);
    expect(notices).toMatchObject([{ occasion: 'split-brain', object: 'VirtualMachine/web' }]);
  });
});

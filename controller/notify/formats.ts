// In: a message. Out: its body for each kind of channel. Pure. Names and texts come from the cluster and from manifests:
// must never let one of them format, link, mention anybody, or begin a header.
import { createHmac } from 'node:crypto';
import type { JsonObject } from '../model/json.ts';
import { headline, plainLines, remainder, shownOf } from './message.ts';
import type { Message } from './message.ts';

export const NOTICE_FORMAT = 'latido.notice/v1';

/** Stable: a field is added, never changed. */
export function webhookBody({ id, cluster, notices, dropped }: Message): string {
  const document: JsonObject = { format: NOTICE_FORMAT, id, cluster, dropped, notices: notices.map((notice): JsonObject => ({ ...notice })) };
  return JSON.stringify(document);
}

/** `sha256=…`: HMAC of the body, as GitHub signs its own. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body, 'utf8').digest('hex')}`;
}

// Slack cuts a text at 40,000 characters and advises less; Mattermost refuses one above 16,383.
const CHAT_MAX = 12_000;

/** Without mrkdwn: nothing that a name contains can format; and & < > are what Slack makes links and mentions of. */
export function slackBody(message: Message): string {
  return JSON.stringify({ text: escapeSlack(within([headline(message), ...plainLines(message)], CHAT_MAX / 2)), mrkdwn: false });
}

export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function mattermostBody(message: Message): string {
  const lines = shownOf(message).map(({ word, object, message: text, details, fix }) =>
    `- **${word}**${object === undefined ? '' : ` ${escapeMarkdown(object)}`}: ${escapeMarkdown(text)} (${escapeMarkdown(details)})${fix === undefined ? '' : `\n  fix: ${escapeMarkdown(fix)}`}`);
  return JSON.stringify({ text: within([`**${escapeMarkdown(headline(message))}**`, ...lines, ...remainder(message).map((line) => `- ${escapeMarkdown(line)}`)], CHAT_MAX) });
}

/** For one line of Markdown. A word joiner keeps `@all` from calling everybody, and addresses from becoming links. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()<>#+!|~]/g, '\\$&').replaceAll('&', '&amp;').replaceAll('@', '@\u2060').replaceAll('://', ':\u2060//');
}

/** The event `m.room.message`; a notice, which bots do not answer. */
export function matrixBody(message: Message): string {
  const items = shownOf(message).map(({ word, object, message: text, details, fix }) =>
    `<li><b>${escapeHtml(word)}</b>${object === undefined ? '' : ` <code>${escapeHtml(object)}</code>`}: ${escapeHtml(text)} (${escapeHtml(details)})${fix === undefined ? '' : `<br>fix: ${escapeHtml(fix)}`}</li>`);
  const more = remainder(message).map((line) => `<li>${escapeHtml(line)}</li>`);
  return JSON.stringify({
    msgtype: 'm.notice', body: within([headline(message), ...plainLines(message)], CHAT_MAX), format: 'org.matrix.custom.html',
    // An event of Matrix holds 65,536 bytes: what does not fit is left to the plain text.
    formatted_body: withinWhole([`<p><b>${escapeHtml(headline(message))}</b></p><ul>`, ...items, ...more], CHAT_MAX) + '</ul>',
    'm.mentions': {},
  });
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('\'', '&#39;');
}

export interface MailText { readonly subject: string; readonly text: string }

/** The subject is one line already (`headline`): no text can begin a header of its own. */
export function mailText(message: Message): MailText {
  return { subject: headline(message), text: `${plainLines(message).join('\n')}\n` };
}

/** Lines as long as they fit, cut in the middle of the last. */
function within(lines: readonly string[], max: number): string {
  const text = lines.join('\n');
  return text.length > max ? `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…` : text;
}

/** As many whole ones as fit. */
function withinWhole(parts: readonly string[], max: number): string {
  let text = '';
  for (const part of parts) {
    if (text.length + part.length > max) break;
    text += part;
  }
  return text;
}

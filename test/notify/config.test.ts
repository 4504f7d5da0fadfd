// What a configuration may not say of channels and of the host, with the place.
import { expect, test } from 'vitest';
import { readConfig } from '../../controller/config/read.ts';
import { Failure } from '../../controller/model/finding.ts';

const MAIL = (host: string, more: string) => `  - { name: m, type: email, host: ${host}, from: a@b.test, to: [c@d.test]${more} }\n`;

test.each<[string, string, readonly string[]]>([
  ['mail that is not protected', `notify:\n${MAIL('mail.test', ', security: none')}`, ['4:78 security none would send mail to mail.test unprotected']],
  ['mail on this machine', `notify:\n${MAIL('127.0.0.1', ', security: none')}`, []],
  ['a host that only looks like this machine', `notify:\n${MAIL('localhost.evil.test', ', security: none')}`, ['4:88 security none would send mail to localhost.evil.test unprotected']],
  ['half a login', `notify:\n${MAIL('mail.test', ', user: u')}`, ['4:5 user and password of a channel belong together']],
  ['two of one name', `notify:\n${MAIL('mail.test', '')}${MAIL('mail.test', '')}`, ['5:7 two channels are called m']],
  ['a Gitea that is nowhere', 'forge: { type: gitea, repository: o/r, token: { env: T } }\n', ['3:1 forge says not where the gitea is']],
  ['GitHub, which is where it is', 'forge: { type: github, repository: o/r, token: { env: T } }\n', []],
])('%s', (_, text, expected) => expect(mistakes(text)).toEqual(expected));

function mistakes(text: string): readonly string[] {
  try {
    readConfig(`cluster: a\nsource: { directory: /x }\n${text}`, 'config.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.findings.map(({ place, fact }) => `${place?.line}:${place?.column} ${fact}`);
  }
}

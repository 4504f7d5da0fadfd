// SOPS files: what SOPS itself encrypted opens, what our independent encoder makes opens, and whatever was touched does not.
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import { clearValue, floatText, openValue } from '../../controller/secrets/sops-value.ts';
import { openSops, parseSops } from '../../controller/secrets/sops.ts';
import { seal } from './seal.ts';
import type { SealOptions } from './seal.ts';

let identity = '';
let recipient = '';
beforeAll(async () => {
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});

const VALUES = { web: { password: 'correct horse', 'port:number': 8006 }, list: ['a', 'b'], on: true, ratio: 0.25, empty: '', note_unencrypted: { text: 'in clear', count: 7, ok: false } };

const sealed = (options: Partial<SealOptions> = {}) => seal(VALUES, { recipients: [recipient], ...options });
const open = (text: string) => openSops(parseSops(text), [identity]);

// Made with SOPS's own cipher (aes/cipher.go of version 3.10), the key being the bytes 0 to 31.
describe('values that SOPS encrypted', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  test.each([
    ['web:password:', 'ENC[AES256_GCM,data:pBDQ3A50rKQ1lo6QopPg4nk44uJ2,iv:aIxO+B46GvGW9bMZhcN0TYrPEYCVlgI0LVSvuTY7EOY=,tag:V9830+YhSpCvP/hotuA9qA==,type:str]', 'pässword with spaces'],
    ['port:', 'ENC[AES256_GCM,data:OlCt7Q==,iv:XfpnVXPCgbYzpdfLiPiOePS2kZUJgt5qjXJESDEhbwQ=,tag:4uNK86zDRN2l5TO1ubYKJg==,type:int]', '8006'],
    ['ratio:', 'ENC[AES256_GCM,data:LFuF71t0jZde,iv:z5u5AueLaV9WQ3h2Zf+OOt39pmxtBP/lqYRk1o7uA4s=,tag:Zahg0Ras85vyCWNZzrPXJQ==,type:float]', '0.0000001'],
    ['big:', 'ENC[AES256_GCM,data:vRsQI4cUZIAeLD3PjhEuMVxjGN1d8A==,iv:QiwId2jVptMn2qpNG5x43epOkEGw2GCsiMI4q/XQK0U=,tag:tw7zJy1j7s0oSyiYyEqxxQ==,type:float]', '1000000000000000000000'],
    ['on:', 'ENC[AES256_GCM,data:wwarHw==,iv:Chqsp1j1V7VMNYGxdzAoniqUIPur513v2qjqMFBa6X0=,tag:KJQkJ9QBsZPJZwY7QX7QnA==,type:bool]', 'True'],
    ['2026-11-22T12:00:00Z', 'ENC[AES256_GCM,data:TJw5,iv:ak+kyI+qnjMKuM7u1JA+VX6LMGqkP/WVSbRbETIl+gM=,tag:AnvGMZdcrorNoVpvC4YHCA==,type:str]', 'ABC'],
  ])('%s', (aad, value, plain) => {
    expect(openValue(value, key, aad).text).toBe(plain);
    expect(() => openValue(value, key, `other:${aad}`)).toThrow('does not open');
    expect(() => openValue(value.replace('data:', 'data:A'), key, aad)).toThrow(/damaged|does not open/);
  });
});

describe('a file', () => {
  test('opens: maps joined by /, what is in clear is no secret', async () => {
    expect(Object.fromEntries(await open(await sealed()))).toEqual({ 'web/password': 'correct horse', 'web/port:number': '8006', 'list/0': 'a', 'list/1': 'b', on: 'True', ratio: '0.25', empty: '' });
  });

  test('opens for the second of two recipients', async () => {
    const other = await identityToRecipient(await generateX25519Identity());
    expect((await open(await sealed({ recipients: [other, recipient] }))).get('on')).toBe('True');
  });

  test.each([
    ['encrypted_regex', { isClear: (key: string) => !/^(password|on)$/.test(key), section: { encrypted_regex: '^(?:password|on)$' } }],
    ['unencrypted_regex', { isClear: (key: string) => /^LIST$/i.test(key), section: { unencrypted_regex: '(?i)^LIST$' } }],
    ['mac_only_encrypted', { macOnlyEncrypted: true }],
    ['no rule at all', { section: {} }],
  ] as const)('opens with %s', async (name, options) => {
    // With a rule of what is encrypted any key of the path decides.
    const values = name === 'encrypted_regex' ? seal({ password: 'x', list: ['in clear', 2] , on: true }, { recipients: [recipient], ...options }) : sealed(options);
    expect((await open(await values)).get('on')).toBe('True');
  });

  test.each([
    ['a value taken out', (text: string) => text.replace(/^ratio: .*\n/m, ''), 'the MAC does not fit'],
    ['a value in clear changed', (text: string) => text.replace('count: 7', 'count: 8'), 'the MAC does not fit'],
    ['a value in clear added', (text: string) => `more_unencrypted: 1\n${text}`, 'the MAC does not fit'],
    ['a value in clear in place of an encrypted one', (text: string) => text.replace(/^on: .*$/m, 'on: yes-really'), 'on is not encrypted, and should be'],
    ['two values swapped', (text: string) => { const [on, ratio] = [/^on: (.*)$/m.exec(text)?.[1] ?? '', /^ratio: (.*)$/m.exec(text)?.[1] ?? '']; return text.replace(on, '§').replace(ratio, on).replace('§', ratio); }, 'does not open'],
    ['another time', (text: string) => text.replace('12:00:00Z', '12:00:01Z'), 'its MAC does not open'],
    ['no MAC', (text: string) => text.replace(/^ {2}mac: .*\n/m, ''), 'has no MAC'],
    ['key groups', (text: string) => text.replace('  lastmodified', '  shamir_threshold: 2\n  key_groups: []\n  lastmodified'), 'shares its key between groups'],
    ['another kind of key alone', (text: string) => text.replace('  age:', '  pgp:'), 'is encrypted for PGP alone'],
    ['comments that choose', (text: string) => text.replace('unencrypted_suffix', 'encrypted_comment_regex'), 'lets comments choose'],
    ['an alias', (text: string) => text.replace(/^on: .*$/m, 'on: &a 1\nalso: *a'), 'alias'],
    ['two documents', (text: string) => `${text}---\n${text}`, 'several documents'],
    ['no YAML', () => '{', 'not valid YAML'],
    ['plain text', () => 'web: { password: hunter2 }\n', 'is not encrypted'],
  ])('%s does not open', async (_, change, why) => {
    const text = await sealed();
    await expect((async () => open(change(text)))()).rejects.toThrow(why);
  });

  test('a wrong key does not open it, and nothing of it is told', async () => {
    const error: unknown = await openSops(parseSops(await sealed()), [await generateX25519Identity()]).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('does not open with our age key');
    expect(String(error)).not.toContain('AGE-SECRET-KEY');
  });
});

test.each([
  ['in clear', 'in clear'], ['7', '7'], ['0x1F', '31'], ['0o17', '15'], ['017', '15'], ['1_000', '1000'], ['1e3', '1000'], ['.5', '0.5'], ['true', 'True'], ['yes', 'yes'],
  ['2026-11-22', '2026-11-22T00:00:00Z'], ['2026-11-22T12:00:00.50+02:00', '2026-11-22T12:00:00.5+02:00'], ['~', undefined], ['1.2.3', '1.2.3'],
])('in clear, %s counts as %s for the MAC', (written, counts) => {
  expect(clearValue(written, true)?.text).toBe(counts);
});

test.each([[1e21, '1000000000000000000000'], [1.5e-7, '0.00000015'], [123.456, '123.456'], [1.25e22, '12500000000000000000000']])('%d has no exponent', (value, text) => {
  expect(floatText(value)).toBe(text);
});

// Payloads and headers shaped as the hosts document them, with the fields that count and some of those that do not.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isPushTo, readWebhook, WEBHOOK_BYTES_MAX } from '../../controller/sources/webhook.ts';
import type { Push, Told } from '../../controller/sources/webhook.ts';

const SECRET = 'a secret of some length';
const AFTER = '6113728f27ae82c7b1a177c8d03f9e96e0adf246';
const NONE = '0'.repeat(40);
const hmac = (body: string, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex');

const GITHUB = JSON.stringify({
  ref: 'refs/heads/main', before: '0a1b'.repeat(10), after: AFTER, created: false, deleted: false, forced: false, compare: 'https://github.com/lab/infra/compare/x...y',
  commits: [{ id: AFTER, message: 'more memory', modified: ['clusters/one/vms.yaml'] }], head_commit: { id: AFTER },
  repository: { id: 186853002, name: 'infra', full_name: 'lab/infra', private: true, clone_url: 'https://github.com/lab/infra.git', ssh_url: 'git@github.com:lab/infra.git', default_branch: 'main' },
  pusher: { name: 'ana' },
});
const GITEA = JSON.stringify({
  ref: 'refs/heads/main', before: 'c0de'.repeat(10), after: AFTER, compare_url: 'https://git.example.org/lab/infra/compare/x...y', commits: [], total_commits: 1,
  repository: { id: 140, owner: { login: 'lab' }, name: 'infra', full_name: 'lab/infra', html_url: 'https://git.example.org/lab/infra', ssh_url: 'ssh://git@git.example.org:2222/lab/infra.git', clone_url: 'https://git.example.org/lab/infra.git' },
  pusher: { login: 'ana' },
});
const GITLAB = JSON.stringify({
  object_kind: 'push', event_name: 'push', before: 'beef'.repeat(10), after: AFTER, ref: 'refs/heads/main', ref_protected: true, checkout_sha: AFTER, user_username: 'ana', project_id: 15,
  project: { id: 15, name: 'Infra', path_with_namespace: 'lab/infra', git_ssh_url: 'git@gitlab.example.org:lab/infra.git', git_http_url: 'https://gitlab.example.org/lab/infra.git', default_branch: 'main' },
  commits: [], total_commits_count: 1,
});
const GENERIC = JSON.stringify({ repository: 'lab/infra', url: 'https://git.example.org/lab/infra.git', ref: 'refs/heads/main', commit: AFTER });

const github = (body: string, more = {}) => ({ 'x-github-event': 'push', 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'x-hub-signature-256': `sha256=${hmac(body)}`, 'content-type': 'application/json', ...more });
const forgejo = (body: string) => ({ 'x-forgejo-event': 'push', 'x-gitea-event': 'push', 'x-gogs-event': 'push', 'x-github-event': 'push', 'x-forgejo-signature': hmac(body), 'x-gitea-signature': hmac(body), 'x-hub-signature-256': `sha256=${hmac(body)}` });
const gitea = (body: string) => ({ 'x-gitea-event': 'push', 'x-github-event': 'push', 'x-gitea-signature': hmac(body) });
const gitlab = (token = SECRET, event = 'Push Hook') => ({ 'x-gitlab-event': event, 'x-gitlab-token': token });

function read(headers: Readonly<Record<string, string>>, body: string | Uint8Array, secret = SECRET): Told {
  return readWebhook({ headers, body: typeof body === 'string' ? new TextEncoder().encode(body) : body }, secret);
}

describe('a true push', () => {
  const form = `payload=${encodeURIComponent(GITHUB)}`;
  test.each<readonly [name: string, headers: Readonly<Record<string, string>>, body: string, provider: string, urls: readonly string[]]>([
    ['GitHub', github(GITHUB), GITHUB, 'github', ['https://github.com/lab/infra.git', 'git@github.com:lab/infra.git']],
    ['GitHub, as a form', github(form, { 'content-type': 'application/x-www-form-urlencoded' }), form, 'github', ['https://github.com/lab/infra.git', 'git@github.com:lab/infra.git']],
    ['GitLab', gitlab(), GITLAB, 'gitlab', ['https://gitlab.example.org/lab/infra.git', 'git@gitlab.example.org:lab/infra.git']],
    ['Gitea', gitea(GITEA), GITEA, 'gitea', ['https://git.example.org/lab/infra.git', 'ssh://git@git.example.org:2222/lab/infra.git']],
    ['Forgejo', forgejo(GITEA), GITEA, 'gitea', ['https://git.example.org/lab/infra.git', 'ssh://git@git.example.org:2222/lab/infra.git']],
    ['generic, signed', { 'x-latido-signature-256': `sha256=${hmac(GENERIC)}` }, GENERIC, 'generic', ['https://git.example.org/lab/infra.git']],
    ['generic, with a token', { authorization: `Bearer ${SECRET}` }, GENERIC, 'generic', ['https://git.example.org/lab/infra.git']],
  ])('%s', (_, headers, body, provider, urls) => {
    expect(read(headers, body)).toEqual({ is: 'push', push: { provider, repository: 'lab/infra', urls, ref: 'refs/heads/main', commit: AFTER } });
  });

  test('that deletes a branch tells no commit', () => {
    const body = GITHUB.replaceAll(AFTER, NONE);
    expect(read(github(body), body)).toMatchObject({ is: 'push', push: { ref: 'refs/heads/main' } });
    expect(read(github(body), body)).not.toHaveProperty('push.commit');
  });
});

describe('what is true and no push', () => {
  test.each([
    ['GitHub, ping', github('{"zen":"Design for failure."}', { 'x-github-event': 'ping' }), '{"zen":"Design for failure."}', 'ping'],
    ['GitLab, merge request', gitlab(SECRET, 'Merge Request Hook'), '{}', 'Merge Request Hook'],
  ])('%s', (_, headers, body, event) => {
    expect(read(headers, body)).toEqual({ is: 'other', event });
  });
});

describe('refused', () => {
  const wrong = hmac(GITHUB, 'another secret, as long');
  test.each<readonly [name: string, headers: Readonly<Record<string, string>>, body: string, status: number]>([
    ['no signature', { 'x-github-event': 'push' }, GITHUB, 401],
    ['a signature with another secret', github(GITHUB, { 'x-hub-signature-256': `sha256=${wrong}` }), GITHUB, 401],
    ['a signature of another body', github(GITHUB), GITHUB.replace('lab/infra', 'lab/infrb'), 401],
    ['the old SHA-1 alone', { 'x-github-event': 'push', 'x-hub-signature': `sha1=${'a'.repeat(40)}` }, GITHUB, 401],
    ['a signature cut short', github(GITHUB, { 'x-hub-signature-256': `sha256=${hmac(GITHUB).slice(0, 62)}` }), GITHUB, 401],
    ['no prefix where GitHub writes one', github(GITHUB, { 'x-hub-signature-256': hmac(GITHUB) }), GITHUB, 401],
    ['the signature of GitHub on a request that says it is of Gitea', { ...github(GITEA), 'x-gitea-event': 'push' }, GITEA, 401],
    ['a token of GitLab that is not it', gitlab(`${SECRET}x`), GITLAB, 401],
    ['no token of GitLab', { 'x-gitlab-event': 'Push Hook' }, GITLAB, 401],
    ['an empty bearer token', { authorization: 'Bearer ' }, GENERIC, 401],
    ['nothing at all', {}, GENERIC, 401],
    ['a body that is no JSON', github('{"ref":'), '{"ref":', 400],
    ['a body without a repository', github('{"ref":"refs/heads/main"}'), '{"ref":"refs/heads/main"}', 400],
    ['a ref that is none', gitlab(), GITLAB.replace('refs/heads/main', '--upload-pack=x'), 400],
    ['a name without end', gitlab(), GITLAB.replace('lab/infra"', `${'x'.repeat(2000)}"`), 400],
    ['a list', github('[]'), '[]', 400],
  ])('%s', (_, headers, body, status) => {
    expect(read(headers, body)).toMatchObject({ is: 'refused', status });
  });

  test('what is not UTF-8', () => {
    expect(read(gitlab(), new Uint8Array([0x7b, 0xff, 0x7d]))).toMatchObject({ is: 'refused', status: 400 });
  });
  test('a body that is too large, before anything is computed of it', () => {
    expect(read(gitlab(), new Uint8Array(WEBHOOK_BYTES_MAX + 1))).toMatchObject({ is: 'refused', status: 413 });
  });
  test('everything, when the secret is short or empty', () => {
    expect(read(gitlab(''), GITLAB, '')).toMatchObject({ is: 'refused', status: 401 });
    expect(read(gitlab('short'), GITLAB, 'short')).toMatchObject({ is: 'refused', status: 401, why: expect.stringContaining('shorter than 16') });
  });
});

describe('the push is to the branch that is followed', () => {
  const push: Push = { provider: 'gitea', repository: 'lab/infra', urls: ['https://git.example.org/lab/infra.git', 'ssh://git@git.example.org:2222/lab/infra.git'], ref: 'refs/heads/main' };
  test.each([
    ['https://git.example.org/lab/infra', 'main', true], ['https://git.example.org/lab/infra.git/', 'main', true], ['git@git.example.org:lab/infra.git', 'main', true],
    ['ssh://git@GIT.example.org/lab/infra.git', 'main', true], ['https://git.example.org/lab/infra', 'live', false], ['https://git.example.org/lab/infra2', 'main', false],
    ['https://example.org/lab/infra', 'main', false], ['https://git.example.org/infra', 'main', false],
  ])('%s, %s: %s', (url, branch, is) => {
    expect(isPushTo(push, url, branch)).toBe(is);
  });
});

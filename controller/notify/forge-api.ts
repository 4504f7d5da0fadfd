// How GitHub, GitLab, Gitea and Forgejo (which speaks as Gitea) name the same four things. Pure: requests and what answers mean.
// Paths and fields as their API references have them: commit statuses, pull requests of a commit, comments of a pull request.
import type { ForgeConfig } from '../config/schema.ts';
import { isObject } from '../model/json.ts';
import type { JsonObject } from '../model/json.ts';

export type ReportState = 'pending' | 'success' | 'failure';
export interface Report { readonly sha: string; readonly state: ReportState; /** One line. */ readonly description: string }
export interface ForgeRequest { readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT'; readonly path: string; readonly body?: JsonObject }
export interface Comment { readonly id: number; readonly body: string }

export interface ForgeApi {
  /** `https://api.github.com`, without a slash at its end. */
  readonly base: string;
  headers(token: string): Readonly<Record<string, string>>;
  status(report: Report, context: string): ForgeRequest;
  pullsOf(sha: string): ForgeRequest;
  /** The number of the pull request that brought the commit in. */
  pullIn(answer: unknown): number | undefined;
  /** Pages count from 1; undefined: there is no further one. */
  comments(pull: number, page: number): ForgeRequest | undefined;
  addComment(pull: number, body: string): ForgeRequest;
  editComment(pull: number, id: number, body: string): ForgeRequest;
}

const DESCRIPTION_MAX = 140;
export const PAGE = 100;
// Comments beyond are not looked through for ours: then it is written again rather than searched for ever.
const PAGES_MAX = 10;

export function forgeApi(config: Pick<ForgeConfig, 'type' | 'url' | 'repository'>): ForgeApi {
  switch (config.type) {
    case 'github': return github(config.url, config.repository);
    case 'gitlab': return gitlab(config.url, config.repository);
    case 'gitea':
    case 'forgejo': return gitea(config.url ?? '', config.repository);
    default: return config.type satisfies never;
  }
}

/** Commits of git; a folder's digest is none. */
export function isCommitId(id: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id);
}

function github(url: string | undefined, repository: string): ForgeApi {
  const repo = `/repos/${pathOf(repository)}`;
  return {
    // A GitHub of one's own has its API below its address.
    base: url === undefined ? 'https://api.github.com' : /^https:\/\/api\.github\.com\/?$/.test(url) ? trimmed(url) : withPath(url, '/api/v3'),
    headers: (token) => ({ authorization: `Bearer ${token}`, accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' }),
    status: ({ sha, state, description }, context) => ({ method: 'POST', path: `${repo}/statuses/${sha}`, body: { state, context, description: shortened(description) } }),
    pullsOf: (sha) => ({ method: 'GET', path: `${repo}/commits/${sha}/pulls` }),
    pullIn: (answer) => chosen(answer, 'number', (pull) => typeof pull['merged_at'] === 'string'),
    comments: (pull, page) => (page > PAGES_MAX ? undefined : { method: 'GET', path: `${repo}/issues/${pull}/comments?per_page=${PAGE}&page=${page}` }),
    addComment: (pull, body) => ({ method: 'POST', path: `${repo}/issues/${pull}/comments`, body: { body } }),
    editComment: (_, id, body) => ({ method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: { body } }),
  };
}

function gitlab(url: string | undefined, repository: string): ForgeApi {
  const project = `/projects/${encodeURIComponent(repository)}`;
  return {
    base: withPath(url ?? 'https://gitlab.com', '/api/v4'),
    headers: (token) => ({ 'private-token': token, accept: 'application/json' }),
    status: ({ sha, state, description }, context) => ({ method: 'POST', path: `${project}/statuses/${sha}`, body: { state: state === 'failure' ? 'failed' : state, name: context, description: shortened(description) } }),
    pullsOf: (sha) => ({ method: 'GET', path: `${project}/repository/commits/${sha}/merge_requests` }),
    pullIn: (answer) => chosen(answer, 'iid', (pull) => pull['state'] === 'merged'),
    comments: (pull, page) => (page > PAGES_MAX ? undefined : { method: 'GET', path: `${project}/merge_requests/${pull}/notes?sort=asc&order_by=created_at&per_page=${PAGE}&page=${page}` }),
    addComment: (pull, body) => ({ method: 'POST', path: `${project}/merge_requests/${pull}/notes`, body: { body } }),
    editComment: (pull, id, body) => ({ method: 'PUT', path: `${project}/merge_requests/${pull}/notes/${id}`, body: { body } }),
  };
}

function gitea(url: string, repository: string): ForgeApi {
  const repo = `/repos/${pathOf(repository)}`;
  return {
    base: withPath(url, '/api/v1'),
    headers: (token) => ({ authorization: `token ${token}`, accept: 'application/json' }),
    status: ({ sha, state, description }, context) => ({ method: 'POST', path: `${repo}/statuses/${sha}`, body: { state, context, description: shortened(description) } }),
    pullsOf: (sha) => ({ method: 'GET', path: `${repo}/commits/${sha}/pull` }),
    pullIn: (answer) => chosen([answer], 'number', (pull) => pull['merged'] === true),
    // All comments of an issue come at once.
    comments: (pull, page) => (page > 1 ? undefined : { method: 'GET', path: `${repo}/issues/${pull}/comments` }),
    addComment: (pull, body) => ({ method: 'POST', path: `${repo}/issues/${pull}/comments`, body: { body } }),
    editComment: (_, id, body) => ({ method: 'PATCH', path: `${repo}/issues/comments/${id}`, body: { body } }),
  };
}

/** Comments of one page; anything else is none. */
export function commentsIn(answer: unknown): readonly Comment[] {
  return Array.isArray(answer) ? answer.flatMap((each: unknown) => (isObject(each) && typeof each['id'] === 'number' && typeof each['body'] === 'string' ? [{ id: each['id'], body: each['body'] }] : [])) : [];
}

function chosen(answer: unknown, key: 'number' | 'iid', isMerged: (pull: { readonly [key: string]: unknown }) => boolean): number | undefined {
  const pulls = Array.isArray(answer) ? answer.filter((each: unknown) => isObject(each)) : [];
  const pull = pulls.find(isMerged);
  const number: unknown = pull?.[key];
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

function pathOf(repository: string): string {
  return repository.split('/').map(encodeURIComponent).join('/');
}

function withPath(url: string, path: string): string {
  const base = trimmed(url);
  return base.endsWith(path) ? base : `${base}${path}`;
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, '');
}

function shortened(text: string): string {
  const letters = [...text];
  return letters.length > DESCRIPTION_MAX ? `${letters.slice(0, DESCRIPTION_MAX - 1).join('')}…` : text;
}

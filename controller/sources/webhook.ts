// In: a request that says “somebody pushed”, and the secret shared with the host. Out: which repository and branch, or why it is refused.
// Pure. Must never take a request for true before its signature is verified, nor compare secrets in a time that tells of them.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isObject } from '../model/json.ts';

export interface WebhookRequest {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As it came over the wire: the signature is of these bytes. */
  readonly body: Uint8Array;
}

export type Provider = 'github' | 'gitlab' | 'gitea' | 'generic';

export interface Push {
  readonly provider: Provider;
  /** `owner/name`, as the host writes it. */
  readonly repository: string;
  /** Where it can be fetched from; what the host told. */
  readonly urls: readonly string[];
  /** `refs/heads/main`. */
  readonly ref: string;
  /** What the ref stands at now; absent when it was deleted, or the host does not tell. */
  readonly commit?: string;
}

export type Told =
  | { readonly is: 'push'; readonly push: Push }
  /** True, and nothing to look at: a first ping, a comment, a release. */
  | { readonly is: 'other'; readonly event: string }
  | { readonly is: 'refused'; readonly status: 400 | 401 | 413; readonly why: string };

/** A push of a thousand commits with all the names of their files; GitHub tells of 2,048 at most. */
export const WEBHOOK_BYTES_MAX = 8 * 1024 * 1024;
const TEXT_MAX = 1024;
/** Shorter secrets can be tried out. */
const SECRET_LENGTH_MIN = 16;

interface Host {
  readonly provider: Provider;
  isFrom(headers: WebhookRequest['headers']): boolean;
  isTrue(request: WebhookRequest, secret: string): boolean;
  /** `push` is what counts. */
  event(headers: WebhookRequest['headers']): string;
  push(body: Fields): Omit<Push, 'provider'> | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

// Gitea and Forgejo send the headers of GitHub as well, so they are asked for first.
const HOSTS: readonly Host[] = [
  {
    provider: 'gitea',
    isFrom: (headers) => headers['x-forgejo-event'] !== undefined || headers['x-gitea-event'] !== undefined,
    isTrue: ({ headers, body }, secret) => isHmac(headers['x-forgejo-signature'] ?? headers['x-gitea-signature'], body, secret),
    event: (headers) => headers['x-forgejo-event'] ?? headers['x-gitea-event'] ?? '',
    push: (body) => pushOf(body, 'repository', 'full_name', ['clone_url', 'ssh_url'], 'after'),
  },
  {
    provider: 'github',
    isFrom: (headers) => headers['x-github-event'] !== undefined,
    isTrue: ({ headers, body }, secret) => isHmac(prefixed(headers['x-hub-signature-256']), body, secret),
    event: (headers) => headers['x-github-event'] ?? '',
    push: (body) => pushOf(body, 'repository', 'full_name', ['clone_url', 'ssh_url'], 'after'),
  },
  {
    provider: 'gitlab',
    isFrom: (headers) => headers['x-gitlab-event'] !== undefined,
    // GitLab sends the secret itself; TLS is what protects it.
    isTrue: ({ headers }, secret) => isSame(headers['x-gitlab-token'] ?? '', secret),
    event: (headers) => (/^(Tag )?Push Hook$/.test(headers['x-gitlab-event'] ?? '') ? 'push' : headers['x-gitlab-event'] ?? ''),
    push: (body) => pushOf(body, 'project', 'path_with_namespace', ['git_http_url', 'git_ssh_url'], 'after'),
  },
  {
    provider: 'generic',
    isFrom: () => true,
    isTrue: ({ headers, body }, secret) => {
      const signature = prefixed(headers['x-latido-signature-256']);
      return signature === undefined ? isSame(/^Bearer (.+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? '', secret) : isHmac(signature, body, secret);
    },
    event: () => 'push',
    push: (body) => pushOf({ ...body, repository: { name: body['repository'], url: body['url'] } }, 'repository', 'name', ['url'], 'commit'),
  },
];

export function readWebhook(request: WebhookRequest, secret: string): Told {
  const { headers, body } = request;
  if (body.length > WEBHOOK_BYTES_MAX) return refused(413, `the body is larger than ${WEBHOOK_BYTES_MAX} bytes`);
  if (secret.length < SECRET_LENGTH_MIN) return refused(401, `the secret of this webhook is shorter than ${SECRET_LENGTH_MIN} characters, so it proves nothing`);
  const host = HOSTS.find((one) => one.isFrom(headers));
  if (host?.isTrue(request, secret) !== true) return refused(401, 'the signature or token is not that of this webhook');
  const event = host.event(headers).slice(0, TEXT_MAX);
  if (event !== 'push') return { is: 'other', event };
  const fields = fieldsOf(body, headers['content-type'] ?? '');
  const push = fields && host.push(fields);
  return push === undefined ? refused(400, 'the body does not tell which repository and ref were pushed') : { is: 'push', push: { provider: host.provider, ...push } };
}

/** Whether the push is to this branch of the repository at this address, however either side writes it. */
export function isPushTo({ urls, ref }: Push, url: string, branch: string): boolean {
  const wanted = placeOf(url);
  return ref === `refs/heads/${branch}` && urls.some((told) => placeOf(told) === wanted);
}

/** `host/path`: https and ssh addresses of one repository are alike in that. */
function placeOf(url: string): string {
  const scp = /^(?:[^@/]+@)?([^:/]+):(?!\/\/)(.*)$/.exec(url);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const [host, path] = url.includes('://') && parsed !== undefined ? [parsed.hostname, parsed.pathname] : [scp?.[1] ?? '', scp?.[2] ?? url];
  return `${host.toLowerCase()}/${path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '')}`;
}

function pushOf(body: Fields, at: string, name: string, urls: readonly string[], after: string): Omit<Push, 'provider'> | undefined {
  const about = body[at];
  const ref = body['ref'];
  const commit = body[after];
  if (!isObject(about) || !isText(about[name]) || !isText(ref) || !ref.startsWith('refs/')) return undefined;
  const isCommit = isText(commit) && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit) && !/^0+$/.test(commit);
  return { repository: about[name], urls: urls.map((each) => about[each]).filter(isText), ref, ...(isCommit ? { commit } : {}) };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_MAX;
}

/** GitHub also offers to send a form with the JSON in its field `payload`. */
function fieldsOf(body: Uint8Array, contentType: string): Fields | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    const value: unknown = JSON.parse(/^application\/x-www-form-urlencoded\b/i.test(contentType) ? new URLSearchParams(text).get('payload') ?? '' : text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function prefixed(header: string | undefined): string | undefined {
  return /^sha256=(.*)$/.exec(header ?? '')?.[1];
}

function isHmac(hex: string | undefined, body: Uint8Array, secret: string): boolean {
  return hex !== undefined && /^[0-9a-f]{64}$/i.test(hex) && timingSafeEqual(Buffer.from(hex, 'hex'), createHmac('sha256', secret).update(body).digest());
}

/** Digests of equal length are compared, so that not even the length of the secret can be found out. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

function refused(status: 400 | 401 | 413, why: string): Told {
  return { is: 'refused', status, why };
}

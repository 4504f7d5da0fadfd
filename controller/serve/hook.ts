// In: POST /webhook. Out: the loop is woken when the push is to what we follow; the host is answered at once.
// Must never do the work itself, nor believe anything of the push but that it is worth looking.
import type { ListenConfig, SecretPlace } from '../config/schema.ts';
import { isPushTo, readWebhook, WEBHOOK_BYTES_MAX } from '../sources/webhook.ts';
import { json, refused } from './answers.ts';
import { readBytes } from './body.ts';
import type { HookResult } from './metrics.ts';

/** What the daemon follows. `repository` is absent for what is on this machine: then every push to the branch counts. */
export interface Followed { readonly repository?: string; readonly branch: string }

export interface HookParts {
  readonly config: NonNullable<ListenConfig['webhook']>;
  readonly followed: Followed;
  readonly readSecret: (place: SecretPlace, what: string) => Promise<string>;
  readonly pushed: () => void;
  readonly count: (result: HookResult) => void;
}

/** Bodies of strangers that are held at once: each is up to eight MiB before its signature can be checked. */
const AT_ONCE_MAX = 4;

export function hookAnswers({ config, followed, readSecret, pushed, count }: HookParts): (request: Request) => Promise<Response> {
  let underWay = 0;
  const answer = async (request: Request): Promise<Response> => {
    const body = await readBytes(request, WEBHOOK_BYTES_MAX);
    if (body === undefined) return refused(413, 'USAGE', `the body is larger than ${WEBHOOK_BYTES_MAX} bytes`);
    const told = readWebhook({ headers: Object.fromEntries(request.headers), body }, await readSecret(config.secret, 'the secret of the webhook'));
    if (told.is === 'refused') {
      count('refused');
      return refused(told.status, told.status === 401 ? 'AUTH_FAILED' : 'USAGE', told.why);
    }
    if (told.is === 'other' || !isFollowed(told.push)) {
      count(told.is === 'other' ? 'other' : 'elsewhere');
      return json(202, { ok: true, looks: false, note: told.is === 'other' ? 'this is no push' : 'the push is not to the branch that is followed' });
    }
    count('push');
    pushed();
    return json(202, { ok: true, looks: true });
  };
  const isFollowed = (push: Parameters<typeof isPushTo>[0]) => (followed.repository === undefined ? push.ref === `refs/heads/${followed.branch}` : isPushTo(push, followed.repository, followed.branch));
  return async (request) => {
    if (underWay >= AT_ONCE_MAX) return refused(503, 'USAGE', 'too many webhooks are under way', 'send it again in a moment', { 'retry-after': '5' });
    underWay += 1;
    try {
      return await answer(request);
    } finally {
      underWay -= 1;
    }
  };
}

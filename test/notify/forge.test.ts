// What the host of the repository shows of a commit: its status, and one comment with the plan, kept up to date.
import { describe, expect, test } from 'vitest';
import type { ForgeConfig } from '../../controller/config/schema.ts';
import type { HttpResponse, Transport } from '../../controller/model/doors.ts';
import { isObject } from '../../controller/model/json.ts';
import { ForgeClient } from '../../controller/notify/forge-client.ts';
import { forgeApi, isCommitId } from '../../controller/notify/forge-api.ts';
import { commentText, fenced, markerOf } from '../../controller/notify/forge-report.ts';
import { ForgeReporter } from '../../controller/notify/forge.ts';
import { DaemonWorld, vm, WEB } from '../daemon/daemon-world.ts';
import type { Running } from '../daemon/daemon-world.ts';
import { FakeWeb, NotingLog } from './fakes.ts';
import type { Sent } from './fakes.ts';

const SHA = 'a'.repeat(40);

describe('each host', () => {
  test.each<[ForgeConfig['type'], string | undefined, string, string, string, string]>([
    ['github', undefined, 'https://api.github.com', `/repos/o/r/statuses/${SHA}`, `/repos/o/r/commits/${SHA}/pulls`, 'Bearer t'],
    ['github', 'https://ghe.test', 'https://ghe.test/api/v3', `/repos/o/r/statuses/${SHA}`, `/repos/o/r/commits/${SHA}/pulls`, 'Bearer t'],
    ['gitlab', undefined, 'https://gitlab.com/api/v4', `/projects/o%2Fr/statuses/${SHA}`, `/projects/o%2Fr/repository/commits/${SHA}/merge_requests`, 't'],
    ['gitea', 'https://git.test/', 'https://git.test/api/v1', `/repos/o/r/statuses/${SHA}`, `/repos/o/r/commits/${SHA}/pull`, 'token t'],
    ['forgejo', 'https://git.test/api/v1', 'https://git.test/api/v1', `/repos/o/r/statuses/${SHA}`, `/repos/o/r/commits/${SHA}/pull`, 'token t'],
  ])('%s at %s', (type, url, base, status, pulls, header) => {
    const api = forgeApi({ type, repository: 'o/r', ...(url === undefined ? {} : { url }) });
    expect(api.base).toBe(base);
    expect(api.status({ sha: SHA, state: 'failure', description: 'x'.repeat(200) }, 'latido/lab')).toMatchObject({ method: 'POST', path: status, body: { state: type === 'gitlab' ? 'failed' : 'failure', description: `${'x'.repeat(139)}…`, [type === 'gitlab' ? 'name' : 'context']: 'latido/lab' } });
    expect(api.pullsOf(SHA)).toEqual({ method: 'GET', path: pulls });
    expect(Object.values(api.headers('t'))).toContain(header);
  });

  test.each<[ForgeConfig['type'], unknown, number | undefined]>([
    ['github', [{ number: 1, merged_at: null }, { number: 2, merged_at: '2026-01-01' }], 2],
    ['gitlab', [{ iid: 1, state: 'opened' }, { iid: 3, state: 'merged' }], 3],
    ['gitea', { number: 4, merged: true }, 4],
    ['gitea', { number: 4, merged: false }, undefined],
    ['github', { message: 'odd' }, undefined],
  ])('%s names the merged pull request in %j', (type, answer, expected) => {
    expect(forgeApi({ type, url: 'https://h.test', repository: 'o/r' }).pullIn(answer)).toBe(expected);
  });

  test.each([[SHA, true], ['b'.repeat(64), true], ['A'.repeat(40), false], ['abc', false], [`${SHA}/x`, false]])('%s is a commit: %s', (id, expected) => expect(isCommitId(id)).toBe(expected));
});

describe('a comment', () => {
  test('fences whatever the plan contains', () => {
    expect(fenced('a\n````\n@all', 100)).toBe('`````text\na\n````\n@all\n`````');
    expect(fenced('a', 100)).toBe('```text\na\n```');
  });
  test('is shortened by whole lines, and says so', () => {
    const text = commentText('lab', Array.from({ length: 5_000 }, (_, at) => `line ${at} ${'x'.repeat(30)}`).join('\n'));
    expect(text.length).toBeLessThan(60_001);
    expect(text).toMatch(/… \d+ more lines are left out; latido plan shows all\n```\n$/);
  });
  test('begins with a marker of its cluster that ends where it should', () => {
    expect(markerOf('unq-lab')).toBe('<!-- latido plan unq-lab -->');
    expect(markerOf('a-->b')).toBe('<!-- latido plan a-__b -->');
    expect(commentText('lab', 'p').startsWith(markerOf('lab'))).toBe(true);
  });
});

/** A host with one merged pull request, as far as we ask it. */
class FakeHost extends FakeWeb {
  readonly statuses: string[] = [];
  readonly comments: { id: number; body: string }[] = [{ id: 1, body: 'a word of a person' }];
  pull: number | undefined = 7;

  constructor() {
    super();
    this.answer = (sent) => this.#answer(sent);
  }

  #answer({ request: { method, url, body } }: Sent): Partial<HttpResponse> {
    const given: unknown = body === undefined ? {} : JSON.parse(body);
    const text = isObject(given) ? String(given['body']) : '';
    if (url.includes('/statuses/') && isObject(given)) this.statuses.push(`${url.slice(-2)} ${String(given['state'])}: ${String(given['description'])}`);
    else if (url.includes('/pulls')) return json(this.pull === undefined ? [] : [{ number: this.pull, merged_at: '2026-11-22' }]);
    else if (method === 'GET') return json(this.comments);
    else if (method === 'POST') {
      this.comments.push({ id: this.comments.length + 1, body: text });
      return json(this.comments.at(-1), 201);
    } else {
      const comment = this.comments.find(({ id }) => url.endsWith(`/comments/${id}`));
      if (!comment) return { status: 404 };
      comment.body = text;
      return json(comment);
    }
    return json({}, 201);
  }
}

function json(value: unknown, status = 200): Partial<HttpResponse> {
  return { status, body: JSON.stringify(value) };
}

describe('the client', () => {
  const doors = (transport: Transport) => ({ transport, token: async () => 'T0K3N' });
  test('edits its comment, and writes a new one when it is gone', async () => {
    const host = new FakeHost();
    const client = new ForgeClient({ type: 'github', repository: 'o/r' }, doors(host));
    expect(await client.comment(7, '<!-- m -->', '<!-- m --> one')).toBe(2);
    expect(await client.comment(7, '<!-- m -->', '<!-- m --> two')).toBe(2);
    expect(await client.comment(7, '<!-- m -->', '<!-- m --> three', 99)).toBe(3);
    expect(host.comments.map(({ body }) => body)).toEqual(['a word of a person', '<!-- m --> two', '<!-- m --> three']);
  });
  test('finds its comment on a later page', async () => {
    const asked: string[] = [];
    const page = Array.from({ length: 100 }, (_, id) => ({ id, body: 'x' }));
    const web = new FakeWeb();
    web.answer = ({ request }) => {
      asked.push(`${request.method} ${request.url}`);
      return json(request.url.endsWith('&page=1') ? page : request.url.endsWith('&page=2') ? [{ id: 500, body: '<!-- m --> old' }] : { id: 500 });
    };
    expect(await new ForgeClient({ type: 'github', repository: 'o/r' }, doors(web)).comment(7, '<!-- m -->', 'new')).toBe(500);
    expect(asked.at(-1)).toBe('PATCH /repos/o/r/issues/comments/500');
  });
  test('does not tell its token when it is refused', async () => {
    const web = new FakeWeb();
    web.answer = () => ({ status: 401, body: 'bad T0K3N' });
    await expect(new ForgeClient({ type: 'github', repository: 'o/r' }, doors(web)).report({ sha: SHA, state: 'pending', description: 'x' }, 'latido/lab')).rejects.toThrow(/^POST \/repos\/o\/r\/statuses\/a+: HTTP 401$/);
  });
});

class Reported {
  readonly log = new NotingLog();
  constructor(readonly daemon = new DaemonWorld(), readonly host = new FakeHost(), private readonly more: Partial<ForgeConfig> = {}) {}

  start(): Running {
    const { clock, store, random } = this.daemon.world.env;
    const config: ForgeConfig = { type: 'github', repository: 'o/r', token: { env: 'T' }, ...this.more };
    return this.daemon.start({ listener: new ForgeReporter({ env: { clock, store, random, log: this.log }, config, transport: this.host, secret: async () => 'T0K3N', planText: (plan) => `PLAN ${plan.changes.map(({ verb, ref }) => `${verb} ${ref.name}`).join(', ')}` }) });
  }
}

describe('the daemon shows', () => {
  test('that a commit is taken, then that it is in sync, and its first plan', async () => {
    const reported = new Reported();
    const { daemon, host } = reported;
    daemon.source.push(WEB);
    const running = reported.start();
    await daemon.pass(200);
    expect(host.statuses).toEqual(['01 pending: in force, being planned', expect.stringMatching(/^01 pending: \d of \d objects are as asked$/), expect.stringMatching(/^01 success: all \d objects are as asked$/)]);
    expect(host.comments).toHaveLength(2);
    expect(host.comments[1]?.body).toContain('PLAN create web');
    expect(host.comments[1]?.body).toContain('**success**');
    await running.stop();
  });

  test('nothing more while nothing changes, nor after a restart, nor of a drift', async () => {
    const reported = new Reported();
    const { daemon, host } = reported;
    daemon.source.push(WEB);
    const running = reported.start();
    await daemon.pass(200);
    const before = host.sent.length;
    daemon.set(101, 'memory', '1024');
    await daemon.pass(1000);
    await running.stop();
    const again = new Reported(daemon, host).start();
    await daemon.pass(1000);
    expect(host.sent.length).toBe(before);
    await again.stop();
  });

  test('why a commit is refused, on that commit', async () => {
    const reported = new Reported();
    const { daemon, host } = reported;
    daemon.source.push(WEB);
    const running = reported.start();
    await daemon.pass(200);
    daemon.source.push(vm('web', 101, 'memory: lots'));
    await daemon.pass(400);
    expect(host.statuses.filter((status) => status.startsWith('02'))).toEqual([expect.stringMatching(/^02 failure: refused: /)]);
    expect(host.comments.at(-1)?.body).toContain('OPTION\\_INVALID');
    await running.stop();
  });

  test('the newest alone after the host was away, with one line in the log', async () => {
    const reported = new Reported();
    const { daemon, host, log } = reported;
    host.isAway = true;
    daemon.source.push(WEB);
    const running = reported.start();
    await daemon.pass(3600);
    expect(daemon.ready()).toMatchObject({ status: 'True' });
    host.isAway = false;
    await daemon.pass(1800);
    expect(host.statuses).toEqual([expect.stringMatching(/^01 success/)]);
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    expect(log.lines.join()).not.toContain('T0K3N');
    await running.stop();
  });

  test('no comment where there is no pull request, or none is wanted', async () => {
    const without = new FakeHost();
    without.pull = undefined;
    for (const [host, more] of [[without, {}], [new FakeHost(), { comment: false }]] as const) {
      const reported = new Reported(new DaemonWorld(), host, more);
      reported.daemon.source.push(WEB);
      const running = reported.start();
      await reported.daemon.pass(200);
      expect(host.statuses.at(-1)).toMatch(/success/);
      expect(host.comments).toHaveLength(1);
      await running.stop();
    }
  });

  test('nothing of a folder that is not in git', async () => {
    const reported = new Reported();
    reported.daemon.source.push(WEB);
    const commit = reported.daemon.source.commit;
    if (commit) reported.daemon.source.commit = { ...commit, id: 'dir:1234' };
    const running = reported.start();
    await reported.daemon.pass(200);
    expect(reported.host.sent).toEqual([]);
    await running.stop();
  });
});

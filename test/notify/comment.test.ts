// `latido comment`, as CI calls it.
import { expect, test } from 'vitest';
import { commentCommand } from '../../controller/cli/comment.ts';
import type { CommentOptions } from '../../controller/cli/program.ts';
import { contextOf } from '../cli/fake-context.ts';
import { FakeMailer, FakeWeb } from './fakes.ts';

const OPTIONS: CommentOptions = { forge: 'gitea', url: 'https://git.test', repository: 'o/r', pull: 7, cluster: 'lab', plan: 'plan.txt' };

function world(web: FakeWeb) {
  const { context, told } = contextOf({ readText: async () => 'Plan for lab\u001B[31m\n\n+ VirtualMachine/web\n' });
  const { daemon } = context.world;
  return { told, context: { ...context, world: { ...context.world, daemon: { ...daemon, outbound: async () => ({ transport: web, mailer: new FakeMailer() }), readSecret: async () => 'T0K3N' } } } };
}

test('with --dry-run prints what it would write, and writes nothing', async () => {
  const web = new FakeWeb();
  const { context, told } = world(web);
  expect(await commentCommand({ ...OPTIONS, dryRun: true }, context)).toBe(0);
  expect(told.out).toBe('<!-- latido plan lab -->\n**latido lab** would do this:\n\n```text\nPlan for lab\\x1b[31m\n\n+ VirtualMachine/web\n```\n');
  expect(web.sent).toEqual([]);
});

test('writes it, and edits it the next time', async () => {
  const web = new FakeWeb();
  const { context, told } = world(web);
  web.answer = ({ request }) => ({ body: request.method === 'GET' ? '[]' : '{"id":3}' });
  await commentCommand(OPTIONS, context);
  web.answer = ({ request }) => ({ body: request.method === 'GET' ? '[{"id":3,"body":"<!-- latido plan lab --> old"}]' : '{"id":3}' });
  await commentCommand(OPTIONS, context);
  expect(web.sent.filter(({ request }) => request.method !== 'GET').map(({ endpoint, request }) => `${request.method} ${endpoint}${request.url}`)).toEqual([
    'POST https://git.test/api/v1/repos/o/r/issues/7/comments', 'PATCH https://git.test/api/v1/repos/o/r/issues/comments/3',
  ]);
  expect(told.out).toContain('pull request 7 of o/r');
});

test('that is refused says so without the token', async () => {
  const web = new FakeWeb();
  web.answer = () => ({ status: 401, body: 'T0K3N' });
  await expect(commentCommand(OPTIONS, world(web).context)).rejects.toThrow(/HTTP 401/);
  await expect(commentCommand(OPTIONS, world(web).context)).rejects.not.toThrow(/T0K3N/);
});

test('of a Gitea needs to know where it is', async () => {
  const { url: _url, ...rest } = OPTIONS;
  await expect(commentCommand(rest, world(new FakeWeb()).context)).rejects.toThrow(/--url|where the gitea is/);
});

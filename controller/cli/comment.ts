// `latido comment`: a plan into a pull request, for CI: one comment per cluster, kept up to date. The token comes from LATIDO_FORGE_TOKEN.
import { failure } from '../model/finding.ts';
import { Undelivered } from '../notify/deliver.ts';
import { ForgeClient } from '../notify/forge-client.ts';
import { commentText, markerOf } from '../notify/forge-report.ts';
import type { Context, ExitCode } from './context.ts';
import type { CommentOptions } from './program.ts';
import { safeLines } from './terminal-text.ts';

export const FORGE_TOKEN = 'LATIDO_FORGE_TOKEN';

export async function commentCommand(options: CommentOptions, { terminal, world }: Context): Promise<ExitCode> {
  const { forge, url, repository, pull, cluster, plan, ca } = options;
  if (url === undefined && (forge === 'gitea' || forge === 'forgejo')) throw failure('USAGE', `it is not said where the ${forge} is`, { fix: 'add --url https://git.example.org' });
  if (url !== undefined && !/^https:\/\/[^\s/@]+/.test(url)) throw failure('USAGE', '--url is no https address');
  const text = commentText(cluster, safeLines(await world.readText(plan)).join('\n'));
  if (options.dryRun === true) {
    terminal.out(text);
    return 0;
  }
  const { transport } = await world.daemon.outbound(ca);
  const token = () => world.daemon.readSecret({ env: FORGE_TOKEN }, 'the token of the forge');
  try {
    await new ForgeClient({ type: forge, repository, ...(url === undefined ? {} : { url }) }, { transport, token }).comment(pull, markerOf(cluster), text);
  } catch (error) {
    if (!(error instanceof Undelivered)) throw error;
    throw failure('SOURCE_UNREACHABLE', `the comment could not be written: ${error.message}`, { fix: `see whether ${FORGE_TOKEN} may comment in ${repository}` });
  } finally {
    await transport.close();
  }
  terminal.out(`The plan for ${cluster} is in pull request ${pull} of ${repository}.\n`);
  return 0;
}

// `latido token NAME`: a bearer token for the HTTPS listener. In: whose it is and what it may. Out: the token, shown this once,
// and the lines of the configuration with its hash. Must never write the token anywhere.
import type { Right } from '../config/schema.ts';
import { tokenHash } from '../serve/access.ts';
import type { Context, ExitCode } from './context.ts';
import type { TokenOptions } from './program.ts';
import { jsonText } from './terminal-text.ts';

const MEANS: Readonly<Record<Right, string>> = { metrics: 'read /metrics', view: 'see everything', approve: 'see everything, approve, suspend, resume, hurry' };

export async function tokenCommand(name: string, { may, json }: TokenOptions, { terminal, world }: Context): Promise<ExitCode> {
  const token = world.daemon.newToken();
  const hash = tokenHash(token);
  if (json) terminal.out(`${jsonText({ format: 'latido.token/v1', name, may: [may], token, hash })}\n`);
  else {
    // Apart, so that `latido token NAME > FILE` keeps the token and shows the rest.
    terminal.out(`${token}\n`);
    terminal.err(explanation(name, hash, may));
  }
  return 0;
}

function explanation(name: string, hash: string, may: Right): string {
  return `
Keep the token; it is not shown again. Who sends it (authorization: Bearer …) may ${MEANS[may]}.
Add this to the daemon's configuration, and have it read again with: systemctl reload latido

listen:
  tokens:
    - name: ${JSON.stringify(name)}
      hash: ${hash}
      may: [${may}]
`;
}

// `latido validate [DIR]`: every mistake at once; needs no cluster.
import { countFindings } from '../manifests/render-findings.ts';
import { secretFindings, secretUses } from '../manifests/secret-refs.ts';
import type { Desired } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import { compareText } from '../model/ref.ts';
import type { Commit } from '../reconcile.ts';
import type { Context, ExitCode, World } from './context.ts';
import { readCommitOf, validateCommit } from './manifests.ts';
import { findingJson } from './plan-json.ts';
import type { SourceOptions } from './program.ts';
import { findingsText } from './render-findings.ts';
import { atText } from './render-plan.ts';
import { jsonText, paint, safe } from './terminal-text.ts';

export async function validateCommand(dir: string, options: SourceOptions, { terminal, world }: Context): Promise<ExitCode> {
  const commit = await readCommitOf(dir, options.cluster);
  const { desired, findings: ofManifests, version } = validateCommit(commit, world);
  const findings = [...ofManifests, ...(desired ? await secretTroubles(commit, desired, world) : [])];
  const isValid = !findings.some(({ severity }) => severity === 'error');
  const kinds = new Map<string, number>();
  for (const { ref } of desired?.objects ?? []) kinds.set(ref.kind, (kinds.get(ref.kind) ?? 0) + 1);
  if (options.json) {
    terminal.out(`${jsonText({
      format: 'latido.validation/v1', valid: isValid, revision: commit.revision, pveVersion: version,
      objects: Object.fromEntries([...kinds].sort(([a], [b]) => compareText(a, b))), findings: findings.map(findingJson),
    })}\n`);
    return isValid ? 0 : 1;
  }
  const style = terminal.style();
  if (findings.length > 0) terminal.out(`${findingsText(findings, style)}\n`);
  const where = `${safe(commit.folder)}, ${atText(commit.revision)}`;
  const objects = [...kinds].sort(([a], [b]) => compareText(a, b)).map(([kind, count]) => `${count} ${kind}`).join(', ');
  terminal.out(isValid
    ? `${paint(style, 'green', 'Valid')}${findings.length > 0 ? `, with ${countFindings(findings)}` : ''}: ${where}, checked against Proxmox VE ${version}.\n${objects}.\n`
    : `${paint(style, 'red', 'Not valid')}: ${countFindings(findings)} in ${where}, checked against Proxmox VE ${version}.\n`);
  return isValid ? 0 : 1;
}

/** Names that cannot be had are mistakes only where somebody said where secrets are: manifests are checked on other machines, too. */
async function secretTroubles({ parsed }: Commit, desired: Desired, world: World): Promise<readonly Finding[]> {
  const uses = secretUses(desired.objects);
  if (uses.length === 0 && parsed.sealed === undefined) return [];
  const opened = await world.secrets?.().then((door) => door.open(parsed.sealed ?? [], new Map(uses.map(({ name }) => [name, []]))));
  return secretFindings(uses, opened, opened === undefined || opened.isBlind ? 'warning' : 'error');
}

// `latido validate [DIR]`: every mistake at once; needs no cluster.
import { countFindings } from '../manifests/render-findings.ts';
import { compareText } from '../model/ref.ts';
import type { Context, ExitCode } from './context.ts';
import { readCommitOf, validateCommit } from './manifests.ts';
import { findingJson } from './plan-json.ts';
import type { SourceOptions } from './program.ts';
import { findingsText } from './render-findings.ts';
import { atText } from './render-plan.ts';
import { jsonText, paint, safe } from './terminal-text.ts';

export async function validateCommand(dir: string, options: SourceOptions, { terminal, world }: Context): Promise<ExitCode> {
  const commit = await readCommitOf(dir, options.cluster);
  const { desired, findings, version } = validateCommit(commit, world);
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

import type { ErrorObject } from 'ajv';

/**
 * A schema with `anyOf` or `oneOf` reports the mistakes of all its branches. Kept are those of the branch that was
 * meant: the one of the value's type, then the one with the fewest mistakes; the general mistake when none fits.
 */
export function chooseBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'propertyNames');
  const choices = kept.filter(isChoice).sort((a, b) => a.schemaPath.length - b.schemaPath.length);
  for (const choice of choices) {
    // Already gone with the branch that it stood in.
    if (!kept.includes(choice)) continue;
    const inner = kept.filter((error) => isWithin(error, choice));
    const meant = meantBranch(inner, choice);
    kept = kept.filter((error) => !inner.includes(error) && error !== choice);
    kept.push(...(meant ?? [choice]));
  }
  return kept;
}

function isChoice({ keyword, params }: ErrorObject): boolean {
  // Both branches of a oneOf fit: there is no branch to choose, the sentence says so.
  return keyword === 'anyOf' || (keyword === 'oneOf' && !Array.isArray((params as { passingSchemas?: unknown }).passingSchemas));
}

function isWithin(error: ErrorObject, choice: ErrorObject): boolean {
  return error.schemaPath.startsWith(`${choice.schemaPath}/`) && (error.instancePath === choice.instancePath || error.instancePath.startsWith(`${choice.instancePath}/`));
}

function meantBranch(inner: readonly ErrorObject[], choice: ErrorObject): readonly ErrorObject[] | undefined {
  const branches = new Map<string, ErrorObject[]>();
  for (const error of inner) {
    const branch = error.schemaPath.slice(choice.schemaPath.length + 1).split('/')[0] ?? '';
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  const all = [...branches.values()];
  // "one of these fields": no branch is meant more than another, and the sentence names them all.
  if (all.length > 1 && all.every((branch) => branch.every((error) => error.keyword === 'required' && error.instancePath === choice.instancePath))) return undefined;
  const ofItsType = all.filter((branch) => !branch.some((error) => error.instancePath === choice.instancePath && ['type', 'enum', 'const'].includes(error.keyword)));
  return ofItsType.sort((a, b) => weight(a) - weight(b))[0];
}

/** A wrong constant says that another branch is meant; it weighs more than any number of other mistakes. */
function weight(branch: readonly ErrorObject[]): number {
  return branch.length + branch.filter(({ keyword }) => keyword === 'const').length * 1000;
}

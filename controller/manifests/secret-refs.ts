// In: objects of a commit and their kinds. Out: where `{ secret: NAME }` stands; and every one that stands where it may not.
import type { DesiredObject } from '../model/desired.ts';
import type { OpenSecrets } from '../model/doors.ts';
import type { Finding, Place } from '../model/finding.ts';
import type { Registry } from '../model/kind.ts';
import { compareText, refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import { isSecretName, secretsIn } from '../model/secret.ts';

export interface SecretUse { readonly name: string; readonly ref: Ref; /** Below `spec`. */ readonly path: string; readonly place: Place }

/** In the order of the objects. */
export function secretUses(objects: readonly DesiredObject[]): readonly SecretUse[] {
  return objects.flatMap((object) => secretsIn(object.spec).map(({ name, path }) => ({ name, ref: object.ref, path, place: object.place(`spec.${path}`) })));
}

/** A value that Proxmox tells to everybody who may look is none that can be kept secret. */
export function misplacedSecrets(objects: readonly DesiredObject[], registry: Registry): readonly Finding[] {
  return objects.flatMap((object) => {
    const uses = secretUses([object]);
    if (uses.length === 0) return [];
    const may = registry.get(object.ref.kind)?.secretPaths?.(object) ?? [];
    return uses.flatMap(({ name, ref, path, place }): readonly Finding[] => {
      const base = { severity: 'error', ref, place } as const;
      if (!may.includes(path)) {
        const where = may.length > 0 ? `write the value itself; here a secret may stand in ${may.join(', ')}` : 'write the value itself';
        return [{ ...base, code: 'OPTION_INVALID', fact: `${path} cannot be a secret: Proxmox shows it to everybody who may look at ${refText(ref)}`, fix: where }];
      }
      return isSecretName(name) ? [] : [{ ...base, code: 'OPTION_INVALID', fact: `'${name.slice(0, 60)}' is no name of a secret`, fix: 'letters, digits and . _ @ - are, joined by /' }];
    });
  });
}

/** What the sources said of the names, at the places where they are used. @param severity of what is missing */
export function secretFindings(uses: readonly SecretUse[], opened: OpenSecrets | undefined, severity: Finding['severity'] = 'error'): readonly Finding[] {
  const missing = uses.flatMap(({ name, ref, place }): readonly Finding[] => {
    const why = opened === undefined ? NOWHERE : opened.missing.get(name);
    return why === undefined ? [] : [{ code: 'SECRET_MISSING', severity, ref, place, fact: opened === undefined ? `the secret '${name}' cannot be had: ${why.fact}` : why.fact, fix: why.fix }];
  });
  return [...opened?.findings ?? [], ...missing];
}

const NOWHERE = { fact: 'nothing here tells secrets', fix: 'name a file with LATIDO_SECRETS_FILE, or an age key with LATIDO_AGE_KEY_FILE' };

/** Names that are used, each with the versions that are remembered at the same places. */
export function askedSecrets(uses: readonly SecretUse[], memories: readonly { readonly ref: Ref; readonly secrets?: Readonly<Record<string, string>> }[]): ReadonlyMap<string, readonly string[]> {
  const remembered = new Map(memories.map((memory) => [refText(memory.ref), memory.secrets ?? {}]));
  const asked = new Map<string, Set<string>>();
  for (const { name, ref, path } of [...uses].sort((a, b) => compareText(refText(a.ref), refText(b.ref)))) {
    const versions = asked.get(name) ?? new Set();
    const version = remembered.get(refText(ref))?.[path];
    asked.set(name, version === undefined ? versions : versions.add(version));
  }
  return new Map([...asked].map(([name, versions]) => [name, [...versions]]));
}

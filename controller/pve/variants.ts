// Methods whose parameters depend on the object's type, as Proxmox 9.2 validates them (pve-common 9.1.17 and newer,
// used by the rules of HA): until the type is known and right, every parameter of a type is undeclared, and
// complaints about a type's own parameters name the variant in their place.
import { type ApiMethod, paramOf } from './api-tables.ts';
import { isOptional, type Param } from './param.ts';
import { isAtLeast } from './text-check.ts';

export interface Variants {
  /** Undeclared for this object's type (or because its type is unknown). */
  refuses(name: string): boolean;
  wants(name: string, param: Param): boolean;
  place(name: string): string;
}

export function parseVariants(method: ApiMethod, given: ReadonlyMap<string, unknown>): Variants | undefined {
  if (!method.path.startsWith('/cluster/ha/rules') || !isAtLeast(method.version, '9.2')) return undefined;
  const typeProperty = [...method.params.values()].find((param) => param['type-property'] !== undefined)?.['type-property'];
  if (typeProperty === undefined) return undefined;
  const written = given.get(typeProperty);
  const type = method.params.get(typeProperty)?.enum?.find((one) => one === written);
  const typesOf = (name: string) => paramOf(method, name)?.['instance-types'];
  return {
    refuses: (name) => typesOf(name) !== undefined && (type === undefined || !typesOf(name)?.includes(type)),
    wants: (name, param) => !isOptional(param) && (typesOf(name) === undefined || (type !== undefined && !!typesOf(name)?.includes(type))),
    place: (name) => (typesOf(name) === undefined ? name : `oneOf[${type}].${name}`),
  };
}

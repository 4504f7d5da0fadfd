// The rules of the HA manager (Proxmox VE 9): node affinity is an HAGroup, resource affinity an HARule.
import type { Facts } from '../../model/facts.ts';
import type { JsonObject } from '../../model/json.ts';

export const RULES_BULK = '/cluster/ha/rules';
export type RuleType = 'node-affinity' | 'resource-affinity';

export function rulePath(id: string): string {
  return `${RULES_BULK}/${id}`;
}

export function rulesOf(facts: Facts, type: RuleType): ReadonlyMap<string, JsonObject> {
  return new Map([...facts.haRules].filter(([, rule]) => rule.type === type));
}

/** Both types share their names. */
export function wrongType(facts: Facts, id: string, type: RuleType): string | undefined {
  const rule = facts.haRules.get(id);
  return rule === undefined || rule.type === type ? undefined : `the HA rule ${id} is of type ${String(rule.type)}, not ${type}: remove it, or choose another name`;
}

// Which HA rules cannot hold together; Proxmox refuses to write them and drops them when it finds them in the file.
// In: enabled rules and the cluster's nodes. Out: by rule id, the reasons.
// Must never judge a rule that is disabled: it constrains nothing.
import type { HaRule, NodeAffinityRule, ResourceAffinityRule } from './affinity.ts';

/** Reasons by rule id, all about the property `resources`, in the order in which Proxmox checks. */
export function infeasibleRules(rules: readonly HaRule[], nodes: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const places = rules.filter((rule) => rule.type === 'node-affinity');
  const bonds = rules.filter((rule) => rule.type === 'resource-affinity');
  const positive = bonds.filter((rule) => rule.affinity === 'positive');
  const negative = bonds.filter((rule) => rule.affinity === 'negative');
  const reasons = new Map<string, string[]>();
  const blame = (rule: HaRule, reason: string) => void reasons.set(rule.id, [...(reasons.get(rule.id) ?? []), reason]);
  usedTwice(places, blame);
  tooFewOrTooMany(bonds, nodes, blame);
  together(positive, negative, blame);
  severalPriorities(bonds, places, blame);
  severalPlaces(positive, places, blame);
  tooFewNodes(negative, places, blame);
  return reasons;
}

type Blame = (rule: HaRule, reason: string) => void;

function usedTwice(places: readonly NodeAffinityRule[], blame: Blame): void {
  for (const rule of places) {
    for (const sid of [...rule.resources].sort()) {
      if (places.some((other) => other !== rule && other.resources.has(sid))) blame(rule, `resource '${sid}' is already used in another node affinity rule`);
    }
  }
}

function tooFewOrTooMany(bonds: readonly ResourceAffinityRule[], nodes: readonly string[], blame: Blame): void {
  for (const rule of bonds) {
    if (rule.resources.size < 2) blame(rule, 'rule is ineffective as there are less than two resources');
  }
  for (const rule of bonds) {
    if (rule.affinity === 'negative' && rule.resources.size > nodes.length) blame(rule, 'rule defines more resources than available nodes');
  }
}

function together(positive: readonly ResourceAffinityRule[], negative: readonly ResourceAffinityRule[], blame: Blame): void {
  for (const plus of positive) {
    for (const minus of negative) {
      if (common(plus, minus).length < 2) continue;
      blame(minus, 'rule shares two or more resources with a positive resource affinity rule');
      blame(plus, 'rule shares two or more resources with a negative resource affinity rule');
    }
  }
}

function severalPriorities(bonds: readonly ResourceAffinityRule[], places: readonly NodeAffinityRule[], blame: Blame): void {
  for (const bond of bonds) {
    const paired = places.filter((place) => common(bond, place).length > 0);
    if (!paired.some((place) => new Set(place.nodes.values()).size > 1)) continue;
    blame(bond, 'resources are in node affinity rules with multiple priorities');
    for (const place of paired) blame(place, 'resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities');
  }
}

function severalPlaces(positive: readonly ResourceAffinityRule[], places: readonly NodeAffinityRule[], blame: Blame): void {
  for (const bond of positive) {
    const paired = places.filter((place) => common(bond, place).length > 0);
    if (paired.length < 2) continue;
    blame(bond, 'resources are in multiple node affinity rules');
    for (const place of paired) {
      blame(place, 'at least one resource is in a positive resource affinity rule and there are other resources in at least one other node affinity rule already');
    }
  }
}

function tooFewNodes(negative: readonly ResourceAffinityRule[], places: readonly NodeAffinityRule[], blame: Blame): void {
  for (const bond of negative) {
    const paired = places.filter((place) => common(bond, place).length > 0);
    const located = new Set(paired.flatMap((place) => common(bond, place)));
    const allowed = new Set(paired.flatMap((place) => [...place.nodes.keys()]));
    if (allowed.size >= located.size) continue;
    blame(bond, 'two or more resources are restricted to less nodes than available to the resources');
    for (const place of paired) {
      blame(place, 'at least one resource is in a negative resource affinity rule and this rule would restrict these to less nodes than available to the resources');
    }
  }
}

function common(a: HaRule, b: HaRule): string[] {
  return [...a.resources].filter((sid) => b.resources.has(sid));
}

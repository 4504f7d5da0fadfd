// Where an HA service may and should run: node affinity, resource affinity and HA groups, compiled and applied.
// In: rules and groups as sections, services' states, online nodes. Out: the chosen node, or nothing.
// Must never look at guests, time or power: a node counts as available only when the manager says it is online.
import type { HaSection, HaState, ServiceStatus } from './state.ts';
import { infeasibleRules } from './rule-checks.ts';

export interface NodeAffinityRule {
  readonly id: string; readonly type: 'node-affinity'; readonly resources: ReadonlySet<string>;
  readonly nodes: ReadonlyMap<string, number>; readonly strict: boolean;
}
export interface ResourceAffinityRule {
  readonly id: string; readonly type: 'resource-affinity'; readonly resources: ReadonlySet<string>; readonly affinity: 'positive' | 'negative';
}
export type HaRule = NodeAffinityRule | ResourceAffinityRule;

export interface Affinity {
  /** By sid: priority of each node the service may use; -1 for the nodes that a non-strict rule does not name. */
  readonly nodes: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly together: ReadonlyMap<string, ReadonlySet<string>>;
  readonly apart: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The enabled rules, HA groups as node affinity included, without those that contradict one another. */
export function compileAffinity(ha: HaState, nodes: readonly string[]): Affinity {
  const all = enabledRules(ha);
  const bad = infeasibleRules(all, nodes);
  const rules = spreadOverCompanions(mergeConnected(all.filter((rule) => !bad.has(rule.id))));
  return { nodes: nodePriorities(rules, nodes), together: pairs(rules, 'positive'), apart: pairs(implied(rules), 'negative') };
}

export function enabledRules(ha: HaState): HaRule[] {
  const rules = Object.entries(ha.rules).filter(([, section]) => section['disable'] === undefined).map(([id, section]) => ruleOf(id, section));
  return [...rules, ...groupRules(ha)];
}

export function ruleOf(id: string, section: HaSection): HaRule {
  const resources = new Set(splitList(section['resources']));
  if (section['type'] === 'resource-affinity') {
    return { id, type: 'resource-affinity', resources, affinity: section['affinity'] === 'negative' ? 'negative' : 'positive' };
  }
  return { id, type: 'node-affinity', resources, nodes: nodePriorityList(section['nodes']), strict: Number(section['strict'] ?? 0) === 1 };
}

/** `pve1:2,pve2` as node → priority; none written is 0. */
export function nodePriorityList(list: string | number | undefined): Map<string, number> {
  return new Map(splitList(list).map((entry) => {
    const [node = '', priority = '0'] = entry.split(':');
    return [node, Number(priority)];
  }));
}

export function splitList(list: string | number | undefined): string[] {
  return String(list ?? '').split(/[,;\s]+/).filter((part) => part !== '');
}

function groupRules(ha: HaState): NodeAffinityRule[] {
  const users = new Map<string, Set<string>>();
  for (const [sid, section] of Object.entries(ha.resources)) {
    const group = section['group'];
    if (group === undefined || !ha.groups[String(group)]) continue;
    users.set(String(group), (users.get(String(group)) ?? new Set()).add(sid));
  }
  return [...users].sort(([a], [b]) => compare(a, b)).map(([group, resources]) => ({
    id: `ha-group-${group}`, type: 'node-affinity', resources,
    nodes: nodePriorityList(ha.groups[group]?.['nodes']), strict: Number(ha.groups[group]?.['restricted'] ?? 0) === 1,
  }));
}

/** Positive rules that share a service are one rule: their services all belong together. */
function mergeConnected(rules: readonly HaRule[]): HaRule[] {
  const merged: ResourceAffinityRule[] = [];
  for (const rule of rules) {
    if (rule.type !== 'resource-affinity' || rule.affinity !== 'positive') continue;
    const touching = merged.filter((other) => [...rule.resources].some((sid) => other.resources.has(sid)));
    for (const other of touching) merged.splice(merged.indexOf(other), 1);
    merged.push({ ...rule, id: [...touching, rule].map((one) => one.id).join('-'), resources: new Set([rule, ...touching].flatMap((one) => [...one.resources])) });
  }
  return [...rules.filter((rule) => rule.type === 'node-affinity' || rule.affinity === 'negative'), ...merged];
}

/** A service kept together with one that has a node affinity has the same node affinity. */
function spreadOverCompanions(rules: readonly HaRule[]): HaRule[] {
  const positive = rules.filter((rule) => rule.type === 'resource-affinity' && rule.affinity === 'positive');
  return rules.map((rule) => {
    if (rule.type !== 'node-affinity') return rule;
    const companions = positive.filter((other) => [...other.resources].some((sid) => rule.resources.has(sid)));
    return { ...rule, resources: new Set([...rule.resources, ...companions.flatMap((other) => [...other.resources])]) };
  });
}

/** Who is kept together with A is kept apart from whatever A is kept apart from. */
function implied(rules: readonly HaRule[]): HaRule[] {
  const positive = rules.filter((rule) => rule.type === 'resource-affinity' && rule.affinity === 'positive');
  const more: HaRule[] = [];
  for (const rule of rules) {
    if (rule.type !== 'resource-affinity' || rule.affinity !== 'negative') continue;
    for (const group of positive) {
      const shared = [...group.resources].filter((sid) => rule.resources.has(sid));
      if (shared.length !== 1) continue;
      for (const sid of group.resources) {
        for (const other of rule.resources) {
          if (!group.resources.has(other)) more.push({ id: `${group.id}-${sid}-${other}`, type: 'resource-affinity', affinity: 'negative', resources: new Set([sid, other]) });
        }
      }
    }
  }
  return [...rules, ...more];
}

function nodePriorities(rules: readonly HaRule[], nodes: readonly string[]): Map<string, Map<string, number>> {
  const bySid = new Map<string, Map<string, number>>();
  for (const rule of rules) {
    if (rule.type !== 'node-affinity') continue;
    const priorities = new Map(rule.nodes);
    if (!rule.strict) for (const node of nodes) if (!priorities.has(node)) priorities.set(node, -1);
    for (const sid of rule.resources) bySid.set(sid, priorities);
  }
  return bySid;
}

function pairs(rules: readonly HaRule[], affinity: 'positive' | 'negative'): Map<string, Set<string>> {
  const bySid = new Map<string, Set<string>>();
  for (const rule of rules) {
    if (rule.type !== 'resource-affinity' || rule.affinity !== affinity) continue;
    for (const sid of rule.resources) {
      const others = bySid.get(sid) ?? new Set<string>();
      for (const other of rule.resources) if (other !== sid) others.add(other);
      bySid.set(sid, others);
    }
  }
  return bySid;
}

export type Preference = 'none' | 'best-score' | 'try-next';

export interface Placement {
  readonly affinity: Affinity;
  readonly services: Readonly<Record<string, ServiceStatus>>;
  readonly online: ReadonlySet<string>;
  readonly failback: boolean;
  /** By node: how many guests run there that are not the manager's; they count as load since Proxmox VE 9.2. */
  readonly others: Readonly<Record<string, number>>;
}

/** The node where `sid` should be, or nothing when no online node may have it. */
export function selectNode(sid: string, preference: Preference, placement: Placement): string | undefined {
  const service = placement.services[sid];
  if (!service) return undefined;
  const { allowed, preferred } = nodesFor(sid, placement);
  if (preferred.size === 0) return undefined;
  const { together, apart } = companionsOf(sid, placement);
  const here = service.node;
  if (preference === 'none' && !placement.failback && allowed.has(here) && (together.has(here) || !apart.has(here))) return here;
  const left = new Set(preferred);
  if (preference === 'try-next') for (const node of service.failed_nodes ?? []) left.delete(node);
  for (const node of apart) left.delete(node);
  keepTogether(left, together);
  if (service.maintenance_node !== undefined && left.has(service.maintenance_node)) return service.maintenance_node;
  if (preference === 'none' && left.has(here)) return here;
  return leastUsed(left, here, preference, placement);
}

function nodesFor(sid: string, placement: Placement): { allowed: ReadonlySet<string>; preferred: ReadonlySet<string> } {
  const priorities = placement.affinity.nodes.get(sid);
  if (!priorities) return { allowed: placement.online, preferred: placement.online };
  const available = [...priorities].filter(([node]) => placement.online.has(node));
  const highest = Math.max(...available.map(([, priority]) => priority));
  return {
    allowed: new Set(available.map(([node]) => node)),
    preferred: new Set(available.filter(([, priority]) => priority === highest).map(([node]) => node)),
  };
}

function companionsOf(sid: string, placement: Placement): { together: Map<string, number>; apart: Set<string> } {
  const together = new Map<string, number>();
  const apart = new Set<string>();
  for (const other of placement.affinity.together.get(sid) ?? []) {
    const { current, target } = usedNodes(placement.services[other], placement.online);
    const node = target ?? current;
    if (node !== undefined) together.set(node, (together.get(node) ?? 0) + 1);
  }
  for (const other of placement.affinity.apart.get(sid) ?? []) {
    const { current, target } = usedNodes(placement.services[other], placement.online);
    if (current !== undefined) apart.add(current);
    if (target !== undefined) apart.add(target);
  }
  return { together, apart };
}

function keepTogether(left: Set<string>, together: ReadonlyMap<string, number>): void {
  const possible = [...together].filter(([node]) => left.has(node)).sort(([a, m], [b, n]) => n - m || compare(a, b));
  const majority = possible[0]?.[0];
  if (majority === undefined) return;
  for (const node of left) if (node !== majority) left.delete(node);
}

function leastUsed(left: ReadonlySet<string>, here: string, preference: Preference, placement: Placement): string | undefined {
  const uses = new Map<string, number>(Object.entries(placement.others));
  for (const service of Object.values(placement.services)) {
    const { current, target } = usedNodes(service, placement.online);
    for (const node of new Set([current, target])) if (node !== undefined) uses.set(node, (uses.get(node) ?? 0) + 1);
  }
  const order = [...left].sort((a, b) => (uses.get(a) ?? 0) - (uses.get(b) ?? 0) || compare(a, b));
  const at = order.indexOf(here);
  return preference === 'try-next' && at >= 0 && at < order.length - 1 ? order[at + 1] : order[0];
}

/** The nodes whose load a service counts to: where it is and where it is going, when online. */
export function usedNodes(service: ServiceStatus | undefined, online: ReadonlySet<string>): { current?: string; target?: string } {
  if (!service || service.state === 'stopped' || service.state === 'request_start') return {};
  const moves = service.state === 'migrate' || service.state === 'relocate' || service.state === 'request_start_balance';
  return {
    ...(service.state !== 'request_start_balance' && online.has(service.node) ? { current: service.node } : {}),
    ...(moves && service.target !== undefined && online.has(service.target) ? { target: service.target } : {}),
  };
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// HA rules (since Proxmox VE 9): where services may run, and which belong together or apart.
// In: calls. Out: rules.cfg. Must never write a rule that contradicts another.
import type { Json } from '../../model/json.ts';
import { enabledRules, nodePriorityList, splitList } from '../ha/affinity.ts';
import { infeasibleRules } from '../ha/rule-checks.ts';
import type { HaSection, HaState } from '../ha/state.ts';
import { failure, requiredText, text, type Call, type Routes } from './handler.ts';
import { changeHaFiles, deleteOptions, fileDigest, optionsOf, refuseStaleDigest } from './ha-files.ts';

export const ruleRoutes: Routes = {
  'GET /cluster/ha/rules': (call) => {
    const type = text(call, 'type');
    const resource = text(call, 'resource');
    const whole = wholeOf(call.state.ha);
    const wanted = ([, rule]: readonly [string, HaSection]) => (type === undefined || rule['type'] === type) && (resource === undefined || splitList(rule['resources']).includes(resource));
    return Object.entries(call.state.ha.rules).filter(wanted).map(([id]) => shown(call.state.ha, id, whole));
  },
  'GET /cluster/ha/rules/{rule}': (call) => shown(call.state.ha, requiredText(call, 'rule'), wholeOf(call.state.ha)),
  'POST /cluster/ha/rules': create,
  'PUT /cluster/ha/rules/{rule}': update,
  'DELETE /cluster/ha/rules/{rule}': (call) => {
    changeHaFiles(call, 'delete ha rule failed', () => void delete call.state.ha.rules[requiredText(call, 'rule')]);
    return undefined;
  },
};

/** What each rule shows of all rules together. */
interface Whole { readonly digest: string; readonly order: ReadonlyMap<string, number>; readonly errors: ReadonlyMap<string, readonly string[]> }

function wholeOf(ha: HaState): Whole {
  return { digest: fileDigest(ha.rules), order: new Map(Object.keys(ha.rules).map((id, at) => [id, at + 1])), errors: infeasible(ha) };
}

function shown(ha: HaState, id: string, whole: Whole): Json {
  const rule = ha.rules[id];
  if (!rule) throw failure(`no such ha rule '${id}'`);
  const errors = whole.errors.get(id);
  return { ...rule, ...encoded(rule), rule: id, order: whole.order.get(id) ?? 0, digest: whole.digest, ...(errors ? { errors: { resources: errors } } : {}) };
}

/** Lists are written back sorted; a priority of 0 is not written. */
function encoded(rule: HaSection): HaSection {
  const nodes = [...nodePriorityList(rule['nodes'])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([node, priority]) => (priority > 0 ? `${node}:${priority}` : node));
  return { resources: [...new Set(splitList(rule['resources']))].sort().join(','), ...(rule['nodes'] === undefined ? {} : { nodes: nodes.join(',') }) };
}

function infeasible(ha: HaState): ReadonlyMap<string, readonly string[]> {
  return infeasibleRules(enabledRules(ha), Object.keys(ha.manager.node_status));
}

function create(call: Call): undefined {
  const { ha } = call.state;
  const id = requiredText(call, 'rule');
  const rule = optionsOf(call, ['rule', ...(call.params['disable'] === 0 ? ['disable'] : [])]);
  changeHaFiles(call, 'create ha rule failed', () => {
    if (ha.rules[id]) throw failure(`HA rule '${id}' already defined`);
    refuseUnknown(call, rule);
    refuseInfeasible(ha, id, rule);
    ha.rules[id] = { ...rule, ...encoded(rule) };
  });
}

function update(call: Call): undefined {
  const { ha } = call.state;
  const id = requiredText(call, 'rule');
  const options = optionsOf(call, ['rule', 'type', ...(call.params['disable'] === 0 ? ['disable'] : [])]);
  changeHaFiles(call, 'update HA rules failed', () => {
    refuseStaleDigest(call, ha.rules);
    const rule = ha.rules[id];
    if (!rule) throw failure(`HA rule '${id}' does not exist`);
    refuseUnknown(call, options);
    const changed = { ...rule, ...options };
    deleteOptions(call, changed, deletable(rule));
    refuseInfeasible(ha, id, changed);
    ha.rules[id] = { ...changed, ...encoded(changed) };
  });
}

function deletable(rule: HaSection): { readonly known: readonly string[]; readonly required: readonly string[] } {
  const required = rule['type'] === 'node-affinity' ? ['resources', 'nodes'] : ['resources', 'affinity'];
  return { known: [...required, 'disable', 'comment', ...(rule['type'] === 'node-affinity' ? ['strict'] : [])], required };
}

function refuseUnknown(call: Call, rule: HaSection): void {
  if (rule['resources'] !== undefined) {
    const unmanaged = splitList(rule['resources']).filter((sid) => !call.state.ha.resources[sid]).sort();
    if (unmanaged.length > 0) throw failure(`cannot use unmanaged resource(s) ${unmanaged.join(', ')}.`);
  }
  if (rule['nodes'] !== undefined) {
    const missing = [...nodePriorityList(rule['nodes']).keys()].filter((node) => !call.state.nodes[node]).sort();
    if (missing.length > 0) throw failure(`cannot use non-existent node(s) ${missing.join(', ')}.`);
  }
}

function refuseInfeasible(ha: HaState, id: string, rule: HaSection): void {
  const reasons = infeasible({ ...ha, rules: { ...ha.rules, [id]: rule } }).get(id);
  if (reasons) throw failure(`400 Rule '${id}' is invalid.\nresources: ${reasons.join(', ')}`);
}

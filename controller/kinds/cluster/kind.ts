// The cluster as a kind. In: its manifest. Out: its datacenter options, brought to what the manifest says; everything
// else in it is for latido itself. Must never be created, deleted or pruned.
import { objectsOf } from '../../model/desired.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { ClusterSpec } from '../../model/desired.ts';
import type { Finding } from '../../model/finding.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import type { KindContext, ResourceKind } from '../../model/kind.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { writeStep } from '../collection.ts';
import { changesOf, deletesOf, opsOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { OptionRules, Wanted } from '../collection-ops.ts';
import { findingsOf, nameFindings, valueFindings } from '../option-findings.ts';
import { CLUSTER_SCHEMA } from './schema.ts';

const OPTIONS = '/cluster/options';
const ELSEWHERE = { delete: 'remove the line of the option itself' };

export function clusterKind(tables: ApiTables): ResourceKind<ClusterSpec, JsonObject> {
  const method = tables.method('PUT', OPTIONS);
  const rules: OptionRules<ClusterSpec> = {
    wanted: wantedOf, unset: 'default', marksComment: false,
    param: (option) => method?.params.get(option),
    optionAt: (path) => (path.startsWith('options.') ? path.slice('options.'.length) : undefined),
  };
  return {
    kind: 'Cluster', schema: CLUSTER_SCHEMA, idSpace: 'cluster', refersTo: [], neverPruned: true,
    id: (object) => object.ref.name,
    findings: (object) => (method ? optionFindings(object, method) : []),
    liveFindings: clusterLiveFindings,
    requires: () => [],
    marked: () => [],
    reads: () => [],
    observe: (_subject, facts) => {
      const blind = facts.unread.get(OPTIONS);
      return blind === undefined ? { state: 'present', live: facts.options, owned: true } : { state: 'unknown', why: `${OPTIONS} could not be read: ${blind}` };
    },
    diff: (subject, { live }, context) => changesOf(opsOf(rules, subject, present(live), context)),
    steps: (change, context) => {
      const ops = change.observed.state === 'present' ? opsOf(rules, change.subject, present(change.observed.live), context) : [];
      if (ops.length === 0) return { steps: [] };
      return { steps: [writeStep(titleOf(ops), { method: 'PUT', path: OPTIONS, params: { ...paramsOf(ops), ...deletesOf(ops) }, file: 'datacenter.cfg' })] };
    },
    fields: ({ spec }) => Object.keys(spec.options ?? {}).sort().map((option) => `options.${option}`),
  };
}

function wantedOf({ spec }: DesiredObject<ClusterSpec>): readonly Wanted[] {
  // The values came from YAML.
  return Object.entries(spec.options ?? {}).map(([option, value]) => ({ option, path: `options.${option}`, value: value as Json }));
}

function optionFindings(object: DesiredObject<ClusterSpec>, method: NonNullable<ReturnType<ApiTables['method']>>): readonly Finding[] {
  const found = findingsOf(object);
  const check = { method, what: 'the datacenter', elsewhere: ELSEWHERE };
  return [...nameFindings(found, check, object.spec.options ?? {}, 'options'), ...valueFindings(found, check, wantedOf(object))];
}

/** An option that nobody set is answered as an empty text, when it is answered at all. */
function present(options: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ''));
}

/** Told by the live cluster alone; `validate` says it already when exactly two Node documents are written. */
function lacksThirdVote({ spec }: DesiredObject<ClusterSpec>, { desired, facts }: KindContext): boolean {
  const isSaid = objectsOf(desired, 'Node').length === 2;
  return facts.nodes.length === 2 && facts.haResources.size > 0 && !facts.qdevice && spec.qdevice !== true && !isSaid && !facts.unread.has('/cluster/config/qdevice');
}

function clusterLiveFindings(object: DesiredObject<ClusterSpec>, context: KindContext): readonly Finding[] {
  const { facts } = context;
  const found = findingsOf(object);
  const { version, qdevice } = object.spec;
  return [
    ...(version !== undefined && version !== facts.version ? [found('VERSION_UNSUPPORTED', 'spec.version', `the cluster runs Proxmox VE ${facts.version}, and the manifest says ${version}`, `write version: "${facts.version}"`, 'warning')] : []),
    ...(qdevice === true && !facts.qdevice && !facts.unread.has('/cluster/config/qdevice')
      ? [found('HA_WITHOUT_THIRD_VOTE', 'spec.qdevice', 'the manifest counts on a QDevice, and none is connected', 'look at it on a node: pvecm status', 'warning')] : []),
    ...(lacksThirdVote(object, context) ? [found('HA_WITHOUT_THIRD_VOTE', 'spec', 'the cluster has two nodes, HA resources and no third vote: when one node is lost, the other cannot write and starts nothing', 'add a QDevice (pvecm qdevice setup) and write qdevice: true', 'warning')] : []),
  ];
}

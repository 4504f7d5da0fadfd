// HARule: which guests the HA manager keeps together or apart. One row of the collection /cluster/ha/rules, which
// Proxmox VE has from 9 on.
import type { DesiredObject } from '../../model/desired.ts';
import type { Desired } from '../../model/desired.ts';
import { sidOf } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KindContext, ResourceKind } from '../../model/kind.ts';
import type { Ref } from '../../model/ref.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { collectionKind, writeStep } from '../collection.ts';
import type { Edit, Live } from '../collection.ts';
import { deletesOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { Scope, Wanted } from '../collection-ops.ts';
import { desiredGuests, findGuest, GUEST_KINDS, sidsOf, vmidOf } from '../guests-named.ts';
import type { GuestName } from '../guests-named.ts';
import { findingsOf, guessFix, valueFindings } from '../option-findings.ts';
import { HA_FILES, nameFindings } from './group.ts';
import { RULES_BULK, rulePath, rulesOf, wrongType } from './rules.ts';

export interface HaRuleSpec { readonly affinity: 'positive' | 'negative'; readonly guests: readonly GuestName[]; readonly comment?: string; readonly disabled?: boolean }

const TYPE = 'resource-affinity';

const SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['affinity', 'guests'],
  description: 'Guests that the HA manager keeps on one node, or never on the same. Proxmox VE 9 and later.',
  properties: {
    affinity: { enum: ['positive', 'negative'], description: '`positive`: always together on one node. `negative`: each on another node, so that one failure takes only one of them.' },
    guests: {
      type: 'array', minItems: 2, maxItems: 200, uniqueItems: true, items: { type: ['string', 'integer'] },
      description: 'The guests, by the name of their manifest or by VMID. Each has to be an HA resource (`ha` in its manifest).',
    },
    disabled: { type: 'boolean', default: false, description: 'Keep the rule and do not follow it.' },
    comment: { type: 'string', maxLength: 400, pattern: '^[^\\n]*$', description: 'What it is for, in one line. Our mark is kept at its end.' },
  },
};

export function haRuleKind(tables: ApiTables): ResourceKind<HaRuleSpec, Live> {
  const method = tables.method('POST', RULES_BULK);
  return collectionKind<HaRuleSpec>({
    kind: 'HARule', schema: SCHEMA, idSpace: 'HA rule', refersTo: [...GUEST_KINDS], bulk: RULES_BULK, marksComment: true, unset: 'default',
    listed: (facts) => rulesOf(facts, TYPE),
    param: (option) => method?.params.get(option),
    optionAt: (path) => (path === 'disabled' ? 'disable' : undefined),
    wanted: wantedOf,
    findings: (object, desired) => {
      const found = findingsOf(object);
      if (!method) return [found('VERSION_UNSUPPORTED', 'kind', `Proxmox VE ${tables.version} has no rules that keep guests together or apart`, 'remove the document: it needs Proxmox VE 9')];
      return [...nameFindings(tables, object), ...guestFindings(object, desired), ...valueFindings(found, { method, what: 'an HA rule', elsewhere: {} }, wantedOf(object, { desired }))];
    },
    liveFindings: guestLiveFindings,
    requires: requiresOf,
    refine: (observed, { subject, context }) => {
      const other = observed.state === 'absent' ? wrongType(context.facts, subject.id, TYPE) : undefined;
      return other === undefined ? observed : { state: 'unknown', why: other };
    },
    create: ({ id, ops }) => [writeStep('create it', { method: 'POST', path: RULES_BULK, params: { rule: id, type: TYPE, ...paramsOf(ops) }, file: HA_FILES })],
    update: updateSteps,
    remove: ({ id }) => ({ steps: [writeStep('delete it', { method: 'DELETE', path: rulePath(id), params: {}, file: HA_FILES })] }),
  });
}

function wantedOf({ spec }: DesiredObject<HaRuleSpec>, { desired, facts }: Scope): readonly Wanted[] {
  const sids = sidsOf(spec.guests.flatMap((name) => findGuest(name, desired, facts) ?? []));
  return [
    { option: 'affinity', path: 'affinity', value: spec.affinity },
    ...(sids.length === 0 ? [] : [{ option: 'resources', path: 'guests', value: sids }]),
    ...(spec.disabled === undefined ? [] : [{ option: 'disable', path: 'disabled', value: spec.disabled }]),
  ];
}

/** Proxmox drops `disable: 0` in silence: a rule is enabled again by taking the option away. */
function updateSteps({ id, ops, live }: Edit<HaRuleSpec>) {
  const { disable, ...params } = paramsOf(ops);
  const enables = disable === '0' ? [{ op: 'unset', option: 'disable', path: 'disabled', from: 1 } as const] : [];
  return [writeStep(titleOf(ops), { method: 'PUT', path: rulePath(id), params: { type: TYPE, ...params, ...(disable === '1' ? { disable } : {}), ...deletesOf([...ops, ...enables]) }, file: HA_FILES, seen: { bulk: RULES_BULK, options: live.options } })];
}

function guestFindings(object: DesiredObject<HaRuleSpec>, desired: Desired): readonly Finding[] {
  const found = findingsOf(object);
  return object.spec.guests.flatMap((name, at): readonly Finding[] => {
    const path = `spec.guests.${at}`;
    const guest = findGuest(name, desired);
    if (guest?.object) return guest.object.spec.ha ? [] : [found('REFERENCE_MISSING', path, `${guest.object.ref.kind}/${guest.object.ref.name} is not an HA resource, and a rule holds only those`, 'write `ha: {}` in its manifest')];
    // A VMID may be that of a guest which only the cluster knows.
    if (vmidOf(name) !== undefined) return [];
    return [found('REFERENCE_MISSING', path, `no manifest defines a guest '${name}'`, guessFix(String(name), desiredGuests(desired).map((one) => one.object.ref.name)))];
  });
}

function guestLiveFindings(object: DesiredObject<HaRuleSpec>, { desired, facts }: KindContext): readonly Finding[] {
  const found = findingsOf(object);
  return object.spec.guests.flatMap((name, at): readonly Finding[] => {
    const guest = findGuest(name, desired, facts);
    if (guest?.object || facts.unread.has('/cluster/resources') || facts.unread.has('/cluster/ha/resources')) return [];
    if (!guest) return [found('REFERENCE_MISSING', `spec.guests.${at}`, `there is no guest ${name}, and no manifest defines it`)];
    const sid = sidOf(guest.type, guest.vmid);
    return facts.haResources.has(sid) ? [] : [found('REFERENCE_MISSING', `spec.guests.${at}`, `${sid} is not an HA resource, and a rule holds only those`, 'make it one: ha-manager add, or a manifest with `ha`')];
  });
}

function requiresOf({ spec }: DesiredObject<HaRuleSpec>, desired: Desired): readonly Ref[] {
  return spec.guests.flatMap((name) => findGuest(name, desired)?.object?.ref ?? []);
}

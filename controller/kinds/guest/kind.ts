// A guest as a kind: the same questions for virtual machines and containers, answered by this folder's files.
import type { Change, FieldChange, Read, Subject } from '../../model/change.ts';
import type { DesiredObject } from '../../model/desired.ts';
import type { Facts, GuestType } from '../../model/facts.ts';
import { sidOf } from '../../model/facts.ts';
import type { KindContext, ResourceKind, Steps } from '../../model/kind.ts';
import type { Ref } from '../../model/ref.ts';
import type { Desired } from '../../model/desired.ts';
import { isObject } from '../../model/json.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { heldAbove } from '../drbd/above.ts';
import { heldByDrain } from '../node/drain.ts';
import { createSteps } from './create.ts';
import { deleteFields, deleteSteps, RECLAIM_DELETE } from './delete.ts';
import { isDiskSlot, parseDesiredDisk } from './disks.ts';
import { fieldsOf } from './fields.ts';
import { guestFindings, guestLiveFindings } from './findings.ts';
import { RULES_SINCE } from './ha.ts';
import { guestPath, observeGuest } from './live.ts';
import type { GuestLive } from './live.ts';
import { mustMove, volumes } from './migration.ts';
import { manifestsNamed, templateCalled } from './named.ts';
import { guestOps } from './ops.ts';
import { guestSchema } from './spec.ts';
import type { GuestSpec } from './spec.ts';
import { updateSteps } from './steps.ts';

export function guestKind(tables: ApiTables, type: GuestType): ResourceKind<GuestSpec, GuestLive> {
  const kind = type === 'qemu' ? 'VirtualMachine' : 'Container';
  return {
    kind, schema: guestSchema(type), idSpace: 'vmid',
    id: (object) => String(object.spec.vmid),
    findings: (object, desired) => guestFindings(tables, type, object, desired),
    liveFindings: (object, context) => guestLiveFindings(type, object, context),
    requires: (object, desired) => requiresOf(tables, type, object, desired),
    refersTo: ['Storage', 'Pool', ...(Number(tables.version) < RULES_SINCE ? ['HAGroup'] : [])],
    turn: (object) => choices(type, object),
    marked: (facts, mark) => [...facts.guests.values()].filter((guest) => guest.type === type && guest.tags.includes(mark))
      .map((guest) => ({ ref: { kind, name: guest.name || sidOf(type, guest.vmid) }, id: String(guest.vmid) })),
    reads: (subject, facts, desired) => readsOf(type, subject, facts, desired),
    observe: (subject, facts, answer, mark) => {
      const observed = observeGuest(type, subject, facts, answer, mark);
      if (observed.state !== 'absent' || !subject.desired) return observed;
      const template = subject.desired.spec.source?.template === undefined ? undefined : templateGuest(subject.desired, type, facts);
      const origin = template && answer(`${guestPath(type, template.node, template.vmid)}/pending`);
      return origin?.ok ? { state: 'absent', origin: origin.data } : observed;
    },
    diff: (subject, observed, context) => diffGuest(tables, type, subject, observed.live, context),
    steps: (change, context) => stepsFor(tables, type, change, context),
    standsOn: (live, base) => base.guest.template && volumes(type, live).some(({ volume }) => volume.split(/[:/]/).some((part) => part.startsWith(`base-${base.guest.vmid}-`))),
    identity: (object) => (type === 'qemu' ? writtenUuid(object) : undefined),
    secretPaths: () => [type === 'qemu' ? 'config.cipassword' : 'config.password'],
    fields: (object) => [
      ...Object.keys(object.spec.config ?? {}).sort().map((option) => `config.${option}`),
      ...(object.spec.ha ? ['ha'] : []), ...(object.spec.ha?.group !== undefined ? ['ha.group'] : []), ...(object.spec.reclaim === 'delete' ? [RECLAIM_DELETE] : []),
    ],
  };
}

function writtenUuid({ spec }: DesiredObject<GuestSpec>): string | undefined {
  const smbios = spec.config?.smbios1;
  const uuid = isObject(smbios) ? smbios.uuid : /(?:^|,)uuid=([^,]+)/.exec(String(smbios ?? ''))?.[1];
  return typeof uuid === 'string' ? uuid.toLowerCase() : undefined;
}

/** How much choice of storage it leaves: 0 when each disk has one place only. */
function choices(type: GuestType, { spec }: DesiredObject<GuestSpec>): number {
  return Object.entries(spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).reduce((sum, [, value]) => {
    const disk = parseDesiredDisk(type, value);
    return sum + ('problem' in disk || disk.type === 'given' ? 0 : disk.storages.length - 1);
  }, 0);
}

function diffGuest(tables: ApiTables, type: GuestType, subject: Subject<GuestSpec>, live: GuestLive, context: KindContext): readonly FieldChange[] {
  if (!subject.desired) return deleteFields(type, live, subject.memory?.fields.includes(RECLAIM_DELETE) === true);
  return fieldsOf(guestOps(tables, type, subject, live, context));
}

function stepsFor(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  const asked = ownSteps(tables, type, change, context);
  return asked.steps.length === 0 ? asked : { ...asked, steps: heldByDrain(heldAbove(asked.steps, storagesOf(type, change), context), change.observed.state === 'present' ? change.observed.live.guest.node : undefined, context) };
}

/** Those that it has disks on, and those that it is to have. */
function storagesOf(type: GuestType, { subject, observed }: Change<GuestSpec, GuestLive>): readonly string[] {
  const has = observed.state === 'present' ? volumes(type, observed.live).map(({ storage }) => storage) : [];
  return [...new Set([...has, ...(subject.desired ? storagesWanted(type, subject.desired) : [])])].sort();
}

function ownSteps(tables: ApiTables, type: GuestType, change: Change<GuestSpec, GuestLive>, context: KindContext): Steps {
  if (change.verb === 'create') return createSteps(tables, type, change, context);
  if (change.verb === 'delete') return deleteSteps(tables, type, change, context);
  return updateSteps(tables, type, change, context);
}

/** One configuration read for each guest that is there; its preconditions only when it has to move; its template's only when it is to be cloned. */
function readsOf(type: GuestType, subject: Subject<GuestSpec>, facts: Facts, desired: Desired): readonly Read[] {
  const guest = facts.guests.get(Number(subject.id));
  if (!guest) {
    const template = subject.desired && templateGuest(subject.desired, type, facts);
    return template ? [{ path: `${guestPath(type, template.node, template.vmid)}/pending`, node: template.node }] : [];
  }
  const isOnline = facts.nodes.some((node) => node.name === guest.node && node.online);
  if (guest.type !== type || !isOnline) return [];
  const base = guestPath(type, guest.node, guest.vmid);
  return [
    { path: `${base}/pending`, node: guest.node },
    ...(subject.desired && mustMove(subject.desired, guest.node, desired) ? [{ path: `${base}/migrate`, node: guest.node }] : []),
  ];
}

function templateGuest(object: DesiredObject<GuestSpec>, type: GuestType, facts: Facts) {
  const named = object.spec.source?.template;
  if (named === undefined) return undefined;
  if (typeof named === 'string') return templateCalled(facts, type, named);
  const guest = facts.guests.get(named);
  return guest?.type === type && guest.template ? guest : undefined;
}

/** DRBD → storage → guest → HA → virtual IP: a guest needs its storages, its pool, its template and, up to version 8, its HA group. */
function requiresOf(tables: ApiTables, type: GuestType, object: DesiredObject<GuestSpec>, desired: Desired): readonly Ref[] {
  const { spec } = object;
  const from = spec.source?.template;
  // A template that no manifest defines may be there already: only the cluster knows.
  const template = from === undefined ? [] : manifestsNamed(desired, type, from).map((object) => object.ref);
  return [
    ...[...new Set(storagesWanted(type, object))].sort().map((name) => ({ kind: 'Storage', name })),
    ...(spec.pool === undefined ? [] : [{ kind: 'Pool', name: spec.pool }]),
    ...template,
    ...(spec.ha?.group !== undefined && Number(tables.version) < RULES_SINCE ? [{ kind: 'HAGroup', name: spec.ha.group }] : []),
  ];
}

function storagesWanted(type: GuestType, { spec }: DesiredObject<GuestSpec>): readonly string[] {
  return Object.entries(spec.config ?? {}).filter(([option]) => isDiskSlot(type, option)).flatMap(([, value]) => {
    const disk = parseDesiredDisk(type, value);
    return 'problem' in disk || disk.type === 'given' ? [] : disk.storages;
  });
}

import type { DesiredObject } from '../../controller/model/desired.ts';
import { isObject } from '../../controller/model/json.ts';
import type { JsonObject } from '../../controller/model/json.ts';
import type { AnyKind, Registry } from '../../controller/model/kind.ts';
import type { Ref } from '../../controller/model/ref.ts';

/** A kind that nothing but a manifest has ever seen. */
export function toyKind(kind: string, schema: JsonObject, more: Partial<AnyKind> = {}): AnyKind {
  return {
    kind, schema, refersTo: [], idSpace: kind, id: (object) => object.ref.name, findings: () => [], requires: () => [], marked: () => [], reads: () => [],
    observe: () => ({ state: 'absent' }), diff: () => [], steps: () => ({ steps: [] }), fields: () => [], ...more,
  };
}

export function field(object: DesiredObject, name: string): unknown {
  return isObject(object.spec) ? object.spec[name] : undefined;
}

const WINDOW = { type: 'object', additionalProperties: false, required: ['start', 'hours'], properties: { days: { type: 'array', uniqueItems: true, items: { enum: ['mon', 'sat', 'sun'] } }, start: { type: 'string' }, hours: { type: 'number' }, timezone: { type: 'string' } } };
const VMIDS = { type: 'object', properties: { from: { type: 'integer' }, to: { type: 'integer' } }, required: ['from', 'to'] };
const CLUSTER: JsonObject = {
  type: 'object', additionalProperties: false, required: ['endpoints'],
  properties: {
    version: { type: 'string', 'x-effect': 'none', description: 'The version of Proxmox VE' }, qdevice: { type: 'boolean' },
    endpoints: { type: 'array', minItems: 1, items: { type: 'string', pattern: '^https://', examples: ['https://192.168.22.40:8006'] }, description: 'Where its API answers. Tried in order.' },
    policy: { type: 'object', properties: { restart: { enum: ['never', 'window', 'now'] }, windows: { type: 'array', items: WINDOW }, vmids: VMIDS } },
  },
};
const CARD: JsonObject = { anyOf: [{ type: 'string', minLength: 3 }, { type: 'object', additionalProperties: false, required: ['bridge'], properties: { model: { enum: ['virtio', 'e1000'] }, macaddr: { type: 'string' }, bridge: { type: 'string' }, tag: { type: 'integer', minimum: 1, maximum: 4094 } } }] };
const GUEST: JsonObject = {
  type: 'object', additionalProperties: false, required: ['vmid'],
  properties: {
    vmid: { type: 'integer', minimum: 100, description: 'The id of the guest. Unique.' }, power: { enum: ['running', 'stopped'] }, template: { type: 'boolean' }, storage: { type: 'string' }, from: { type: 'string' }, password: { type: 'string', maxLength: 3 },
    ha: { type: 'object', properties: { state: { type: 'string' } } }, tags: { type: 'array', uniqueItems: true, items: { type: 'string' } },
    config: { type: 'object', properties: { cores: { type: 'integer' }, name: { type: 'string' }, hostname: { type: 'string' } }, patternProperties: { '^net[0-9]+$': CARD }, additionalProperties: false },
  },
};

function guest(kind: string): AnyKind {
  return toyKind(kind, GUEST, {
    idSpace: 'VMID', id: (object) => String(field(object, 'vmid')),
    requires: (object) => [['Storage', 'storage'], [kind, 'from']].flatMap(([needed = '', name = '']): Ref[] => (typeof field(object, name) === 'string' ? [{ kind: needed, name: String(field(object, name)) }] : [])),
    findings: (object, desired) => typeof field(object, 'from') === 'string' && !desired.objects.some(({ ref }) => ref.kind === kind && ref.name === field(object, 'from')) && object.ref.name === 'particular'
      ? [{ code: 'REFERENCE_MISSING', severity: 'error', ref: object.ref, place: object.place('spec.from'), fact: 'the kind says it better' }]
      : (field(object, 'template') === true && field(object, 'power') === 'running' ? [{ code: 'OPTION_INVALID', severity: 'error', ref: object.ref, place: object.place('spec.power'), fact: 'a template cannot run' }] : []),
  });
}

export const TOY_KINDS: Registry = new Map([
  toyKind('Cluster', CLUSTER), toyKind('Node', { type: 'object' }, { mayBeLiveOnly: true }), toyKind('Storage', { type: 'object', properties: { needs: { type: 'string' } } }, { mayBeLiveOnly: true }),
  toyKind('Group', { type: 'object', properties: { members: { type: 'object' } } }, { requires: (object) => Object.keys(field(object, 'members') ?? {}).map((name) => ({ kind: 'Group', name })) }),
  guest('VirtualMachine'), guest('Container'),
].map((kind) => [kind.kind, kind]));

import type { JsonObject } from '../model/json.ts';
import { FINDING_CODES } from '../model/finding.ts';

export const PLAN_FORMAT = 'latido.plan/v1';

const text = (description: string): JsonObject => ({ type: 'string', description });
const count = (description: string): JsonObject => ({ type: 'integer', minimum: 0, description });
const list = (items: JsonObject, description: string): JsonObject => ({ type: 'array', items, description });
const closed = (description: string, required: readonly string[], properties: JsonObject): JsonObject =>
  ({ type: 'object', description, additionalProperties: false, required, properties });

/** The published shape of `latido plan --json` and of `--out` files. A field may be added within v1; none changes or goes. */
export const PLAN_SCHEMA: JsonObject = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'latido.plan/v1',
  title: 'A plan of latido',
  ...closed('What has to be done so that the cluster is as one commit asks, in the order of doing.', ['format', 'cluster', 'revision', 'fingerprint', 'inSync', 'counts', 'changes', 'warnings'], {
    format: { const: PLAN_FORMAT, description: 'The version of this shape.' },
    cluster: text('metadata.name of the Cluster document.'),
    revision: text('The commit, as `main@sha1:…`, or `dir` for a folder that is not in Git.'),
    fingerprint: text('Names exactly this plan; `latido apply --approve` takes it.'),
    inSync: { type: 'boolean', description: 'True when nothing has to change. Held changes count as changes.' },
    counts: closed('How many objects; `steps` counts steps that would be done now.', ['create', 'update', 'adopt', 'delete', 'unchanged', 'held', 'steps'], {
      create: count('Objects to create.'), update: count('Objects to change.'), adopt: count('Objects to take over.'), delete: count('Objects to delete.'),
      unchanged: count('Objects that are as desired.'), held: count('Objects that are held, whole or in part.'), steps: count('Steps that would be done now.'),
    }),
    changes: list({ $ref: '#/definitions/change' }, 'Only objects with a change, a hold or a note.'),
    warnings: list({ $ref: '#/definitions/finding' }, 'What does not prevent the plan and should be known.'),
  }),
  definitions: {
    ref: closed('An object of the manifests.', ['kind', 'name'], { kind: text('`VirtualMachine`, `StoragePool` …'), name: text('metadata.name.') }),
    hold: closed('Planned, not done now.', ['code', 'reason', 'approvable'], {
      code: text('Why, as a word for programs: `BUSY`, `RESTART_POLICY`, `DISRUPTION` …'),
      reason: text('Why, as a sentence for people.'),
      approvable: { type: 'boolean', description: 'Whether `--approve FINGERPRINT` lifts it.' },
    }),
    change: closed('What is done to one object.', ['object', 'id', 'verb', 'fields', 'requires', 'steps', 'notes'], {
      object: { $ref: '#/definitions/ref' },
      id: text('The live id in the cluster: the VMID, the storage id …'),
      verb: { enum: ['create', 'update', 'adopt', 'delete', 'none'], description: '`none`: nothing to do, listed for its hold or notes.' },
      fields: list(closed('One field, old and new. Secrets are masked.', ['path', 'effect'], {
        path: text('Below `spec`, with dots.'),
        from: { description: 'The live value; absent when not set.' },
        to: { description: 'The desired value; absent when it will be unset.' },
        effect: { enum: ['live', 'hotplug', 'restart', 'stop-start', 'disk-move', 'migrate', 'refused'], description: 'What it costs the guest.' },
        note: text('Why it is refused, or what else is worth knowing.'),
      }), 'In the order in which they are shown.'),
      requires: list({ $ref: '#/definitions/ref' }, 'Objects whose steps come first.'),
      steps: list({ $ref: '#/definitions/step' }, 'In the order of doing.'),
      hold: { $ref: '#/definitions/hold' },
      notes: list(text('A sentence.'), 'What else a reader should know, volumes that go or stay among it.'),
    }),
    step: closed('One effect.', ['id', 'title', 'after', 'risk', 'action', 'timeoutSeconds'], {
      id: text('`VirtualMachine/web#2`; the same in two plans over the same world.'),
      title: text('Imperative, without the name of the object.'),
      after: list(text('The id of a step.'), 'Steps that must have succeeded before.'),
      risk: { enum: ['none', 'hotplug', 'restart', 'downtime', 'migration', 'data-loss'], description: 'What it may do to the guest.' },
      node: text('The node that does the work.'),
      cost: closed('An estimate.', [], { bytes: { type: 'number', minimum: 0, description: 'Bytes that are copied.' }, seconds: { type: 'number', minimum: 0, description: 'How long it may take.' }, note: text('What else it costs.') }),
      action: {
        description: 'The request that is sent, secrets masked, or the condition that is waited for.',
        oneOf: [
          closed('A call of the API of Proxmox.', ['via', 'method', 'path', 'params'], { via: { const: 'pve' }, method: { enum: ['POST', 'PUT', 'DELETE'] }, path: text('Below `/api2/json`.'), params: { type: 'object' } }),
          closed('A command on a node.', ['via', 'node', 'argv'], { via: { const: 'ssh' }, node: text('Where it runs, as root.'), argv: { type: 'array', items: { type: 'string' } } }),
          closed('A wait.', ['via', 'until'], { via: { const: 'wait' }, until: { type: 'object', required: ['is'], properties: { is: { type: 'string' } } } }),
        ],
      },
      timeoutSeconds: { type: 'number', minimum: 0, description: 'When it is given up.' },
      hold: { $ref: '#/definitions/hold' },
    }),
    finding: closed('A mistake or a warning.', ['code', 'severity', 'fact'], {
      code: { enum: Object.keys(FINDING_CODES), description: 'A closed list; the README says what to do for each.' },
      severity: { enum: ['error', 'warning'] },
      fact: text('What is the case.'),
      fix: text('What to do.'),
      place: closed('Where it was written.', ['file', 'line', 'column'], { file: text('Below the folder.'), line: { type: 'integer', minimum: 1 }, column: { type: 'integer', minimum: 1 } }),
      object: { $ref: '#/definitions/ref' },
      node: text('The node it is about.'),
    }),
  },
};

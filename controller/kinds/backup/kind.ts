// A backup job as a kind: one row of the collection /cluster/backup.
import type { Desired, DesiredObject } from '../../model/desired.ts';
import { compareText } from '../../model/ref.ts';
import type { Ref } from '../../model/ref.ts';
import type { ResourceKind } from '../../model/kind.ts';
import type { Step } from '../../model/step.ts';
import type { ApiTables } from '../../pve/api-tables.ts';
import { collectionKind, writeStep } from '../collection.ts';
import type { Edit, Live } from '../collection.ts';
import { deletesOf, paramsOf, titleOf } from '../collection-ops.ts';
import type { Op } from '../collection-ops.ts';
import { findGuest, GUEST_KINDS } from '../guests-named.ts';
import { backupFindings, backupLiveFindings } from './findings.ts';
import { BACKUP_JOB_SCHEMA } from './schema.ts';
import type { BackupJobSpec } from './schema.ts';
import { ROOT_OPTIONS, SELECTION, wantedOf } from './wanted.ts';

const BULK = '/cluster/backup';
const FILE = 'jobs.cfg';
const ROOT_ONLY = 'only root@pam may set it';

export function backupJobKind(tables: ApiTables): ResourceKind<BackupJobSpec, Live> {
  const params = tables.method('POST', BULK)?.params;
  return collectionKind<BackupJobSpec>({
    kind: 'BackupJob', schema: BACKUP_JOB_SCHEMA, idSpace: 'backup job', refersTo: ['Storage', 'Pool', ...GUEST_KINDS], bulk: BULK, marksComment: true,
    // What a job does not say is decided by the node's vzdump.conf, so that even a default has to be written.
    unset: 'nothing',
    // A job is enabled when it does not say so; Proxmox always writes it down.
    resets: { enabled: '1' },
    exclusive: SELECTION,
    listed: (facts) => facts.backupJobs,
    param: (option) => params?.get(option),
    optionAt: (path) => (path.startsWith('config.') ? path.slice('config.'.length) : path === 'storage' || path === 'enabled' ? path : undefined),
    wanted: wantedOf,
    findings: (object, desired) => backupFindings(tables, object, desired),
    liveFindings: backupLiveFindings,
    requires: requiresOf,
    create: (edit) => createSteps(params, edit),
    update: (edit) => updateSteps(params, edit),
    remove: ({ id }) => ({ steps: [writeStep('delete it', { method: 'DELETE', path: `${BULK}/${id}`, params: {}, file: FILE })], notes: ['the backups that it made stay'] }),
  });
}

function requiresOf({ spec }: DesiredObject<BackupJobSpec>, desired: Desired): readonly Ref[] {
  const guests = [...(spec.guests ?? []), ...(spec.exclude ?? [])].flatMap((name) => findGuest(name, desired)?.object?.ref ?? []);
  return [
    ...(spec.storage === undefined ? [] : [{ kind: 'Storage', name: spec.storage }]),
    ...(spec.pool === undefined ? [] : [{ kind: 'Pool', name: spec.pool }]),
    ...guests.sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name)),
  ];
}

type Params = NonNullable<ReturnType<ApiTables['method']>>['params'];

function createSteps(params: Params | undefined, edit: Edit<BackupJobSpec>): readonly Step[] {
  const { plain, root } = byRight(edit.ops);
  return [writeStep('create it', { method: 'POST', path: BULK, params: { id: edit.id, ...paramsOf(plain) }, file: FILE }), ...rootSteps(params, root, edit)];
}

function updateSteps(params: Params | undefined, edit: Edit<BackupJobSpec>): readonly Step[] {
  const { plain, root } = byRight(edit.ops);
  return [...(plain.length > 0 ? [changeStep(params, plain, edit)] : []), ...rootSteps(params, root, edit)];
}

/** What only root may set stands apart, so that it does not take the rest with it. */
function byRight(ops: readonly Op[]): { readonly plain: readonly Op[]; readonly root: readonly Op[] } {
  const isRoots = (op: Op): boolean => op.op !== 'refused' && ROOT_OPTIONS.has(op.option);
  return { plain: ops.filter((op) => op.op !== 'refused' && !isRoots(op)), root: ops.filter(isRoots) };
}

function rootSteps(params: Params | undefined, root: readonly Op[], edit: Edit<BackupJobSpec>): readonly Step[] {
  return root.length === 0 ? [] : [{ ...changeStep(params, root, edit), needsRoot: ROOT_ONLY }];
}

function changeStep(known: Params | undefined, ops: readonly Op[], { id, object, live }: Edit<BackupJobSpec>): Step {
  const set = paramsOf(ops);
  // An option that needs another is refused when the same write does not hold that one, although the job has it.
  const needed = Object.keys(set).flatMap((option) => known?.get(option)?.requires ?? []).filter((option) => set[option] === undefined);
  const said = Object.fromEntries(needed.flatMap((option) => {
    const value = (option === 'storage' ? object?.spec.storage : undefined) ?? live.options[option];
    return value === undefined ? [] : [[option, value]];
  }));
  // Up to version 8 a write that only takes options away is refused: it says again whether the job is enabled.
  const params = Object.keys(set).length === 0 ? { enabled: live.options.enabled ?? 1 } : { ...set, ...said };
  return writeStep(titleOf(ops), { method: 'PUT', path: `${BULK}/${id}`, params: { ...params, ...deletesOf(ops) }, file: FILE });
}

// Backup jobs of the simulated cluster, and what they cover. Jobs are kept, not run: a backup is made by POST /nodes/{node}/vzdump.
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import { paramOf } from '../../pve/api-tables.ts';
import { nextRun } from '../calendar-event.ts';
import { changeFile } from '../cluster-file.ts';
import { isCdrom, isDrive, volumeIn } from '../drives.ts';
import { parseProperties } from '../property-string.ts';
import { randomUuid } from '../random.ts';
import type { ConfigValue, GuestState } from '../state.ts';
import { ApiError, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';
import { routes as vzdump } from './vzdump.ts';

type Job = Record<string, ConfigValue>;

export const routes: Routes = {
  'GET /cluster/backup': (call) => Object.entries(call.state.jobs).map(([id, job]) => ({ ...shown(call, id, job), ...dueOf(call, job) })),
  'POST /cluster/backup': create,
  'GET /cluster/backup/{id}': (call) => shown(call, requiredText(call, 'id'), existing(call)),
  'PUT /cluster/backup/{id}': update,
  'DELETE /cluster/backup/{id}': (call) => changeFile(call, 'jobs.cfg', undefined, () => {
    const id = requiredText(call, 'id');
    if (!call.state.jobs[id]) throw nested('id', `No such job '${id}'`);
    delete call.state.jobs[id];
    return undefined;
  }),
  'GET /cluster/backup/{id}/included_volumes': (call) => ({ children: covered(call, existing(call)).map(tree) }),
  'GET /cluster/backup-info': () => [{ subdir: 'not-backed-up' }],
  'GET /cluster/backup-info/not-backed-up': (call) => {
    const jobs = Object.values(call.state.jobs);
    const all = Object.values(call.state.guests).filter((guest) => call.caller.can(`/vms/${guest.vmid}`, 'VM.Audit'));
    const inJobs = new Set(jobs.flatMap((job) => covered(call, job).map((guest) => guest.vmid)));
    return all.filter((guest) => !inJobs.has(guest.vmid)).map((guest) => ({ vmid: guest.vmid, type: guest.type, name: nameOf(guest) }));
  },
  ...vzdump,
};

/** An error raised below another reaches the client as text, its status in front. */
function nested(name: string, complaint: string): ApiError {
  return new ApiError(500, `400 Parameter verification failed.\n${name}: ${complaint}\n`);
}

const TAKEN_APART: ReadonlySet<string> = new Set(['prune-backups', 'performance', 'fleecing']);

function shown(call: Call, id: string, job: Job): JsonObject {
  const create = call.sim.tables.method('POST', '/cluster/backup');
  const entries = Object.entries(job).map(([name, value]): [string, Json] => {
    const format = create && TAKEN_APART.has(name) ? paramOf(create, name)?.format : undefined;
    return [name, isObject(format) ? parseProperties(format, String(value)) : value];
  });
  return { id, ...Object.fromEntries(entries) };
}

function dueOf(call: Call, job: Job): JsonObject {
  const due = job.enabled === 1 && job.schedule !== undefined ? nextRun(String(job.schedule), call.sim.clock.now()) : undefined;
  return due === undefined ? {} : { 'next-run': due };
}

function existing(call: Call): Job {
  const id = requiredText(call, 'id');
  const job = Object.hasOwn(call.state.jobs, id) ? call.state.jobs[id] : undefined;
  if (!job) throw parameterError({ id: `No such job '${id}'` });
  return job;
}

function sent(call: Call): Job {
  return Object.fromEntries(Object.entries(call.params).flatMap(([name, value]) => (['id', 'delete', 'starttime', 'dow'].includes(name) || typeof value === 'object' ? [] : [[name, value]])));
}

/** The old way to say when: a time, and days of the week. */
function scheduleOf(call: Call): Job {
  const start = text(call, 'starttime');
  if (start === undefined) return {};
  const days = text(call, 'dow');
  return { schedule: days === undefined ? start : `${days} ${start}` };
}

function create(call: Call): Promise<undefined> {
  const id = text(call, 'id') ?? randomUuid(() => call.sim.random());
  return changeFile(call, 'jobs.cfg', undefined, () => {
    if (call.state.jobs[id]) throw new ApiError(500, `Job '${id}' already exists\n`);
    const job: Job = { type: 'vzdump', enabled: 1, ...sent(call), ...scheduleOf(call) };
    refuseSelection(job);
    call.state.jobs[id] = job;
    return undefined;
  });
}

function refuseSelection(job: Job): void {
  const isAll = job.all === 1;
  if (!isAll && job.vmid === undefined && job.pool === undefined) throw nested('vmid', 'property is missing');
  if (isAll && job.vmid !== undefined) throw nested('all', "option conflicts with option 'vmid'");
  if (job.exclude !== undefined && (job.vmid !== undefined || job.pool !== undefined)) throw nested('exclude', `option conflicts with '${job.vmid !== undefined ? 'vmid' : 'pool'}'`);
}

function update(call: Call): Promise<undefined> {
  return changeFile(call, 'jobs.cfg', undefined, () => {
    const id = requiredText(call, 'id');
    const before = call.state.jobs[id];
    if (!before) throw nested('id', `No such job '${id}'`);
    const job: Job = { ...before };
    for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/).filter((one) => one !== '')) {
      if (!paramOf(call.method, name)) throw nested('delete', `unknown option '${name}'`);
      delete job[name];
    }
    const news = sent(call);
    // One selection replaces another.
    if (news.vmid !== undefined) for (const name of ['all', 'exclude', 'pool']) delete job[name];
    else if (news.pool !== undefined) for (const name of ['all', 'exclude', 'vmid']) delete job[name];
    else if (news.all === 1) for (const name of ['vmid', 'pool']) delete job[name];
    Object.assign(job, news, scheduleOf(call));
    refuseSelection(job);
    call.state.jobs[id] = job;
    return undefined;
  });
}

/** The guests that a job backs up; those that do not exist are passed over. */
function covered(call: Call, job: Job): readonly GuestState[] {
  const ids = (value: ConfigValue | undefined): readonly number[] => String(value ?? '').split(/[\s,;]+/).filter((one) => one !== '').map(Number);
  const guests = Object.values(call.state.guests).filter((guest) => job.node === undefined || guest.node === job.node);
  if (job.all === 1) return guests.filter((guest) => !ids(job.exclude).includes(guest.vmid));
  const chosen = job.pool === undefined ? ids(job.vmid) : call.state.pools[String(job.pool)]?.vms ?? [];
  return guests.filter((guest) => chosen.includes(guest.vmid));
}

function nameOf(guest: GuestState): string {
  return String((guest.type === 'qemu' ? guest.config.name : guest.config.hostname) ?? `${guest.type === 'qemu' ? 'VM ' : 'CT'}${guest.vmid}`);
}

function tree(guest: GuestState): JsonObject {
  const volumes = Object.entries(guest.config).filter(([key, value]) => (guest.type === 'qemu' ? isDrive(key) && !isCdrom(value) : /^(rootfs|mp\d+)$/.test(key)));
  const children = volumes.map(([key, value]) => ({ id: `${guest.vmid}:${key}`, name: volumeIn(value) ?? String(value).split(',')[0] ?? '', leaf: 1, ...inclusion(guest, key, String(value)) }));
  return { id: guest.vmid, type: guest.type, name: nameOf(guest), leaf: 0, children };
}

function inclusion(guest: GuestState, key: string, value: string): JsonObject {
  if (guest.type === 'qemu') return /(^|,)backup=(0|no|off)(,|$)/.test(value) ? { included: 0, reason: 'backup=no' } : { included: 1, reason: 'backup=yes' };
  if (key === 'rootfs') return { included: 1, reason: 'rootfs' };
  return /(^|,)backup=(1|yes|on)(,|$)/.test(value) ? { included: 1, reason: 'enabled' } : { included: 0, reason: 'disabled' };
}

// In: the headers of a request, and Proxmox's own rule of who may call a method (the API tables carry it). Out: who calls, or
// why nobody may; and the 403 that Proxmox words. Must never know what a method does.
import type { ApiMethod } from '../pve/api-tables.ts';
import { ApiError, permissionError, type Caller } from './api/handler.ts';
import { normalPath, rightsAt, type Rights } from './effective-rights.ts';
import type { Simulation } from './simulation.ts';
import { holdsCsrf, userOfTicket } from './tickets.ts';

/** A 401: its text is only in the reason phrase. */
export interface Refusal { readonly refused: string; readonly delayMs: number }

/** Proxmox lets everybody wait who shows a bad credential. */
export const REFUSAL_DELAY_MS = 3000;

const OPEN_TO_ALL: ReadonlySet<string> = new Set(['GET /access/domains', 'GET /access/ticket', 'POST /access/ticket', 'POST /access/openid/auth-url', 'POST /access/openid/login']);

/** Methods without a rule in Proxmox's source: for root@pam alone. The tables cannot tell them from those open to every user. */
const ROOT_ONLY: ReadonlySet<string> = new Set([
  'GET /cluster/acme/account/{name}', 'POST /cluster/acme/account', 'PUT /cluster/acme/account/{name}', 'DELETE /cluster/acme/account/{name}', 'GET /cluster/backup-info',
  'POST /cluster/config', 'POST /cluster/config/join', 'POST /cluster/config/nodes/{node}', 'DELETE /cluster/config/nodes/{node}',
  'POST /nodes/{node}/ceph/osd', 'DELETE /nodes/{node}/ceph/osd/{osdid}', 'POST /nodes/{node}/execute', 'POST /nodes/{node}/storage/{storage}/content/{volume}', 'PUT /nodes/{node}/disks/wipedisk',
]);

type Raw = Readonly<Record<string, string | number | readonly string[]>>;

/** Who the headers say they are. Methods that anybody may call get an anonymous caller. */
export function identify(sim: Simulation, method: string, headers: Readonly<Record<string, string>>): Caller | Refusal {
  if (headers.authorization?.startsWith('PVEAPIToken')) return byToken(sim, headers.authorization);
  const ticket = /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(headers.cookie ?? '')?.[1];
  if (OPEN_TO_ALL.has(method)) return { userid: '', isRootTicket: false, can: () => false };
  if (ticket === undefined) return refused('No ticket');
  const userid = userOfTicket(sim, decodeURIComponent(ticket));
  if (userid === undefined || !isEnabled(sim, userid)) return refused('Authentication failed!');
  if (!method.startsWith('GET ') && !holdsCsrf(sim, userid, headers.csrfpreventiontoken)) return refused('Permission denied - invalid csrf token');
  return callerOf(sim, userid, undefined);
}

function byToken(sim: Simulation, header: string): Caller | Refusal {
  const [, userid = '', tokenid = '', secret = ''] = /^PVEAPIToken=([^!]+)!([^=]+)=(.*)$/.exec(header) ?? [];
  const token = sim.state.access.tokens[`${userid}!${tokenid}`];
  if (!token || token.secret !== secret || !isEnabled(sim, userid) || isPast(sim, token.expire)) return refused('Authentication failed!');
  return callerOf(sim, userid, tokenid);
}

function refused(text: string): Refusal {
  return { refused: text, delayMs: REFUSAL_DELAY_MS };
}

function isPast(sim: Simulation, expire: number): boolean {
  return expire > 0 && expire * 1000 < sim.clock.now();
}

export function isEnabled(sim: Simulation, userid: string): boolean {
  const user = sim.state.access.users[userid];
  return user !== undefined && user.enable === 1 && !isPast(sim, user.expire);
}

export function callerOf(sim: Simulation, userid: string, tokenid: string | undefined): Caller {
  const who = { userid, ...(tokenid === undefined ? {} : { tokenid }), isRootTicket: userid === 'root@pam' && tokenid === undefined };
  const separated = tokenid !== undefined && sim.state.access.tokens[`${userid}!${tokenid}`]?.privsep === 1;
  if (userid === 'root@pam' && !separated) return { ...who, can: () => true };
  // Lists ask for thousands of paths, several privileges each.
  const known = new Map<string, Rights>();
  const rights = (path: string): Rights => {
    const found = known.get(path) ?? rightsAt(sim.state, sim.tables.version, userid, tokenid, path);
    known.set(path, found);
    return found;
  };
  return { ...who, can: (path, privilege) => rights(path)[privilege] !== undefined };
}

/** Throws an ApiError 403 unless `caller` may call `method` with these unchecked parameters. */
export function demand(sim: Simulation, method: ApiMethod, caller: Caller, params: Raw): void {
  const name = `${method.method} ${method.path}`;
  if (caller.tokenid !== undefined && !method.allowToken) throw permissionError(`URI '${concrete(method.path, params)}' not available with API token, need proper ticket.\n`);
  if (caller.isRootTicket || OPEN_TO_ALL.has(name)) return;
  if (ROOT_ONLY.has(name)) throw permissionError('user != root@pam');
  const check = method.permissions?.check;
  const why = check === undefined ? undefined : denied({ sim, caller, params }, check);
  if (why !== undefined) throw why === '' ? new ApiError(403, 'Permission check failed\n') : permissionError(why);
}

function concrete(template: string, params: Raw): string {
  return template.replaceAll(/\{([^}]+)\}/g, (_, name: string) => String(params[name] ?? ''));
}

interface Question { readonly sim: Simulation; readonly caller: Caller; readonly params: Raw }

/** What is missing, as Proxmox names it; '' when it names nothing. */
function denied(question: Question, check: unknown): string | undefined {
  if (!Array.isArray(check)) return '';
  const [form, ...rest] = check as readonly unknown[];
  switch (form) {
    case 'and': return firstDefined(rest, (part) => denied(question, part));
    case 'or': return rest.some((part) => denied(question, part) === undefined) ? undefined : '';
    case 'perm': return deniedByPath(question, String(rest[0]), rest[1] as readonly string[], rest.slice(2));
    case 'perm-modify': return deniedByTarget(question, String(rest[0]));
    case 'userid-param': return deniedByUserId(question, String(rest[0]));
    case 'userid-group': return deniedByGroup(question, rest[0] as readonly string[], rest.includes('groups_param') ? String(rest[rest.indexOf('groups_param') + 1]) : undefined);
    default: return '';
  }
}

function firstDefined(parts: readonly unknown[], ask: (part: unknown) => string | undefined): string | undefined {
  for (const part of parts) {
    const found = ask(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

function deniedByPath({ caller, params }: Question, template: string, privileges: readonly string[], options: readonly unknown[]): string | undefined {
  const required = options.indexOf('require_param');
  if (required >= 0 && params[String(options[required + 1])] === undefined) return '';
  const path = normalPath(concrete(template, params));
  return lacking(caller, path, privileges, options.includes('any'));
}

function lacking(caller: Caller, path: string | undefined, privileges: readonly string[], any: boolean): string | undefined {
  const has = (privilege: string): boolean => path !== undefined && caller.can(path, privilege);
  const enough = any ? privileges.some(has) : privileges.every(has);
  return enough ? undefined : `${path ?? ''}, ${privileges.join(any ? '|' : ', ')}`;
}

/** Whether access lists at `path` may be changed. */
export function deniedModify(caller: Caller, path: string): string | undefined {
  const more = ([['storage', 'Datastore.Allocate'], ['vms', 'VM.Allocate'], ['pool', 'Pool.Allocate']] as const).filter(([root]) => path.startsWith(`/${root}/`)).map(([, privilege]) => privilege);
  return lacking(caller, path, ['Permissions.Modify', ...more], true);
}

/** A path that cannot be one is left to the method to refuse. */
function deniedByTarget({ caller, params }: Question, template: string): string | undefined {
  const path = normalPath(concrete(template, params));
  return path === undefined ? undefined : deniedModify(caller, path);
}

function deniedByUserId(question: Question, what: string): string | undefined {
  const { caller } = question;
  const userid = String(question.params.userid ?? '');
  const realm = realmOf(userid);
  if (what !== 'self') return lacking(caller, `/access/realm/${realm}`, [what], false);
  demandUser(question, userid);
  // A token is not its user here.
  return userid === caller.userid && caller.tokenid === undefined ? undefined : '';
}

/** The realm of a user id; dies like Proxmox when it is none. */
export function realmOf(userid: string): string {
  const realm = /^[^\s:/]+@([A-Za-z][A-Za-z0-9.\-_]+)$/.exec(userid)?.[1];
  if (realm === undefined) throw new ApiError(500, `value '${userid}' does not look like a valid user name\n`);
  return realm;
}

function demandUser({ sim }: Question, userid: string): void {
  if (!sim.state.access.users[userid]) throw new ApiError(500, `no such user ('${userid}')\n`);
}

/** Rights on all groups, or on those that the parameter names and on one that the user is in already. */
function deniedByGroup(question: Question, privileges: readonly string[], byParameter: string | undefined): string | undefined {
  const { sim, caller, params } = question;
  const userid = String(params.userid);
  const exists = byParameter !== 'create';
  if (exists) demandUser(question, userid);
  if (lacking(caller, '/access/groups', privileges, true) === undefined) return undefined;
  const given = String(params.groups ?? '').split(/[\s,;]+/).filter((group) => group !== '');
  if (byParameter !== undefined) {
    const why = given.length === 0 ? lacking(caller, '/access/groups', privileges, true) : firstDefined(given, (group) => lacking(caller, `/access/groups/${String(group)}`, privileges, true));
    if (why !== undefined) return why;
  }
  if (!exists) return undefined;
  const own = Object.entries(sim.state.access.groups).filter(([, group]) => group.users.includes(userid)).map(([name]) => name);
  return own.some((group) => lacking(caller, `/access/groups/${group}`, privileges, true) === undefined) ? undefined : '';
}

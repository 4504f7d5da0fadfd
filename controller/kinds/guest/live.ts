// In: the rows of `/pending` and what the bulk calls know. Out: one guest as it is. Pure.
import type { Answer, Observed, Subject } from '../../model/change.ts';
import { sidOf } from '../../model/facts.ts';
import type { Facts, GuestFact, GuestType, HaResourceFact } from '../../model/facts.ts';
import { isObject } from '../../model/json.ts';
import type { Json } from '../../model/json.ts';
import { busy, isRemnant, offline, taskOn } from '../../safety/conditions.ts';
import type { GuestSpec } from './spec.ts';

export type ConfigValue = string | number;

export interface GuestLive {
  readonly guest: GuestFact;
  /** As it runs. */
  readonly current: Readonly<Record<string, ConfigValue>>;
  /** As it will be after a restart: what a manifest is compared with. */
  readonly config: Readonly<Record<string, ConfigValue>>;
  /** Options whose value waits for a restart. */
  readonly pending: readonly string[];
  readonly ha: HaResourceFact | undefined;
  /** The answer of `GET …/migrate`, asked only when the guest is where it may not be. */
  readonly preconditions: Json | undefined;
}

export function guestPath(type: GuestType, node: string, vmid: number): string {
  return `/nodes/${node}/${type}/${vmid}`;
}

export function observeGuest(type: GuestType, subject: Subject<GuestSpec>, facts: Facts, answer: (path: string) => Answer, mark: string): Observed<GuestLive> {
  const vmid = Number(subject.id);
  const blind = facts.unread.get('/cluster/resources');
  if (blind !== undefined) return { state: 'unknown', why: blind };
  const guest = facts.guests.get(vmid);
  if (!guest) return { state: 'absent' };
  const owned = guest.tags.includes(mark);
  if (guest.type !== type) return { state: 'unknown', why: `VMID ${vmid} is a ${guest.type === 'lxc' ? 'container' : 'virtual machine'} on ${guest.node}` };
  const unseen = offline(guest.node, facts);
  if (unseen) return { state: 'unknown', why: `${unseen}: what runs there cannot be seen` };
  // Whether a creation is under way, only its task tells: one that was cut off leaves the lock.
  const why = guest.lock === 'create' ? taskOn(vmid, facts) : busy(vmid, facts);
  if (why) return { state: 'busy', why, owned };
  const rows = answer(`${guestPath(type, guest.node, vmid)}/pending`);
  if (!rows.ok) return { state: 'unknown', why: `its configuration could not be read: ${rows.message}` };
  const config = parsePending(rows.data);
  // The bulk list does not always tell locks (quirk 27); the configuration does.
  if (isRemnant(config.config) && isBegun(subject)) return { state: 'absent', remnant: guest.node };
  const lock = config.config.lock ?? guest.lock;
  if (lock !== undefined) return { state: 'busy', why: `guest ${vmid} is locked (${lock}) though none of its tasks is running: if nothing works on it any more, run \`${type === 'qemu' ? 'qm' : 'pct'} unlock ${vmid}\` on ${guest.node}`, owned };
  if (guest.status === 'unknown') return { state: 'unknown', why: `${guest.node} has not told yet whether it runs` };
  const migrate = answer(`${guestPath(type, guest.node, vmid)}/migrate`);
  return present(guest, config, facts.haResources.get(sidOf(type, vmid)), migrate.ok ? migrate.data : undefined, owned);
}

/** We set out to make it, and never saw it made. The task of a clone is the template's, so of a copy nobody can tell whether it is under way. */
function isBegun({ desired, memory }: Subject<GuestSpec>): boolean {
  return desired !== undefined && desired.spec.source?.template === undefined && memory !== undefined && memory.identity === undefined;
}

function present(guest: GuestFact, config: ReturnType<typeof parsePending>, ha: HaResourceFact | undefined, preconditions: Json | undefined, owned: boolean): Observed<GuestLive> {
  const { digest, ...rest } = config;
  const identity = identityOf(guest.type, rest.config);
  return {
    state: 'present', owned, live: { guest, ...rest, ha, preconditions },
    ...(digest ? { digest } : {}), ...(identity ? { identity } : {}),
    conditions: rest.pending.map((option) => `${option} waits for a restart`),
  };
}

/** The uuid that Proxmox gives each new virtual machine; a container has nothing of the kind. */
function identityOf(type: GuestType, config: Readonly<Record<string, ConfigValue>>): string | undefined {
  return type === 'qemu' ? /uuid=([0-9a-f-]{36})/i.exec(String(config.smbios1 ?? ''))?.[1]?.toLowerCase() : undefined;
}

/** Rows are `{key, value}`, `{key, value, pending}` or `{key, value, delete}`; `digest` is one of them (quirk 18). */
export function parsePending(rows: Json): { current: Record<string, ConfigValue>; config: Record<string, ConfigValue>; pending: readonly string[]; digest: string | undefined } {
  const current: Record<string, ConfigValue> = {};
  const config: Record<string, ConfigValue> = {};
  const pending: string[] = [];
  for (const row of Array.isArray(rows) ? (rows as readonly Json[]) : []) {
    if (!isObject(row) || typeof row.key !== 'string') continue;
    const value = scalar(row.value);
    const waiting = scalar(row.pending);
    if (value !== undefined) current[row.key] = value;
    const next = row.delete !== undefined ? undefined : waiting ?? value;
    if (next !== undefined) config[row.key] = next;
    if (row.delete !== undefined || waiting !== undefined) pending.push(row.key);
  }
  const digest = typeof config.digest === 'string' ? config.digest : undefined;
  delete config.digest;
  delete current.digest;
  return { current, config, pending: pending.sort(), digest };
}

function scalar(value: unknown): ConfigValue | undefined {
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

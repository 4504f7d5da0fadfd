// In: recorded/<topic>.jsonl, requests and answers of a real Proxmox VE 9.2 cluster, one a line, in their order.
// Out: the same as typed values, with the moment each request was made where the recording tells it.
// Must never know the simulator.
import { readFileSync } from 'node:fs';
import type { Json } from '../../controller/model/json.ts';

export const topics = ['auth', 'protocol', 'cluster', 'qemu', 'lxc', 'storage', 'tasks', 'migrate', 'ha', 'ha-live', 'nodedown', 'node'] as const;
export type Topic = (typeof topics)[number];

export interface Exchange {
  /** `topic/NNN-what` */
  readonly id: string;
  /** Who asked: the lab's token, another token, `anonymous`, `root@pam (ticket)`; missing for uploads (the lab's token). */
  readonly as?: string;
  readonly method: string;
  /** Below /api2/json unless it starts with /api2. */
  readonly path: string;
  readonly query?: string | null;
  readonly params?: Readonly<Record<string, Json>> | null;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly requestBody: string | null;
  readonly status: number;
  readonly reasonPhrase: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
  readonly bodyRaw?: string;
}

export function recordedExchanges(topic: Topic): readonly Exchange[] {
  const text = readFileSync(new URL(`recorded/${topic}.jsonl`, import.meta.url), 'utf8');
  return inTime(text.trim().split('\n').map((line) => JSON.parse(line) as Exchange));
}

/** Some topics were recorded by several clients at once, each under a name of its own (`ha2/`, `ha-error/`): merged by the hour. */
function inTime(exchanges: readonly Exchange[]): readonly Exchange[] {
  const clocks = new Map<string, number>();
  const clientOf = (exchange: Exchange): string => exchange.id.split('/')[0] ?? '';
  for (const exchange of [...exchanges].reverse()) clocks.set(clientOf(exchange), recordedAt(exchange) ?? clocks.get(clientOf(exchange)) ?? 0);
  if (clocks.size === 1) return exchanges;
  const timed = exchanges.map((exchange) => {
    const at = Math.max(clocks.get(clientOf(exchange)) ?? 0, recordedAt(exchange) ?? 0);
    clocks.set(clientOf(exchange), at);
    return { exchange, at };
  });
  return timed.sort((a, b) => a.at - b.at).map(({ exchange }) => exchange);
}

/** What `007-X`, `008-X-task-status` and `009-X-task-log` have in common. */
export function operationOf(id: string): string {
  return id.replace(/-task-(status|log)$/, '').replace(/\/\d+-/, '/');
}

/** Moments that only the samples taken beside these requests tell (timelines ha-states-vm404, ha-start-fails-vm408, ha-maintenance-pve2 …). */
const sampledMoments: Readonly<Record<string, number>> = {
  'ha2/001-state-stopped': 1795371879, 'ha-error/001-add-broken': 1795371880, 'ha2/003-state-disabled': 1795371903, 'ha2/005-state-started': 1795371909, 'ha2/009-resource-after-guest-shutdown': 1795371944,
  'ha-error/010-error-put-started': 1795371937, 'ha-error/011-error-put-stopped': 1795371959, 'ha-error/012-error-put-disabled': 1795371981, 'ha-error/013-after-error-put-started': 1795371987, 'ha-error/014-del-408': 1795372008,
  'ha3/008-crm-migrate-lower-prio': 1795372123, 'ha3/009-crm-migrate-outside-rule': 1795372194, 'ha3/010-rule-delete': 1795372219, 'ha3/011-crm-migrate': 1795372231, 'ha3/012-crm-relocate': 1795372267,
};

/** Unix seconds at which the request was made, as far as its answer tells: a new task's start, or the newest HA heartbeat it shows. */
export function recordedAt(exchange: Exchange): number | undefined {
  const sampled = sampledMoments[exchange.id];
  if (sampled !== undefined) return sampled;
  const data = dataOf(exchange.body);
  if (typeof data === 'string') return startOfTask(data);
  const stamps = JSON.stringify(data ?? null).match(/"timestamp":\d{10}/g);
  return stamps ? Math.max(...stamps.map((stamp) => Number(stamp.slice(12)))) : undefined;
}

function startOfTask(text: string): number | undefined {
  const start = /^UPID:[^:]+:[0-9A-F]+:[0-9A-F]+:([0-9A-F]{8}):/.exec(text)?.[1];
  return start === undefined ? undefined : parseInt(start, 16);
}

export function dataOf(body: Json): Json | undefined {
  return body !== null && typeof body === 'object' && !Array.isArray(body) ? (body as { readonly data?: Json }).data : undefined;
}

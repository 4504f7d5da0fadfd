// What the simulator's tests share: a cluster of one version, and a call that reads like the API's documentation.
import { readFileSync } from 'node:fs';
import type { HttpResponse } from '../../controller/model/doors.ts';
import { apiTables, type ApiTables } from '../../controller/pve/api-tables.ts';
import { LAB_TOKEN, type ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { Simulation, type SimulationOptions } from '../../controller/sim/simulation.ts';

const loaded = new Map<string, ApiTables>();

export function tables(version = '9.2'): ApiTables {
  let found = loaded.get(version);
  if (!found) loaded.set(version, (found = apiTables(JSON.parse(readFileSync(new URL(`../../schema/pve/${version}.json`, import.meta.url), 'utf8')))));
  return found;
}

export const START_MS = Date.UTC(2026, 10, 22, 12);

export function lab(cluster: ClusterSpec = {}, more: Partial<SimulationOptions> = {}): Lab {
  return new Lab(new Simulation({ seed: 1, tables: tables(), startMs: START_MS, cluster, ...more }));
}

/** A refusal of the API, as a test reads it. */
export interface Answer { readonly status: number; readonly reason: string; readonly data: unknown; readonly errors: unknown; readonly message: unknown }

export class Lab {
  constructor(readonly sim: Simulation) {}

  /** `call('POST', '/nodes/pve1/qemu', { vmid: 100 })` at pve1, as root@pam!lab, run until it is answered. */
  async call(method: string, path: string, params: Record<string, string | number> = {}, at = 'pve1'): Promise<Answer> {
    return read(await this.sim.clock.run(this.send(method, path, params, at)));
  }

  /** The same without running the clock. */
  send(method: string, path: string, params: Record<string, string | number> = {}, at = 'pve1'): Promise<HttpResponse> {
    const form = Object.entries(params).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
    const inBody = method === 'POST' || method === 'PUT';
    return this.sim.handle(at, {
      method, url: `/api2/json${path}${!inBody && form ? `?${form}` : ''}`,
      headers: { authorization: `PVEAPIToken=${LAB_TOKEN.id}=${LAB_TOKEN.secret}`, ...(inBody ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) },
      ...(inBody ? { body: form } : {}),
    });
  }

  async data(path: string, params: Record<string, string | number> = {}): Promise<unknown> {
    return (await this.call('GET', path, params)).data;
  }

  /** Calls, waits for the task it answers, and returns the task's exit status; a refusal is returned as its reason. */
  async task(method: string, path: string, params: Record<string, string | number> = {}): Promise<string> {
    const answer = await this.call(method, path, params);
    if (answer.status !== 200) return `${answer.status} ${answer.reason}`;
    const upid = String(answer.data);
    await this.sim.clock.run(this.sim.running.done(upid));
    return this.sim.state.tasks[upid]?.exitstatus ?? 'no task';
  }
}

export function read(response: HttpResponse): Answer {
  const body = response.body === '' ? {} : (JSON.parse(response.body) as Record<string, unknown>);
  return { status: response.status, reason: response.reason, data: body.data, errors: body.errors, message: body.message };
}

// In: one HTTP request at one node. Out: Proxmox's response: protocol, credentials, routing, permissions, passing on to
// the node that must answer, parameters, and the method itself, in the order in which the real one does them.
// Must never know what a method does.
import { ConnectionError, type HttpRequest, type HttpResponse } from '../../model/doors.ts';
import type { Json } from '../../model/json.ts';
import { paramOf, type ApiMethod } from '../../pve/api-tables.ts';
import { demand, identify } from '../permissions.ts';
import { daemonFailure, proxyFailure } from '../quorum.ts';
import { quorumGate } from '../quorum-gate.ts';
import type { Simulation } from '../simulation.ts';
import { routes as access } from './access.ts';
import { routes as backup } from './backup.ts';
import { routes as cluster } from './cluster.ts';
import { format, headersOf, type Outcome } from './formatters.ts';
import { routes as ha } from './ha.ts';
import { ApiError, type Caller, type Params, type Routes } from './handler.ts';
import { routes as lxc } from './lxc.ts';
import { routes as migrate } from './migrate.ts';
import { isMultipart, receiveForm } from './multipart.ts';
import { routes as nodes } from './nodes.ts';
import { checkedParams } from './parameters.ts';
import { routes as pools } from './pools.ts';
import { routes as qemu } from './qemu.ts';
import { parametersOf, ProtocolError, type RawParams } from './request-body.ts';
import { routes as storage } from './storage.ts';
import { routes as tasks } from './tasks.ts';
import { rootIndex, routes as version } from './version.ts';

export const ROUTES: Routes = { ...version, ...access, ...cluster, ...storage, ...pools, ...tasks, ...nodes, ...backup, ...ha, ...qemu, ...lxc, ...migrate };

const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE']);

export async function answer(sim: Simulation, via: string, request: HttpRequest): Promise<HttpResponse> {
  if (!METHODS.has(request.method)) return bare(501, `method '${request.method}' not available`);
  const address = parseUrl(request.url);
  if (!address) return bare(404, 'no such file');
  const params = isMultipart(request.headers) ? receiveForm(sim, request.headers, request.body ?? '') : parametersOf(request, address.query);
  if (params instanceof ProtocolError) return { status: params.status, reason: params.reason.split('\n')[0] ?? '', headers: headersOf(params.status), body: params.body };
  const caller = identify(sim, `${request.method} ${address.path}`, request.headers);
  if ('refused' in caller) {
    if (caller.delayMs > 0) await sim.clock.sleep(caller.delayMs);
    return bare(401, caller.refused);
  }
  try {
    return await dispatch(sim, via, request.method, address, params, caller);
  } catch (error) {
    if (error instanceof ConnectionError) throw error;
    return format(address.format, { ok: false, error: asApiError(error) });
  }
}

interface Address { readonly format: string; readonly path: string; readonly query: string }

function parseUrl(url: string): Address | undefined {
  const [before = '', ...after] = url.split('?');
  const found = /^\/api2\/([a-z]+)(\/.*)?$/.exec(before);
  if (!found) return undefined;
  return { format: found[1] ?? 'json', path: decodePath(found[2] ?? '/'), query: after.join('?') };
}

function decodePath(path: string): string {
  const short = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  try {
    return decodeURIComponent(short);
  } catch {
    return short;
  }
}

async function dispatch(sim: Simulation, via: string, verb: string, address: Address, params: RawParams, caller: Caller): Promise<HttpResponse> {
  if (verb === 'GET' && address.path === '/') return format(address.format, { ok: true, data: rootIndex(), extras: {} });
  const match = sim.tables.match(verb, address.path);
  if (!match) throw new ApiError(501, `Method '${verb} ${address.path}' not implemented`);
  const { method, pathParams } = match;
  const raw = joined(method, { ...params, ...pathParams });
  demand(sim, method, caller, raw);
  const node = actingNode(sim, via, method, raw);
  const broken = proxyFailure(sim.state, via, node, sim.clock.now()) ?? daemonFailure(sim.state, node, method.protected);
  if (broken) {
    await sim.clock.sleep(broken.afterMs);
    if (broken.closes) throw new ConnectionError('closed', true, 'socket hang up');
    return bare(broken.status, broken.reason);
  }
  return format(address.format, await perform(sim, via, node, method, checkedParams(method, raw), caller));
}

/** A scalar sent twice arrives as one text with NUL between. */
function joined(method: ApiMethod, raw: RawParams): RawParams {
  const result: RawParams = {};
  for (const [name, value] of Object.entries(raw)) {
    const isArray = paramOf(method, name)?.type === 'array';
    result[name] = isArray ? (Array.isArray(value) ? value : [String(value)]) : Array.isArray(value) ? value.join('\0') : value;
  }
  return result;
}

function actingNode(sim: Simulation, via: string, method: ApiMethod, raw: RawParams): string {
  const target = method.proxyTo === undefined ? undefined : raw[method.proxyTo];
  if (target === undefined || target === 'localhost') return via;
  const name = String(target);
  if (sim.state.nodes[name]) return name;
  const why = /^[A-Za-z0-9]/.test(name) ? 'Temporary failure in name resolution' : 'Name or service not known';
  throw new ApiError(500, `hostname lookup '${name}' failed - failed to get address info for: ${name}: ${why}\n`);
}

async function perform(sim: Simulation, via: string, node: string, method: ApiMethod, params: Params, caller: Caller): Promise<Outcome> {
  const key = `${method.method} ${method.path}`;
  const handler = ROUTES[key];
  if (!handler) throw new ApiError(501, `Method '${key}' is not simulated\n`);
  const extras: Record<string, Json> = {};
  const call = { sim, state: sim.state, node, via, method, params, caller, version: sim.tables.version, extras };
  const refused = await quorumGate(call);
  return { ok: true, data: refused ? refused.answer : await handler(call), extras };
}

function bare(status: number, reason: string): HttpResponse {
  return { status, reason, headers: headersOf(status), body: '' };
}

/** A plain Error is a text that Proxmox's code died with. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError || !(error instanceof Error)) throw error;
  return new ApiError(500, `${error.message.trimEnd()}\n`);
}

// Metric servers of the simulated cluster: definitions only, nothing is sent.
import type { JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { failure, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /cluster/metrics': () => [{ name: 'server' }],
  'GET /cluster/metrics/server': (call) => Object.entries(servers(call)).map(([id, server]) => ({ id, disable: 0, ...(server as JsonObject) })),
  'GET /cluster/metrics/server/{id}': (call) => existing(call),
  'POST /cluster/metrics/server/{id}': (call) => changeFile(call, 'status.cfg', 'create metric server failed', () => {
    if (servers(call)[requiredText(call, 'id')]) throw failure(`metric server '${requiredText(call, 'id')}' already exists`);
    return put(call, sent(call));
  }),
  'PUT /cluster/metrics/server/{id}': (call) => changeFile(call, 'status.cfg', 'update metric server failed', () => {
    const kept: Record<string, JsonObject[string]> = { ...existing(call) };
    for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete kept[name];
    return put(call, { ...kept, ...sent(call) });
  }),
  'DELETE /cluster/metrics/server/{id}': (call) => changeFile(call, 'status.cfg', 'delete metric server failed', () => {
    call.state.other.metrics = Object.fromEntries(Object.entries(servers(call)).filter(([id]) => id !== requiredText(call, 'id')));
    return undefined;
  }),
};

function servers(call: Call): JsonObject {
  return call.state.other.metrics ?? {};
}

function existing(call: Call): JsonObject {
  const found = servers(call)[requiredText(call, 'id')];
  if (!found) throw failure(`status server entry '${requiredText(call, 'id')}' does not exist`);
  return found as JsonObject;
}

function sent(call: Call): JsonObject {
  return Object.fromEntries(Object.entries(call.params).flatMap(([name, value]) => (name === 'id' || name === 'delete' || name === 'digest' || typeof value === 'object' ? [] : [[name, value]])));
}

function put(call: Call, server: JsonObject): undefined {
  call.state.other.metrics = { ...servers(call), [requiredText(call, 'id')]: server };
  return undefined;
}

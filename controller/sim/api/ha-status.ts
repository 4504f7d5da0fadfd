// What the API says about the HA manager: rows for people, the manager's status for machines.
// In: the manager's and the LRMs' last writing. Out: the same, with the time that has gone since.
// Must never look at nodes or guests themselves: a dead node shows only as an old timestamp.
import { isObject, type Json, type JsonObject } from '../../model/json.ts';
import { activeServices } from '../ha/lrm.ts';
import { haResources, type HaResource, type LrmStatus, type ServiceStatus } from '../ha/state.ts';
import { isQuorate } from '../quorum.ts';
import { requiredText, type Call, type Routes } from './handler.ts';
import { hasGroups } from './ha-files.ts';

export const statusRoutes: Routes = {
  'GET /cluster/ha/status': (call) => ['current', 'manager_status', ...(canDisarm(call) ? ['disarm-ha', 'arm-ha'] : [])].map((name) => ({ name })),
  'GET /cluster/ha/status/current': (call) => [quorumRow(call), ...masterRow(call), ...fencingRow(call), ...lrmRows(call), ...serviceRows(call)],
  'GET /cluster/ha/status/manager_status': managerStatus,
  'POST /cluster/ha/status/disarm-ha': (call) => call.sim.ha.command(`disarm-ha ${requiredText(call, 'resource-mode')}`) as undefined,
  'POST /cluster/ha/status/arm-ha': (call) => call.sim.ha.command('arm-ha') as undefined,
};

/** Watchdogs are shown, and can be let go of, since 9.2. */
function canDisarm(call: Call): boolean {
  return call.sim.tables.method('POST', '/cluster/ha/status/arm-ha') !== undefined;
}

function managerStatus(call: Call): Json {
  const { manager } = call.state.ha;
  const written = Object.fromEntries(Object.entries(manager).filter(([key]) => key !== 'service_status' || manager.master_node !== undefined));
  const nodes = Object.keys(manager.node_status).sort();
  return {
    manager_status: written as JsonObject,
    quorum: { node: call.node, quorate: isQuorate(call.state, call.node) ? '1' : '0' },
    ...(nodes.length === 0 ? {} : { lrm_status: Object.fromEntries(nodes.map((node) => [node, lrmOf(call, node) as unknown as Json])) }),
  };
}

function lrmOf(call: Call, node: string): LrmStatus | { readonly mode: 'unknown' } {
  return call.sim.ha.lrmStatus(node) ?? { mode: 'unknown' };
}

function nowSeconds(call: Call): number {
  return Math.floor(call.sim.clock.now() / 1000);
}

/** How fresh a daemon's last writing is. */
function freshness(call: Call, timestamp: number): 'active' | 'old timestamp - dead?' | 'detected time drift!' {
  const age = nowSeconds(call) - timestamp;
  if (age > 30) return 'old timestamp - dead?';
  return age < -2 ? 'detected time drift!' : 'active';
}

/** `Sun Nov 22 17:56:52 2026`. */
export function localTime(seconds: number): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(seconds * 1000).toUTCString().split(/,? /);
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

function quorumRow(call: Call): JsonObject {
  const quorate = isQuorate(call.state, call.node);
  return { id: 'quorum', type: 'quorum', node: call.node, status: quorate ? 'OK' : `No quorum on node '${call.node}'!`, quorate: quorate ? 1 : 0 };
}

function masterRow(call: Call): JsonObject[] {
  const { manager, resources } = call.state.ha;
  const { master_node: master, timestamp } = manager;
  if (master === undefined || timestamp === undefined) return [];
  const fresh = freshness(call, timestamp);
  const isIdle = isQuorate(call.state, call.node) && fresh !== 'active' && Object.keys(resources).length === 0;
  const disarm = manager.disarm ? ` - ${manager.disarm.state}, resource mode: ${manager.disarm.mode}` : '';
  const status = `${master} (${isIdle ? 'idle' : fresh}, ${localTime(timestamp)})${disarm}${scheduler(call)}`;
  return [{ id: 'master', type: 'master', node: master, status, timestamp }];
}

function scheduler(call: Call): string {
  const crs = call.state.options['crs'];
  const mode = isObject(crs) ? crs['ha'] : undefined;
  return mode === undefined || mode === 'basic' ? '' : ` - ${String(mode)} load CRS`;
}

function fencingRow(call: Call): JsonObject[] {
  if (!canDisarm(call)) return [];
  const { manager } = call.state.ha;
  const row = { id: 'fencing', type: 'fencing', node: manager.master_node ?? call.node };
  if (manager.disarm) {
    const { state, mode } = manager.disarm;
    const watchdog = state === 'disarmed' ? 'CRM watchdog released' : 'CRM watchdog active';
    return [{ ...row, status: `${state}, resource mode: ${mode} (${watchdog})`, 'armed-state': state, resource_mode: mode }];
  }
  const isActive = manager.timestamp !== undefined && freshness(call, manager.timestamp) === 'active';
  return [{ ...row, status: isActive ? 'armed (CRM watchdog active)' : 'standby (CRM watchdog standby)', 'armed-state': isActive ? 'armed' : 'standby' }];
}

function lrmRows(call: Call): JsonObject[] {
  return Object.keys(call.state.ha.manager.node_status).sort().map((node) => {
    const row = { id: `lrm:${node}`, type: 'lrm', node };
    const lrm = lrmOf(call, node);
    if (!('timestamp' in lrm)) return { ...row, status: `${node} (unable to read lrm status)` };
    const words = [lrmState(call, node, lrm), ...(canDisarm(call) ? [watchdogOf(call, lrm)] : []), localTime(lrm.timestamp)];
    return { ...row, status: `${node} (${words.join(', ')})`, timestamp: lrm.timestamp };
  });
}

function lrmState(call: Call, node: string, lrm: LrmStatus): string {
  const fresh = freshness(call, lrm.timestamp);
  if (fresh !== 'active') return lrm.mode === 'maintenance' || lrm.mode === 'disarm' ? `${lrm.mode} mode` : fresh;
  if (lrm.mode !== 'active') return `${lrm.mode} mode`;
  const isIdle = lrm.state === 'wait_for_agent_lock' && activeServices({ manager: call.state.ha.manager, node }) === 0;
  return isIdle ? 'idle' : lrm.state;
}

function watchdogOf(call: Call, lrm: LrmStatus): string {
  const holds = freshness(call, lrm.timestamp) === 'active' && (lrm.state === 'active' || lrm.state === 'maintenance');
  if (holds) return 'watchdog active';
  return lrm.mode === 'disarm' ? 'watchdog released' : 'watchdog standby';
}

function serviceRows(call: Call): JsonObject[] {
  const { ha, guests } = call.state;
  const resources = haResources(ha, (vmid) => guests[String(vmid)]?.node);
  const known = Object.keys(ha.manager.service_status).sort();
  const fresh = Object.keys(resources).filter((sid) => !ha.manager.service_status[sid]).sort();
  return [...known, ...fresh].map((sid) => serviceRow(call, sid, resources[sid], ha.manager.service_status[sid]));
}

function serviceRow(call: Call, sid: string, resource: HaResource | undefined, service: ServiceStatus | undefined): JsonObject {
  const node = service?.node ?? resource?.node;
  const state = call.state.ha.manager.disarm?.mode === 'ignore' ? 'ignore' : verboseState(service, resource);
  const section = call.state.ha.resources[sid];
  const fromConfig = resource && {
    request_state: resource.state, max_restart: resource.maxRestart, max_relocate: resource.maxRelocate,
    ...(hasGroups(call) ? {} : { failback: resource.failback ? 1 : 0 }),
    ...(section?.['group'] !== undefined && hasGroups(call) ? { group: section['group'] } : {}),
    ...(section?.['comment'] === undefined ? {} : { comment: section['comment'] }),
  };
  return {
    id: `service:${sid}`, type: 'service', sid, ...(node === undefined ? {} : { node }), ...(service ? { crm_state: service.state } : {}),
    state, status: `${sid} (${node ?? '---'}, ${state})`, ...fromConfig,
  };
}

/** What a person is told at once, before the manager has done it. */
function verboseState(service: ServiceStatus | undefined, resource: HaResource | undefined): string {
  if (!resource) return 'deleting';
  if (resource.state === 'ignored') return 'ignored';
  if (resource.node === undefined) return 'not found';
  if (!service) return 'queued';
  switch (service.state) {
    case 'stopped': return resource.state === 'started' ? 'starting' : resource.state === 'disabled' ? 'disabled' : 'stopped';
    case 'started':
      if (!service.running) return 'starting';
      return resource.state === 'stopped' || resource.state === 'disabled' ? 'stopping' : 'started';
    case 'error': return resource.state === 'disabled' ? 'clearing error flag' : 'error';
    default: return service.state;
  }
}

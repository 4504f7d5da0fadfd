// The lines of `ha/crm_commands`: what the API and `ha-manager crm-command` ask of the master.
// In: the lines. Out: the manager's status with the requests noted; services act on them later in the same round.
// Must never refuse aloud: the API accepted the line long before, the refusal is only a line in the master's log.
import type { CrmRound } from './crm-services.ts';

export function commandsInto(round: CrmRound, lines: readonly string[]): void {
  for (const line of lines) obey(round, line);
}

function obey(round: CrmRound, line: string): void {
  const [verb = '', first = '', second = ''] = line.split(/\s+/);
  switch (verb) {
    case 'migrate':
    case 'relocate': return move(round, line, verb, first, second);
    case 'stop': return stop(round, line, first, second);
    case 'enable-node-maintenance': return enableMaintenance(round, line, first);
    case 'disable-node-maintenance': {
      const request = round.manager.node_request?.[first];
      if (request) delete request.maintenance;
      return;
    }
    case 'disarm-ha': {
      round.manager.disarm ??= { mode: first === 'ignore' ? 'ignore' : 'freeze', state: 'disarming' };
      return;
    }
    case 'arm-ha': return arm(round);
    default: round.log.push(`unable to parse crm command: ${line}`);
  }
}

function move(round: CrmRound, line: string, verb: 'migrate' | 'relocate', sid: string, target: string): void {
  const service = round.manager.service_status[sid];
  if (!service) return void round.log.push(`crm command error - no such service: ${line}`);
  if (round.manager.node_status[target] !== 'online') return void round.log.push(`crm command error - node not online: ${line}`);
  if (service.node === target) return void round.log.push(`ignore crm command - service already on target node: ${line}`);
  const blocking = [...(round.affinity.apart.get(sid) ?? [])].sort().find((other) => isOrGoes(round, other, target));
  if (blocking !== undefined) {
    return void round.log.push(`crm command '${line}' error - service '${blocking}' on node '${target}' in negative affinity with service '${sid}'`);
  }
  round.log.push(`got crm command: ${line}`);
  service.cmd = [verb, target];
  for (const other of [...(round.affinity.together.get(sid) ?? [])].sort()) {
    const companion = round.manager.service_status[other];
    if (companion && companion.node !== target && companion.target !== target) companion.cmd = [verb, target];
  }
}

function isOrGoes(round: CrmRound, sid: string, node: string): boolean {
  const service = round.manager.service_status[sid];
  return service !== undefined && service.node === node && (service.target === undefined || service.target === node);
}

function stop(round: CrmRound, line: string, sid: string, timeout: string): void {
  const service = round.manager.service_status[sid];
  if (!service) return void round.log.push(`crm command error - no such service: ${line}`);
  round.log.push(`got crm command: ${line}`);
  service.cmd = ['stop', timeout];
}

function enableMaintenance(round: CrmRound, line: string, node: string): void {
  const state = round.manager.node_status[node] ?? 'unknown';
  if (round.manager.disarm) return void round.log.push(`ignoring maintenance command for node ${node} - HA stack is disarmed`);
  if (state === 'maintenance') return void round.log.push(`ignoring crm command - node ${node} is already in maintenance state`);
  if (state !== 'online') return void round.log.push(`crm command error - node not online: ${line}`);
  const requests = (round.manager.node_request ??= {});
  (requests[node] ??= {}).maintenance = 1;
}

function arm(round: CrmRound): void {
  if (round.manager.disarm?.mode === 'ignore') {
    for (const [sid, service] of Object.entries(round.manager.service_status)) service.node = round.world.resources[sid]?.node ?? service.node;
  }
  delete round.manager.disarm;
}

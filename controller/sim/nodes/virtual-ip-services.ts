// keepalived and heartbeat as services of a node. In: words of systemctl, power. Out: the program started, stopped, told to read anew.
import { MAIN_FILE } from '../../virtual-ip/keepalived-text.ts';
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import type { Run } from './output.ts';
import { lookAtHeartbeat, loseHeartbeat, resumeHeartbeat, startHeartbeat, stopHeartbeat } from './virtual-ip-heartbeat.ts';
import { VIRTUAL_IP_PROGRAMS } from './virtual-ip-state.ts';
import type { VirtualIpProgram } from './virtual-ip-state.ts';
import { lookAtVrrp, loseInstances, rereadInstances, resumeInstances, startInstances, stopInstances } from './virtual-ip-vrrp.ts';

/** From power on until systemd starts it. */
const BOOT_MS = 8_000;
const NOT_ACTIVE = 3;
const NOT_FOUND = 5;

export function systemctl(sim: Simulation, words: readonly string[], run: Run): number {
  const plain = words.filter((word) => word !== '--now');
  const isNow = words.includes('--now');
  const [verb = '', name = ''] = plain;
  const service = VIRTUAL_IP_PROGRAMS.find((one) => one === name.replace(/\.service$/, ''));
  if (plain.length !== 2 || plain.some((word) => word.startsWith('-'))) return said(run, `systemctl: these words are not simulated: ${words.join(' ')}`, 1);
  if (!service || !hostOf(sim, run.node).programs[service]) return absent(run, verb, name);
  switch (verb) {
    case 'is-active': return told(run, isRunning(sim, run.node, service), ['active', 'inactive'], NOT_ACTIVE);
    case 'is-enabled': return told(run, isEnabled(sim, run.node, service), ['enabled', 'disabled'], 1);
    case 'start': return start(sim, service, run);
    case 'stop': return stop(sim, run.node, service);
    case 'restart': return stop(sim, run.node, service) || start(sim, service, run);
    case 'reload': return reload(sim, service, run);
    case 'reload-or-restart': return isRunning(sim, run.node, service) && service === 'keepalived' ? reload(sim, service, run) : stop(sim, run.node, service) || start(sim, service, run);
    case 'enable': return enable(sim, run.node, service, 'on') || (isNow ? start(sim, service, run) : 0);
    case 'disable': return enable(sim, run.node, service, 'off') || (isNow ? stop(sim, run.node, service) : 0);
    default: return said(run, `Unknown command verb ${verb}.`, 1);
  }
}

/** After anything that changes who reaches whom. */
export function lookAtVirtualIps(sim: Simulation): void {
  lookAtVrrp(sim);
  lookAtHeartbeat(sim);
}

export function losePrograms(sim: Simulation, node: string): void {
  const { programs, notes, files } = hostOf(sim, node);
  // /run is in memory.
  for (const path of Object.keys(notes)) delete notes[path];
  for (const path of Object.keys(files).filter((one) => one.startsWith('/run/'))) delete files[path];
  if (programs.keepalived) programs.keepalived.isRunning = false;
  loseInstances(sim, node);
  loseHeartbeat(sim, node);
}

export function bootPrograms(sim: Simulation, node: string): void {
  if (!VIRTUAL_IP_PROGRAMS.some((service) => isEnabled(sim, node, service))) return;
  const bootedAtMs = sim.state.nodes[node]?.startedAtMs;
  sim.clock.after(BOOT_MS, () => {
    if (sim.state.nodes[node]?.power !== 'on' || sim.state.nodes[node]?.startedAtMs !== bootedAtMs) return;
    for (const service of VIRTUAL_IP_PROGRAMS) if (isEnabled(sim, node, service)) begin(sim, node, service);
  }, { background: true, label: `virtual IP of ${node} starts` });
}

export function resumePrograms(sim: Simulation): void {
  resumeInstances(sim);
  resumeHeartbeat(sim);
}

export function isRunning(sim: Simulation, node: string, service: VirtualIpProgram): boolean {
  const { keepalived, heartbeat } = hostOf(sim, node).programs;
  return service === 'keepalived' ? keepalived?.isRunning === true : heartbeat?.run !== undefined;
}

export function isEnabled(sim: Simulation, node: string, service: VirtualIpProgram): boolean {
  return hostOf(sim, node).programs[service]?.isEnabled === true;
}

function start(sim: Simulation, service: VirtualIpProgram, run: Run): number {
  const trouble = begin(sim, run.node, service);
  return trouble === undefined ? 0 : said(run, `Job for ${service}.service failed: ${trouble}`, 1);
}

/** Why it does not start, or nothing. */
function begin(sim: Simulation, node: string, service: VirtualIpProgram): string | undefined {
  if (isRunning(sim, node, service)) return undefined;
  const { programs: { keepalived }, files } = hostOf(sim, node);
  if (service === 'heartbeat') return startHeartbeat(sim, node);
  // Its unit does not start it without a configuration, and does not call that a failure.
  if (!keepalived || (files[MAIN_FILE] ?? '') === '') return undefined;
  keepalived.isRunning = true;
  startInstances(sim, node);
  return undefined;
}

function stop(sim: Simulation, node: string, service: VirtualIpProgram): number {
  const { keepalived } = hostOf(sim, node).programs;
  if (service === 'heartbeat') stopHeartbeat(sim, node);
  else if (keepalived?.isRunning) {
    stopInstances(sim, node);
    keepalived.isRunning = false;
  }
  return 0;
}

function reload(sim: Simulation, service: VirtualIpProgram, run: Run): number {
  if (!isRunning(sim, run.node, service)) return said(run, `${service}.service is not active, cannot reload.`, 1);
  if (service === 'heartbeat') return said(run, `Failed to reload ${service}.service: Job type reload is not applicable for unit ${service}.service.`, 1);
  rereadInstances(sim, run.node);
  return 0;
}

function enable(sim: Simulation, node: string, service: VirtualIpProgram, how: 'on' | 'off'): number {
  const program = hostOf(sim, node).programs[service];
  if (program) program.isEnabled = how === 'on';
  return 0;
}

function absent(run: Run, verb: string, name: string): number {
  if (verb === 'is-active') return told(run, false, ['active', 'inactive'], NOT_ACTIVE);
  if (verb === 'is-enabled') return said(run, `Failed to get unit file state for ${name}: No such file or directory`, 1);
  return said(run, `Unit ${name}.service not found.`, NOT_FOUND);
}

function told({ output }: Run, is: boolean, [yes, no]: readonly [string, string], code: number): number {
  output.out(`${is ? yes : no}\n`);
  return is ? 0 : code;
}

function said({ output }: Run, text: string, code: number): number {
  output.err(`${text}\n`);
  return code;
}

// `drbdsetup`: the kernel alone, without files. Status is read with it, because a broken file stops drbdadm.
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import { bringDown } from './drbdadm.ts';
import { Refused } from './kernel.ts';
import type { Output, Run } from './output.ts';
import { events, status, statusJson } from './show.ts';
import type { Replica } from './state.ts';

const USAGE_8 = `
USAGE: drbdsetup command device arguments options

Device is usually /dev/drbdX or /dev/drbd/X.

Commands are:
    primary             secondary           attach              
    disk-options        detach              connect             
    net-options         disconnect          resize              
    resource-options    new-current-uuid    invalidate          
    invalidate-remote   pause-sync          resume-sync         
    suspend-io          resume-io           outdate             
    verify              down                state               
    role                sh-status           cstate              
    dstate              show-gi             get-gi              
    show                status              check-resize        
    events              events2             wait-connect        
    wait-sync           new-resource        new-minor           
    del-minor           del-resource        

To get more details about a command issue 'drbdsetup help cmd'.

`;
const OPTIONS: Readonly<Record<string, readonly string[]>> = { status: ['--verbose', '--statistics', '--json'], events2: ['--now', '--statistics', '--timestamps'], down: [] };

export function drbdsetup(sim: Simulation, words: readonly string[], { node, output }: Run): number {
  const host = hostOf(sim, node);
  if (host.drbd === '') {
    output.err('Could not connect to \'drbd\' generic netlink family\n');
    return 20;
  }
  const is8 = host.drbd.startsWith('8.');
  const [command = '', ...rest] = words;
  const known = OPTIONS[command];
  if (!known) {
    output.err(`drbdsetup: ${command} is not simulated\n`);
    return 20;
  }
  const options = rest.filter((word) => word.startsWith('-'));
  const wrong = options.find((word) => !known.includes(word) || (is8 && word === '--json'));
  if (wrong !== undefined) {
    output.err(`${command}: unrecognized option '${wrong}'\n${USAGE_8}`);
    return 20;
  }
  const [name] = rest.filter((word) => !word.startsWith('-'));
  const all = Object.values(host.replicas).sort((a, b) => (a.resource < b.resource ? -1 : 1));
  const chosen = name === undefined ? all : all.filter(({ resource }) => resource === name);
  switch (command) {
    case 'down': return down(sim, node, name ?? '', is8, output);
    case 'events2': {
      if (!options.includes('--now')) {
        output.err('drbdsetup: events2 without --now is not simulated\n');
        return 20;
      }
      output.out(events(sim, node, chosen, options.includes('--statistics'), options.includes('--timestamps') ? `${new Date(sim.clock.now()).toISOString().replace('Z', '000+00:00')} ` : ''));
      return 0;
    }
    default: return show(sim, node, name, chosen, options, is8, output);
  }
}

function show(sim: Simulation, node: string, name: string | undefined, chosen: readonly Replica[], options: readonly string[], is8: boolean, output: Output): number {
  const isMissing = name !== undefined && chosen.length === 0;
  if (isMissing) output.err(`${name}: No such resource\n`);
  if (options.includes('--json')) output.out(statusJson(sim, node, chosen));
  else if (chosen.length === 0 && !is8) output.out('# No currently configured DRBD found.\n');
  else for (const replica of chosen) output.out(status(sim, node, replica, { verbose: options.includes('--verbose'), statistics: options.includes('--statistics') }));
  return isMissing ? 10 : 0;
}

function down(sim: Simulation, node: string, name: string, is8: boolean, output: Output): number {
  try {
    bringDown(sim, node, name, is8);
    return 0;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    output.err(`${name}: ${error.message}\n${error.info.length > 0 ? `additional info from kernel:\n${error.info.join('\n')}\n` : ''}`);
    return error.code;
  }
}

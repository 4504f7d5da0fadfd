// Recorded sessions on real DRBD played against the simulator: the same commands on the same nodes in the same order.
// In: sessions. Out: for each what it printed here and there, normalised, and how it ended.
import type { Recorded } from '../drbd/recorded.ts';
import { Output } from '../../controller/sim/nodes/output.ts';
import { runProgram } from '../../controller/sim/nodes/programs.ts';
import { hostOf } from '../../controller/sim/nodes/devices.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';

export interface Played { readonly recorded: Recorded; readonly output: string; readonly exit: number }

/** What is not of the simulator: kernels' logs, other programs, a person's files. */
const OUTSIDE = /\b(?:sed|mkfs|time|timeout|for i in|modinfo|pvscan|echo (?:garbage|"resource|yes)|rm \/etc)\b/;
/** What is passed by: the rest of the line is done and not compared. */
const PASSED_BY = /^(?:dmesg|dd|mount|umount|ls|blockdev|head|cat \/(?:var|etc)|grep|drbdadm (?:dump |dump-xml|sh-resources|hidden-commands|invalidate|show-gi)|drbdsetup (?:show|primary|new-|wait))/;

export function isOutside({ command }: Recorded): boolean {
  return OUTSIDE.test(command);
}

function partsOf(line: string): readonly string[] {
  return line.split(/;\s*|\s*&&\s*|\s*\|\s*/).map((part) => part.trim());
}

export function isCompared({ command }: Recorded): boolean {
  return !command.includes('|') && partsOf(command).every((part) => !PASSED_BY.test(part));
}

/** `a; echo rc=$?; b && c </dev/null`, as far as the sessions use a shell. */
export async function play(sim: Simulation, node: string, line: string): Promise<{ readonly output: string; readonly exit: number }> {
  let [text, code] = ['', 0];
  for (const part of line.split(/;\s*/)) {
    for (const command of part.split(/\s*&&\s*/)) {
      const echo = /^echo (?:(.*?)\s*)?rc=\$\?$/.exec(command.trim());
      if (echo) {
        text += `${echo[1] === undefined || echo[1] === '' ? '' : `${echo[1]} `}rc=${code}\n`;
        code = 0;
        continue;
      }
      const [, seconds] = /^sleep (\d+)$/.exec(command.trim()) ?? [];
      if (seconds !== undefined) await sim.clock.advance(Number(seconds) * 1000);
      if (seconds !== undefined || PASSED_BY.test(command.trim())) continue;
      const output = new Output();
      const words = [...command.replace(/\s*<\/dev\/null|\s*2>\/dev\/null|\s*>\/dev\/null/g, '').trim().matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
      if (words[0] === undefined) continue;
      code = runProgram(sim, words, { node, output, stdin: '' });
      text += />\s*\/dev\/null/.test(command) ? output.stream(command.includes('2>') ? 'out' : 'err') : output.both;
      if (code !== 0) break;
    }
  }
  return { output: text, exit: code };
}

/** Numbers of bytes moved, identifiers, times and names of one kernel build differ from run to run. */
export function normalised(text: string): string {
  return text
    .replaceAll(/^\d{4}-\d\d-\d\dT\S+ /gm, '')
    .replaceAll(/\b[0-9A-F]{16}\b/g, (id) => (/^0{15}/.test(id) ? id : /[13579BDF]$/.test(id) ? 'ID-1' : 'ID-0'))
    // How many generations there were before differs from session to session.
    .replaceAll(/^(ID-\d:\w[\w-]*):([\w-]+):([\w-]+):/gm, (_all, now: string, younger: string, older: string) => `${now}:${[younger, older].map((id) => (/^0+$/.test(id) ? 'none' : 'some')).join(':')}:`)
    .replaceAll(/\b(read|written|received|sent|al-writes|bm-writes|pending|unacked|lower-pending|upper-pending|ns|nr|dw|dr|al|bm|lo|pe|ua|ap|rs-in-flight|ap-in-flight):\d+/g, '$1:N')
    .replaceAll(/"(read|written|received|sent|al-writes|bm-writes|pending|unacked|lower-pending|upper-pending|rs-in-flight|ap-in-flight)": \d+/g, '"$1": N')
    .replaceAll(/congested:(?:yes|no)|"congested": (?:true|false)/g, 'congested')
    .replaceAll(/al-suspended:(?:yes|no)/g, 'al-suspended')
    .replaceAll(/\b\w{6}(?:-\w{4}){5}-\w{6}\b/g, 'UUID')
    .replaceAll(/want: [\d,]+ /g, '').replaceAll(/speed: .* K\/sec/g, 'speed')
    // Where a line was broken depends on the length of the numbers.
    .replaceAll(/\s+/g, ' ').trim();
}

export function write(sim: Simulation, node: string, path: string, text: string): void {
  hostOf(sim, node).files[path] = text;
}

export function playAll(sim: Simulation, sessions: readonly Recorded[], before: (session: Recorded) => Promise<void>, secondsBetween = 1): Promise<readonly Played[]> {
  return sessions.reduce<Promise<readonly Played[]>>(async (done, session) => {
    const played = await done;
    await before(session);
    await sim.clock.advance(secondsBetween * 1000);
    const result = await play(sim, session.node, session.command);
    return [...played, { recorded: session, ...result }];
  }, Promise.resolve([]));
}

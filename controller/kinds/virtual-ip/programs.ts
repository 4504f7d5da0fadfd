// What is done on one node, for each of the two programs, as steps. Pure.
import { createHash } from 'node:crypto';
import { script } from '../../drbd/scripts.ts';
import type { Condition, Step } from '../../model/step.ts';
import { heartbeatTexts } from '../../virtual-ip/heartbeat-text.ts';
import { mainText, markLine, partText } from '../../virtual-ip/keepalived-text.ts';
import { REMOVE_HEARTBEAT, REMOVE_KEEPALIVED, START_HEARTBEAT, START_KEEPALIVED, WRITE_HEARTBEAT, WRITE_KEEPALIVED } from '../../virtual-ip/scripts.ts';
import { command, refused } from '../drbd/commands.ts';
import type { Compared } from './compare.ts';
import type { Provider } from './schema.ts';
import type { Member, Scene } from './scene.ts';
import { mainFileOf } from './seen.ts';
import { partOf, setupOf } from './wanted.ts';

/** Heartbeat takes some seconds to stop, to begin and to agree. */
const HEARTBEAT_MS = 5 * 60_000;

export function write(scene: Scene, { member }: Compared, guards: readonly Condition[]): Step {
  return scene.provider === 'keepalived' ? writeKeepalived(scene, member, guards) : writeHeartbeat(scene, member, guards);
}

function writeKeepalived(scene: Scene, member: Member, guards: readonly Condition[]): Step {
  const part = partOf(scene, member);
  const title = `write the address into keepalived's configuration, once keepalived finds no fault in it,`;
  if (!part) return refused(`${title} on ${member.node}`, noOwnAddress(scene) ?? '');
  const whole = mainText(scene.mark);
  const main = mainFileOf(member.programs, whole, scene.address, scene.mark);
  const how = main.is === 'reads-ours' ? 'keep' : main.is === 'replaceable' ? digestOf(member.programs.keepalived?.main ?? '') : '';
  return command(member.node, title, script(WRITE_KEEPALIVED, scene.name, markLine(scene.mark), whole, how), { stdin: partText(part), guards });
}

function writeHeartbeat(scene: Scene, member: Member, guards: readonly Condition[]): Step {
  const setup = setupOf(scene);
  if (!setup) return refused(`write heartbeat's files on ${member.node}`, noOwnAddress(scene) ?? '');
  const there = member.programs.heartbeat?.files.get('ha.cf');
  return command(member.node, 'write the files of heartbeat', script(WRITE_HEARTBEAT, markLine(scene.mark, scene.name), there === undefined ? '' : digestOf(there)), { stdin: heartbeatTexts(setup), guards });
}

/** Of a text without secrets, as the node computes it. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Puts in force what was written. */
export function start(scene: Scene, { member, running }: Compared, guards: readonly Condition[]): Step {
  if (scene.provider === 'keepalived') return command(member.node, running ? 'let keepalived read it' : 'start keepalived', script(START_KEEPALIVED), { guards });
  return command(member.node, running ? 'restart heartbeat, which reads its files only then,' : 'start heartbeat', script(START_HEARTBEAT, running ? 'restart' : 'start'), { guards, timeoutMs: HEARTBEAT_MS });
}

/** For as long as it would not understand the others. */
export function takeOut(scene: Scene, { member, seen }: Compared, guards: readonly Condition[]): Step {
  if (seen?.whose === 'ours' && seen.by === 'keepalived') return command(member.node, 'take it out of keepalived, which would not hear the others meanwhile,', script(REMOVE_KEEPALIVED, scene.name, markLine(scene.mark)), { guards });
  return command(member.node, `stop ${scene.provider}, which would not hear the others meanwhile,`, ['systemctl', 'stop', scene.provider], { guards, timeoutMs: HEARTBEAT_MS });
}

export function remove(node: string, name: string, provider: Provider, mark: string): Step {
  const isKeepalived = provider === 'keepalived';
  const argv = isKeepalived ? script(REMOVE_KEEPALIVED, name, markLine(mark)) : script(REMOVE_HEARTBEAT, markLine(mark, name));
  return command(node, isKeepalived ? 'take it out of keepalived' : 'stop heartbeat and take its files away', argv, { timeoutMs: HEARTBEAT_MS });
}

export function noOwnAddress({ members, spec }: Scene): string | undefined {
  const lost = members.find(({ own }) => own === undefined);
  return lost && `${lost.node} has no address of its own on ${spec.interface} for the nodes to hear each other`;
}

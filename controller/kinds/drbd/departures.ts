// In: nodes that have a resource and that its manifest does not name any more. Out: how they let go of it. Pure.
// Must never take away the last good copy; what they hold stays on their disks.
import type { Condition, Hold, Step } from '../../model/step.ts';
import { command } from './commands.ts';
import type { Copy, Scene, Work } from './scene.ts';
import { diskful, nodesOf } from './scene.ts';

export function departures(scene: Scene): Work {
  const { leaving, live, copies, major, name } = scene;
  if (major !== 9) return { fields: [], steps: [], notes: [] };
  const gone = (live?.hosts ?? []).map((host) => host.name).filter((node) => !nodesOf(copies).includes(node));
  const silent = gone.filter((node) => !nodesOf(leaving).includes(node));
  const good: Condition = { is: 'drbd-in-sync', resource: name, nodes: nodesOf(diskful(copies)) };
  return {
    fields: leaving.map(({ node }) => ({ path: `nodes.${node}.state`, from: 'there', to: undefined, effect: 'live' })),
    steps: leaving.flatMap((copy) => letGo(copy, name, [good])),
    notes: [
      ...leaving.flatMap(({ node, backing }) => (backing ? [`${backing.path} on ${node} stays as it is`] : [])),
      ...silent.map((node) => `the others forget ${node}; whether its file and its data are still there was not asked`),
    ],
  };
}

function letGo({ node, replica, text }: Copy, name: string, guards: readonly Condition[]): readonly Step[] {
  return [
    ...(replica?.role === 'Primary' ? [command(node, 'make it Secondary', ['drbdadm', 'secondary', name], { guards })] : []),
    ...(replica?.isUp ? [command(node, 'take it down', ['drbdsetup', 'down', name], { guards })] : []),
    ...(text === undefined ? [] : [command(node, `remove /etc/drbd.d/${name}.res`, ['rm', '-f', `/etc/drbd.d/${name}.res`], { guards })]),
  ];
}

/** Why no copy may leave now. */
export function lastCopy({ live, copies, name }: Scene): Hold | undefined {
  const gone = (live?.hosts ?? []).filter((host) => host.disk !== undefined && host.disk !== 'none' && !nodesOf(copies).includes(host.name));
  if (gone.length === 0 || copies.some(({ replica }) => replica?.disk === 'UpToDate')) return undefined;
  return { code: 'LAST_COPY', reason: `none of the copies of ${name} that would remain is UpToDate`, approvable: false };
}

// In: a resource's manifest beside what is in force. Out: the file that its nodes should have. Pure.
// Must never move data: device numbers, node ids and backing devices that are in force stay as they are.
import type { ResHost } from '../../drbd/res-file.ts';
import type { ResText, ResTextHost } from '../../drbd/res-text.ts';
import { compareText } from '../../model/ref.ts';
import type { Copy, Scene } from './scene.ts';
import { isSameDevice } from './scene.ts';
import type { DrbdSpec } from './schema.ts';

/** @param keep what may not be changed as things are: it stays as it is in force, `net.allow-two-primaries`, `nodes.a.address` */
export function wantedRes(scene: Scene, keep: ReadonlySet<string> = new Set()): ResText {
  const { name, spec, mark, minor } = scene;
  const options = new Map([...optionsOf(spec, scene.major ?? 8)].filter(([path]) => !keep.has(path)));
  for (const path of keep) {
    const value = scene.live?.options.get(path);
    if (value !== undefined) options.set(path, value);
  }
  return {
    name, mark, reclaim: spec.reclaim ?? 'keep', major: scene.major ?? 8, minor, options,
    hosts: hostsOf(scene, keep), ...(spec.sharedSecret ? { sharedSecret: spec.sharedSecret } : {}),
  };
}

/** As drbd.conf(5) names them; what is not written is DRBD's own default. */
export function optionsOf(spec: DrbdSpec, major: 8 | 9): ReadonlyMap<string, string> {
  const { splitBrain = {} } = spec;
  const entries: readonly (readonly [string, string | undefined])[] = [
    ['net.protocol', spec.protocol ?? 'C'],
    ['net.allow-two-primaries', spec.dualPrimary ? 'yes' : undefined],
    ['net.after-sb-0pri', splitBrain.noPrimaries], ['net.after-sb-1pri', splitBrain.onePrimary], ['net.after-sb-2pri', splitBrain.twoPrimaries],
    ['net.verify-alg', spec.verify?.algorithm],
    // A fixed rate counts only while DRBD does not find out one by itself.
    ['disk.resync-rate', spec.resyncRate], ['disk.c-plan-ahead', spec.resyncRate === undefined ? undefined : '0'],
    [major === 8 ? 'disk.fencing' : 'net.fencing', spec.fencing],
    // Whoever opened the device would else promote it, and not latido.
    ...(major === 8 ? [] : [['options.auto-promote', 'no'], ['options.quorum', spec.quorum === undefined ? undefined : String(spec.quorum)], ['options.on-no-quorum', spec.onNoQuorum]] as const),
  ];
  return new Map(entries.flatMap(([path, value]) => (value === undefined ? [] : [[path, value] as const])));
}

function hostsOf(scene: Scene, keep: ReadonlySet<string>): readonly ResTextHost[] {
  const live = (node: string): ResHost | undefined => scene.live?.hosts.find((host) => host.name === node);
  const taken = new Set([...(scene.live?.hosts ?? []).flatMap(({ nodeId }) => nodeId ?? []), ...scene.copies.flatMap(({ spec }) => spec?.nodeId ?? [])]);
  const nextFree = (): number => {
    let id = 0;
    while (taken.has(id)) id += 1;
    taken.add(id);
    return id;
  };
  const staying = (scene.live?.hosts ?? []).filter(({ name }) => keep.has(`nodes.${name}`) && !scene.copies.some(({ node }) => node === name));
  const wanted = scene.copies.map((copy) => {
    const { node, spec } = copy;
    const host = live(node);
    const disk = diskOf(copy, host);
    return {
      name: node, nodeId: host?.nodeId ?? spec?.nodeId ?? nextFree(), ...(disk === undefined ? {} : { disk }),
      address: keep.has(`nodes.${node}.address`) ? host?.address ?? spec?.address ?? '' : spec?.address ?? '',
    };
  });
  return [...wanted, ...staying.map((host) => ({ name: host.name, nodeId: host.nodeId ?? nextFree(), ...(host.disk === undefined ? {} : { disk: host.disk }), address: host.address ?? '' }))].sort((a, b) => compareText(a.name, b.name));
}

/** The path that is in force, where it is another name of the same device, or of another one, which is refused. */
function diskOf({ backing }: Copy, host: ResHost | undefined): string | undefined {
  if (host?.disk !== undefined && host.disk !== 'none' && (backing !== undefined)) return host.disk;
  return backing?.path;
}

export function isBackingChanged({ backing }: Copy, host: ResHost | undefined): boolean {
  if (!host) return false;
  const had = host.disk === undefined || host.disk === 'none' ? undefined : host.disk;
  return had === undefined || backing === undefined ? (had === undefined) !== (backing === undefined) : !isSameDevice(had, backing.path);
}

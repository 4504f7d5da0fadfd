// In: a resource's manifest. Out: every mistake that can be known without a cluster, or with what its nodes told. Pure.
import { objectsOf } from '../../model/desired.ts';
import type { Desired, DesiredObject } from '../../model/desired.ts';
import { nodeFact } from '../../model/facts.ts';
import type { Finding } from '../../model/finding.ts';
import type { KindContext } from '../../model/kind.ts';
import { compareText, refText } from '../../model/ref.ts';
import { isNodeAwaited } from '../node/awaited.ts';
import { findingsOf, guessFix } from '../option-findings.ts';
import type { Found } from '../option-findings.ts';
import { portOf } from './ports.ts';
import { hostsOn } from './res-hosts.ts';
import { isSameDevice } from './scene.ts';
import { DRBD_NAME } from './schema.ts';
import { verifyFindings } from './verify-findings.ts';
import type { DrbdSpec } from './schema.ts';

type Resource = DesiredObject<DrbdSpec>;

export function drbdFindings(object: Resource, desired: Desired): readonly Finding[] {
  const found = findingsOf(object);
  return [...nameFindings(object, found), ...nodeFindings(object, found), ...ruleFindings(object, found), ...verifyFindings(object, found), ...clashes(object, desired, found)];
}

/** Names that mean something to drbdadm or to LVM. */
const RESERVED = /^(?:all|snapshot|pvmove\S*)$|_(?:cdata|cmeta|corig|iorig|mimage|mlog|pmspare|rimage|rmeta|tdata|tmeta|vdata|vorigin|wcorig)/;

function nameFindings({ ref }: Resource, found: Found): readonly Finding[] {
  if (!new RegExp(DRBD_NAME).test(ref.name)) return [found('NAME_INVALID', 'metadata.name', `'${ref.name}' cannot be the name of a resource: it becomes a file and a logical volume`, 'use letters, digits and . _ -, at most 60')];
  return RESERVED.test(ref.name) ? [found('NAME_INVALID', 'metadata.name', `'${ref.name}' means something else to drbdadm or to LVM`, 'use another name')] : [];
}

function nodeFindings({ spec }: Resource, found: Found): readonly Finding[] {
  const nodes = Object.entries(spec.nodes);
  const ids = nodes.flatMap(([name, { nodeId }]) => (nodeId === undefined ? [] : [{ name, nodeId }]));
  const addresses = nodes.map(([name, { address }]) => ({ name, address }));
  const holding = nodes.filter(([, { diskless }]) => !diskless);
  return [
    ...nodes.flatMap(([name, { volumeGroup, device, diskless }]) => {
      const said = [volumeGroup, device, diskless || undefined].filter((one) => one !== undefined).length;
      return said === 1 ? [] : [found('MANIFEST_SCHEMA', `spec.nodes.${name}`, said === 0 ? 'it does not say where its data lies' : 'a copy lies in one place', 'write one of volumeGroup, device and diskless: true')];
    }),
    ...nodes.flatMap(([name, { address }]) => (isAddress(address) ? [] : [found('OPTION_INVALID', `spec.nodes.${name}.address`, `'${address}' is not an address`, 'write for example 10.0.0.40:7788, or 10.0.0.40')])),
    ...ids.filter(({ nodeId }, at) => ids.findIndex((one) => one.nodeId === nodeId) !== at).map(({ name, nodeId }) => found('DUPLICATE', `spec.nodes.${name}.nodeId`, `node id ${nodeId} is taken twice`)),
    ...addresses.filter(({ address }, at) => addresses.findIndex((one) => one.address === address) !== at).map(({ name, address }) => found('DUPLICATE', `spec.nodes.${name}.address`, `${address} is the address of two copies`)),
    ...(holding.length < 2 ? [found('MANIFEST_SCHEMA', 'spec.nodes', 'fewer than two of its nodes hold data', 'name two nodes with a volumeGroup or a device')] : []),
  ];
}

function isAddress(text: string): boolean {
  const port = portOf(text) ?? 1;
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?::|$)/.exec(text)?.slice(1) ?? [];
  return port > 0 && port < 65_536 && octets.every((octet) => Number(octet) < 256);
}

function ruleFindings({ spec }: Resource, found: Found): readonly Finding[] {
  const { dualPrimary, protocol, storage, initialSync, resolveSplitBrain, nodes } = spec;
  const from = typeof initialSync === 'object' ? initialSync.from : undefined;
  const names = Object.keys(nodes);
  return [
    ...(dualPrimary && protocol !== undefined && protocol !== 'C' ? [found('POLICY_INVALID', 'spec.protocol', `dualPrimary needs protocol C: with ${protocol} a write is done before the other node has it`, 'write protocol: C, or remove the line')] : []),
    ...(storage && !dualPrimary ? [found('POLICY_INVALID', 'spec.storage', 'storage on all nodes needs dualPrimary: true', 'write dualPrimary: true, or remove storage')] : []),
    ...(from !== undefined && (nodes[from] === undefined || nodes[from]?.diskless) ? [found('REFERENCE_MISSING', 'spec.initialSync.from', `${from} holds no copy of it`, guessFix(from, names))] : []),
    ...(resolveSplitBrain && nodes[resolveSplitBrain.discard] === undefined ? [found('REFERENCE_MISSING', 'spec.resolveSplitBrain.discard', `${resolveSplitBrain.discard} is none of its nodes`, guessFix(resolveSplitBrain.discard, names))] : []),
    ...(storage && Object.values(nodes).some(({ volumeGroup }) => volumeGroup === storage.volumeGroup) ? [found('POLICY_INVALID', 'spec.storage.volumeGroup', `${storage.volumeGroup} is the volume group below the resource, and another is made on it`, 'use another name')] : []),
  ];
}

/** What two resources cannot share; told at the later one. */
function clashes(object: Resource, desired: Desired, found: Found): readonly Finding[] {
  const before = (objectsOf(desired, 'DrbdResource') as readonly Resource[]).filter(({ ref }) => compareText(ref.name, object.ref.name) < 0);
  return before.flatMap((other) => [
    ...Object.entries(object.spec.nodes).flatMap(([name, own]) => {
      const theirs = other.spec.nodes[name];
      return [
        ...(theirs?.address === own.address && portOf(own.address) !== undefined ? [found('DUPLICATE', `spec.nodes.${name}.address`, `${refText(other.ref)} has ${own.address} already`, 'give each resource a port of its own')] : []),
        ...(theirs?.device !== undefined && isSameDevice(theirs.device, own.device) ? [found('DUPLICATE', `spec.nodes.${name}.device`, `${refText(other.ref)} has ${theirs.device} already: two resources on one disk destroy each other`, 'give it a device of its own')] : []),
      ];
    }),
    ...(object.spec.minor !== undefined && other.spec.minor === object.spec.minor ? [found('DUPLICATE', 'spec.minor', `${refText(other.ref)} has minor ${object.spec.minor} already`, 'remove the line, and a free one is taken')] : []),
    ...(object.spec.storage !== undefined && other.spec.storage?.volumeGroup === object.spec.storage.volumeGroup ? [found('DUPLICATE', 'spec.storage.volumeGroup', `${refText(other.ref)} makes the volume group ${object.spec.storage.volumeGroup} already`, 'use another name')] : []),
  ]);
}

export function drbdLiveFindings(object: Resource, context: KindContext): readonly Finding[] {
  const { facts, desired } = context;
  const found = findingsOf(object);
  const unknown = Object.keys(object.spec.nodes).filter((name) => !nodeFact(facts, name))
    .map((name) => found('NODE_UNKNOWN', `spec.nodes.${name}`, `the cluster has no node '${name}'`, guessFix(name, facts.nodes.map((node) => node.name)), isNodeAwaited(desired, name) ? 'warning' : 'error'));
  return [...unknown, ...versionFindings(object, context, found), ...strangers(object, context, found)];
}

function versionFindings({ spec }: Resource, { facts }: KindContext, found: Found): readonly Finding[] {
  const versions = Object.keys(spec.nodes).flatMap((node) => facts.storageNodes?.get(node)?.drbdVersion ?? []);
  const old = Object.keys(spec.nodes).find((node) => facts.storageNodes?.get(node)?.drbdVersion?.startsWith('8.'));
  const mixed = new Set(versions.map((version) => version.split('.')[0])).size > 1;
  if (mixed) return [found('VERSION_UNSUPPORTED', 'spec.nodes', `its nodes run DRBD ${[...new Set(versions)].sort().join(' and ')}, which keep different metadata`, 'bring them to one version')];
  if (old === undefined) return [];
  const version = facts.storageNodes?.get(old)?.drbdVersion ?? '';
  const lacks = (path: string, what: string): Finding => ({ ...found('VERSION_UNSUPPORTED', path, `DRBD ${version} has no ${what}`, 'remove it, or install DRBD 9 on all its nodes'), node: old });
  return [
    ...(Object.keys(spec.nodes).length > 2 ? [lacks('spec.nodes', 'more than two copies')] : []),
    ...Object.entries(spec.nodes).filter(([, { diskless }]) => diskless).map(([name]) => lacks(`spec.nodes.${name}.diskless`, 'nodes without data')),
    ...(spec.quorum !== undefined && spec.quorum !== 'off' ? [lacks('spec.quorum', 'quorum')] : []),
    ...(spec.onNoQuorum !== undefined ? [lacks('spec.onNoQuorum', 'quorum')] : []),
  ];
}

/** Resources that no manifest names: drbdadm would refuse a second one on their port or minor, but not on their disk. */
function strangers(object: Resource, { facts, desired }: KindContext, found: Found): readonly Finding[] {
  const named = new Set(objectsOf(desired, 'DrbdResource').map(({ ref }) => ref.name));
  return Object.entries(object.spec.nodes).flatMap(([node, own]) => {
    const hosts = hostsOn(node, facts).filter(({ name, resource }) => name === node && resource !== object.ref.name && !named.has(resource));
    return hosts.flatMap(({ resource, disk, address }) => [
      ...(address === own.address ? [found('DUPLICATE', `spec.nodes.${node}.address`, `resource ${resource} on ${node} has ${own.address} already`, 'use another port')] : []),
      ...(disk !== undefined && isSameDevice(disk, own.device ?? (own.volumeGroup === undefined ? undefined : `/dev/${own.volumeGroup}/${object.ref.name}`)) ? [found('DUPLICATE', `spec.nodes.${node}`, `resource ${resource} on ${node} lies on ${disk} already`, 'give it a device of its own')] : []),
    ]);
  });
}

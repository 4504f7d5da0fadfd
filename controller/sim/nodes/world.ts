// What happens to nodes below Proxmox: power, cut lines between them, disks that die, applications that write.
// In: deeds of a story, changes of power. Out: DRBD notices, in its time.
import type { Simulation } from '../simulation.ts';
import { noteLost, writeThrough } from './data.ts';
import { backingOf, hostOf, mediumAt } from './devices.ts';
import { readConfig } from './config.ts';
import { allResources, letGuestsWrite, look, lookAfterHeal } from './connections.ts';
import { metadataOf } from './kernel.ts';
import { dropDisk } from './replica-disk.ts';
import { Output } from './output.ts';
import { runProgram } from './programs.ts';
import { pairOf } from './state.ts';
import { newPrograms } from './virtual-ip-state.ts';
import { bootPrograms, lookAtVirtualIps, losePrograms, resumePrograms } from './virtual-ip-services.ts';

/** After power on: the distribution's drbd service brings up what its files say. */
const SERVICE_MS = 8_000;

/** Follows the power of all nodes. */
export function watchNodes(sim: Simulation): void {
  sim.onPower((node, power) => {
    if (!sim.state.below.hosts[node]) return;
    if (power === 'off') loseKernel(sim, node);
    else boot(sim, node);
  });
  sim.corosync.onLinks(() => lookAtVirtualIps(sim));
}

/** What is in memory is gone; what is on disks says that it was not ended in order. */
function loseKernel(sim: Simulation, node: string): void {
  const host = hostOf(sim, node);
  const resources = Object.keys(host.replicas);
  for (const replica of Object.values(host.replicas)) {
    const metadata = metadataOf(sim, node, replica);
    for (const peer of Object.values(replica.peers)) delete peer.sync;
    if (!metadata) continue;
    metadata.clean = false;
    metadata.crashedPrimary ||= replica.role === 'Primary';
  }
  host.replicas = {};
  host.active = [];
  delete host.kernelLog;
  for (const resource of resources) look(sim, resource);
  losePrograms(sim, node);
}

function boot(sim: Simulation, node: string): void {
  const host = hostOf(sim, node);
  const bootedAtMs = sim.state.nodes[node]?.startedAtMs;
  // LVM activates what it finds on local disks.
  for (const medium of Object.values(host.disks)) {
    const group = medium.label?.kind === 'physical' ? medium.label.group : undefined;
    if (group && !medium.failed) host.active.push(...Object.keys(group.volumes).map((volume) => `${group.name}/${volume}`));
  }
  bootPrograms(sim, node);
  if (!host.adjustsAtBoot || host.drbd === '') return;
  sim.clock.after(SERVICE_MS, () => {
    if (sim.state.nodes[node]?.power !== 'on' || sim.state.nodes[node]?.startedAtMs !== bootedAtMs) return;
    for (const { name } of readConfig(host, node).here) runProgram(sim, ['drbdadm', 'adjust', name], { node, output: new Output(), stdin: '' });
  }, { background: true, label: `drbd service of ${node}` });
}

export function cutLine(sim: Simulation, a: string, b: string): void {
  const { below } = sim.state;
  below.cutLinks = [...new Set([...below.cutLinks, pairOf(a, b)])];
  for (const resource of allResources(sim)) look(sim, resource);
}

export function healLine(sim: Simulation, a: string, b: string): void {
  const { below } = sim.state;
  below.cutLinks = below.cutLinks.filter((pair) => pair !== pairOf(a, b));
  lookAfterHeal(sim);
}

/** False: the application could not write. */
export function write(sim: Simulation, resource: string, node: string, bytes: number): boolean {
  const isWritten = writeThrough(sim, resource, node, bytes, 'an application');
  if (!isWritten) sim.log.write(node, `drbd ${resource}: nothing could be written`);
  return isWritten;
}

/** A guest has started on the node: it writes at once, as all do. */
export function guestsWrite(sim: Simulation, node: string): void {
  for (const replica of Object.values(sim.state.below.hosts[node]?.replicas ?? {})) letGuestsWrite(sim, node, replica);
}

/** The disk below the resource answers no more. */
export function failDisk(sim: Simulation, node: string, resource: string): void {
  const medium = mediumOf(sim, node, resource);
  if (!medium) return sim.log.write('story', `${node} has no disk of ${resource}`);
  medium.failed = true;
  medium.writes = [];
  const replica = hostOf(sim, node).replicas[resource];
  if (replica?.device !== undefined) dropDisk(sim, node, replica);
  noteLost(sim, `the disk of ${resource} on ${node} died`);
}

/** Another disk is in its place, with nothing on it. */
export function replaceDisk(sim: Simulation, node: string, resource: string): void {
  const medium = mediumOf(sim, node, resource);
  if (!medium) return sim.log.write('story', `${node} has no disk of ${resource}`);
  delete medium.failed;
  delete medium.metadata;
  delete medium.label;
  delete medium.rotten;
  medium.writes = [];
}

function mediumOf(sim: Simulation, node: string, resource: string) {
  const host = hostOf(sim, node);
  const replica = host.replicas[resource];
  const device = readConfig(host, node).here.find(({ name }) => name === resource)?.self.disk;
  return (replica && backingOf(sim, node, replica)) ?? (device === undefined ? undefined : mediumAt(sim, node, device));
}

/** A lab that goes on after it was saved: nodes look for each other again, and resyncs begin anew. */
export function resumeNodes(sim: Simulation): void {
  for (const host of Object.values(sim.state.below.hosts)) {
    // Written by a latido that knew no virtual IP.
    host.programs ??= newPrograms();
    host.notes ??= {};
  }
  resumePrograms(sim);
  for (const resource of allResources(sim)) {
    for (const host of Object.values(sim.state.below.hosts)) {
      for (const peer of Object.values(host.replicas[resource]?.peers ?? {})) {
        if (!peer.sync) continue;
        delete peer.sync;
        peer.connection = 'Connecting';
        peer.replication = 'Off';
      }
    }
    look(sim, resource);
  }
}

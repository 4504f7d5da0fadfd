// What happened besides requests while the topics about HA, migration and lost nodes were recorded.
// In: nothing. Out: events and waits by the id of the exchange they came before.
import { perform } from '../../controller/sim/script-deeds.ts';
import type { StoryStep, WorldDeed } from '../../controller/sim/script.ts';
import type { Simulation } from '../../controller/sim/simulation.ts';
import type { World, WorldEvent } from './world.ts';

function happens(...deeds: readonly WorldDeed[]): readonly WorldEvent[] {
  return deeds.map((deed) => (sim: Simulation) => perform(sim, deed));
}

export const HA_LIVE_STARTED_AT = 1795371760;
const moment = (second: number) => ({ at: second - HA_LIVE_STARTED_AT });

/** What was done at the nodes' shells and power buttons while ha-live was recorded; the samples beside it tell when. */
export const haLiveStory: readonly StoryStep[] = [
  { when: moment(1795372021), deed: { do: 'maintenance-on', node: 'pve2' } },
  { when: moment(1795372066), deed: { do: 'maintenance-off', node: 'pve2' } },
  { when: moment(1795372594), deed: { do: 'node-off', node: 'pve2' } },
];

const minority = { events: [], node: 'pve3' } as const;

export const haWorld: Readonly<Record<string, World>> = {
  // The manager had had services some minutes before, on another master than the node asked.
  'ha/005-status-current-idle': { events: [idleManager('pve2')] },
  'ha/007-resource-create': { events: [(sim) => sim.ha.seatMaster('pve2')] },
  'ha/024-rule-node-affinity': { events: [], waitMs: 11_000 },
  'ha/043-status-current-active': { events: [], waitMs: 25_000 },
  'ha/051-status-current-started': { events: [], waitMs: 25_000 },
  'ha/057-status-current-stopped': { events: [], waitMs: 25_000 },

  'migrate/042-live-shared-running-task-status': { events: [], waitMs: 1_000 },
  'migrate/051-live-with-local-disks-running-task-status': { events: [], waitMs: 1_000 },
  // The recording's QEMU could not mirror a disk; here the target goes away for a moment instead.
  'migrate/057-live-with-local-disks-task-status': { events: happens({ do: 'link-cut', node: 'pve3' }), waitMs: 3_000 },
  'migrate/058-live-with-local-disks-task-log': { events: happens({ do: 'link-heal', node: 'pve3' }), waitMs: 10_000 },
  'migrate/202-live-with-local-disks-ok-running-task-status': { events: [], waitMs: 1_000 },
  'migrate/221-pre-one-node-offline': { events: happens({ do: 'node-off', node: 'pve2' }), waitMs: 30_000 },

  'ha-error/012-error-put-disabled': { events: [(sim) => void delete sim.state.guests['408']?.behaviour.startError] },
  'ha3/001-status-maintenance': { events: [(sim) => void delete sim.state.guests['408']] },

  // Guests that the migration recording had moved meanwhile.
  'ha4/003-resources-node-dead': { events: [moved('402', 'pve3'), moved('406', 'pve1')] },

  'nodedown/001-595-remote-pveproxy-stopped': { events: happens({ do: 'daemon-stop', node: 'pve3', daemon: 'pveproxy' }) },
  'nodedown/003-pvedaemon-stopped-read-unprotected': { events: happens({ do: 'daemon-start', node: 'pve3', daemon: 'pveproxy' }, { do: 'daemon-stop', node: 'pve2', daemon: 'pvedaemon' }) },
  'nodedown/005-remote-node-unreachable': { events: happens({ do: 'daemon-start', node: 'pve2', daemon: 'pvedaemon' }, { do: 'link-cut', node: 'pve3' }), waitMs: 30_000 },
  'nodedown/010-minority-version': minority,
  'nodedown/011-minority-cluster-status': minority,
  'nodedown/012-minority-create-vm-no-quorum': minority,
  'nodedown/013-minority-create-pool-no-quorum': minority,
  'nodedown/014-minority-put-options-no-quorum': minority,
  'nodedown/015-minority-proxy-to-majority': minority,
  'nodedown/016-minority-ticket': minority,
  'nodedown/017-cluster-status-recovered': { events: happens({ do: 'link-heal', node: 'pve3' }), waitMs: 15_000 },
};

/** The manager's last writing, some minutes after its last service went. */
export function idleManager(master: string): (sim: Simulation) => void {
  return (sim) => {
    sim.state.ha.manager = {
      master_node: master, timestamp: Math.floor(sim.clock.now() / 1000) - 56, service_status: {},
      node_status: Object.fromEntries(Object.keys(sim.state.nodes).map((node) => [node, 'online'])),
    };
  };
}

function moved(vmid: string, node: string): WorldEvent {
  return (sim) => {
    const guest = sim.state.guests[vmid];
    if (guest) guest.node = node;
  };
}

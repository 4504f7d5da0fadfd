// The tour: acts, in order. Each reads as what a person does and what has to be true before the next one begins.
import { ADDRESS, describeCluster, MACHINES, machinesAdded, MIGRATES, MIRRORED, mistaken, moved, ONE_MORE, oneMoreMachine, resolved } from './demo-commits.ts';
import type { Files } from './demo-commits.ts';
import { countOf, isHeld, isInSyncWith, isReady, splitOf } from './demo-watch.ts';
import type { Seen } from './demo-watch.ts';
import type { Stage } from './stage.ts';

/** What an act may do; demo.ts does it, and shows it. */
export interface Director {
  readonly stage: Stage;
  /** The manifests of clusters/unq-lab as they are carried, and as they are in the working copy. */
  readonly manifests: Files;
  files(): Promise<Files>;
  /** Commits and pushes; answers the commit, or undefined when the push was refused. */
  push(message: string, files: Files): Promise<string | undefined>;
  /** The commit that was pushed last. */
  readonly commit: string;
  undo(): Promise<void>;
  /** Beside the cluster, or on one of its nodes, told to follow the cluster's address. */
  startDaemon(node?: string): Promise<void>;
  killDaemon(node?: string): Promise<void>;
  stopDaemon(): Promise<void>;
  /** `latido status` of a node's daemon. */
  status(node: string): Promise<void>;
  until(isSo: (seen: Seen) => boolean, what: string): Promise<void>;
  /** What a node itself says. */
  look(node: string, command: string): Promise<void>;
  /** `latido get`, asked of the daemon that works. */
  get(what: string): Promise<void>;
  say(text: string): void;
}

export interface Act {
  readonly title: string;
  readonly story: string;
  /** What the cluster does by itself is told too. */
  readonly shows?: 'daemon and cluster';
  play(director: Director): Promise<void>;
}

const DRIFTS = 104;
const HA_GUESTS = [114, 118, 119];
const GIB = 2 ** 30;
const HOME = 'proxmox-lab';
const OTHER = 'prox1-lab';
/** Bytes written while the copies cannot see each other. */
const WRITTEN = { home: 6 * GIB, other: GIB / 4 } as const;
/** Killed after so many steps: something is done, something is under way, something is left. */
const STEPS_BEFORE_KILL = 3;

export const DEMO_TOUR: readonly Act[] = [
  {
    title: 'Describe the cluster',
    story: 'The whole cluster is a commit: mirrored disks and storages, a pool, an HA group, 20 virtual machines, a container, a backup job, and the address of the cluster. The push answers with the plan; then a daemon begins to follow the repository.',
    async play(director) {
      await director.push('Describe the cluster', describeCluster(director.manifests, director.stage.access));
      await director.startDaemon();
      await inSync(director);
    },
  },
  {
    title: 'A commit with mistakes',
    story: `Somebody gives ${MIGRATES.name} more memory, and misspells it. Nothing of that reaches the cluster.`,
    async play(director) {
      if (await director.push('More memory', mistaken(await director.files())) !== undefined) throw new Error('a commit with mistakes was accepted');
      await director.undo();
    },
  },
  {
    title: `Move ${MIGRATES.name} to ${MIGRATES.to}`,
    story: 'Its only disk is on shared storage, so it moves while it runs.',
    async play(director) {
      await director.push(`Move ${MIGRATES.name} to ${MIGRATES.to}`, moved(await director.files()));
      await inSync(director);
    },
  },
  {
    title: 'Somebody changes opennms-niko by hand',
    story: 'At the web console ana@pve rewrites its description and stops the machine. No commit asked for that; the daemon notices by itself.',
    async play(director) {
      const { stage } = director;
      const node = stage.guest(DRIFTS)?.node;
      await stage.byHand('PUT', `/nodes/${node}/qemu/${DRIFTS}/config`, { description: 'do not touch, call me first' });
      await stage.byHand('POST', `/nodes/${node}/qemu/${DRIFTS}/status/stop`, {});
      const { commit } = director;
      await director.until((seen) => countOf(seen, 'repaired') > 0 && isInSyncWith(seen, commit) && stage.guest(DRIFTS)?.running === true, 'the drift is repaired');
    },
  },
  {
    title: 'The daemon is killed in the middle of its work',
    story: 'Six machines for the classroom. kill -9 hits the daemon while it makes them; another one is started on what is left.',
    async play(director) {
      await director.push('Six machines for the classroom', machinesAdded());
      await director.until((seen) => countOf(seen, 'step') >= STEPS_BEFORE_KILL, 'the first machines are made');
      await director.killDaemon();
      await director.startDaemon();
      await inSync(director);
      const [created, started] = (['qmcreate', 'qmstart'] as const).map((type) => MACHINES.reduce((sum, { vmid }) => sum + director.stage.tasksDone(type, vmid), 0));
      director.say(`Proxmox did ${created} creates and ${started} starts for ${MACHINES.length} machines: nothing is missing, nothing was done twice.`);
      if (created !== MACHINES.length || started !== MACHINES.length) throw new Error('something was done twice, or not at all');
    },
  },
  {
    title: 'The line between the disks is cut while both nodes write',
    story: `The machines on ${HOME} and ${MIRRORED.writer.name} on ${OTHER} go on writing, each to its own copy of the mirrored disk: a split brain. latido tells it from the generations of both copies, and holds all that stands on them.`,
    async play(director) {
      const { stage } = director;
      const { resources, writer } = MIRRORED;
      const [disk] = resources;
      stage.cutLink(HOME, OTHER);
      await director.until(() => !stage.isConnected(disk), 'DRBD notices the cut');
      if (!stage.write(disk, HOME, WRITTEN.home) || !stage.write(disk, OTHER, WRITTEN.other)) throw new Error('a machine could not write');
      const events = await splits(director);
      stage.healLink(HOME, OTHER);
      director.say(`The line is mended, and DRBD does not connect by itself. What only ${OTHER} has can be fetched again, so ana@pve ends ${writer.name}, which writes there; latido does not start it again on data that may be dropped.`);
      await stage.byHand('POST', `/nodes/${OTHER}/lxc/${writer.vmid}/status/shutdown`, {});
      await director.until((seen) => stage.guest(writer.vmid)?.running === false && isHeld(seen, writer.name), 'what stands on it is held');
      await director.get(`DrbdResource/${disk}`);
      director.say('A commit names the side whose changes are dropped, for these events alone.');
      await director.push(`Drop what ${OTHER} wrote apart`, resolved(await director.files(), OTHER, events));
      await director.until(() => stage.isConnected(disk), 'the copies meet again');
      await director.look(OTHER, 'cat /proc/drbd');
      await inSync(director);
    },
  },
  {
    title: 'A daemon on each node',
    story: `So far one daemon ran beside the cluster. Now each node has its own, told to follow the cluster's address: where ${ADDRESS} is, it works; on the other node it stands by. Here both read the same repository on this machine; real nodes read one that is not on a node which may die.`,
    async play(director) {
      const { commit } = director;
      await director.stopDaemon();
      for (const node of [HOME, OTHER]) await director.startDaemon(node);
      await director.until((seen) => seen.standBy !== undefined && isReady(seen, commit), 'one works, and one stands by');
      await director.status(OTHER);
    },
  },
  {
    title: `${HOME}, which has the address, loses power`,
    story: `The third vote keeps ${OTHER} quorate. keepalived moves the address there; the HA manager fences the lost node and starts its three HA guests again; the lease of the dead daemon runs out after two minutes, and the one of ${OTHER} goes on. What it cannot see it holds.`,
    shows: 'daemon and cluster',
    async play(director) {
      const { stage } = director;
      stage.powerOff(HOME);
      await director.killDaemon(HOME);
      await director.until(() => stage.addresses(OTHER).includes(ADDRESS), 'the address moves');
      director.say('While no daemon works, somebody pushes the next commit: it is the second one\'s.');
      await director.push('One more machine for the classroom', oneMoreMachine());
      await director.until((seen) => isHeld(seen, MIGRATES.name) && stage.guest(ONE_MORE.vmid)?.running === true && countOf(seen, 'step') >= ONE_MORE.steps && HA_GUESTS.every((vmid) => stage.guest(vmid)?.node === OTHER && stage.guest(vmid)?.running === true), 'the second daemon works, and the HA guests are recovered');
      await director.get(`VirtualMachine/${MIGRATES.name}`);
    },
  },
  {
    title: `${HOME} comes back`,
    story: `It starts its own guests, the HA manager brings the others home. The address stays where it is, so the daemon of ${HOME} stands by, and the one of ${OTHER} mends what is left.`,
    shows: 'daemon and cluster',
    async play(director) {
      const { stage, commit } = director;
      stage.powerOn(HOME);
      await director.startDaemon(HOME);
      await director.until((seen) => seen.standBy !== undefined && isInSyncWith(seen, commit) && HA_GUESTS.every((vmid) => stage.guest(vmid)?.node === HOME), 'all is as it was');
    },
  },
];

async function inSync(director: Director): Promise<void> {
  const { commit } = director;
  await director.until((seen) => isInSyncWith(seen, commit), 'the cluster is as the commit asks');
}

/** The ids of the split brains of all mirrored disks, as the daemon tells them. */
async function splits(director: Director): Promise<Readonly<Record<string, string>>> {
  const events: Record<string, string> = {};
  await director.until((seen) => {
    for (const resource of MIRRORED.resources) Object.assign(events, known(resource, splitOf(seen, resource)));
    return Object.keys(events).length === MIRRORED.resources.length;
  }, 'the split brain is told');
  return events;
}

function known(resource: string, event: string | undefined): Readonly<Record<string, string>> {
  return event === undefined ? {} : { [resource]: event };
}

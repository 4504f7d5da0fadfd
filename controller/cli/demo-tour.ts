// The tour as data: each scene is a commit or an event, and what has to be true before the next one begins.
import { isInSync } from '../model/plan.ts';
import type { Plan } from '../model/plan.ts';
import type { Stage } from './stage.ts';

export interface Scene {
  readonly title: string;
  readonly story: string;
  /** Files to commit, by name below the cluster's folder. */
  readonly commit?: (read: (file: string) => Promise<string>, demo: { readonly stage: Stage; readonly manifests: Readonly<Record<string, string>> }) => Promise<Readonly<Record<string, string>>>;
  readonly event?: (stage: Stage) => Promise<void>;
  readonly until?: (stage: Stage, plan: Plan) => boolean;
}

const settled = (_: Stage, plan: Plan): boolean => isInSync(plan) && plan.counts.held === 0;
const MIGRATES = 110;
const DRIFTS = 104;
const HA_GUESTS = [114, 118, 119];

export const DEMO_TOUR: readonly Scene[] = [
  {
    title: 'Describe the cluster',
    story: 'The whole cluster is a commit: storages, pool, HA group, 20 virtual machines, a container, a backup job.',
    commit: (_, { stage, manifests }) => Promise.resolve({ ...manifests, 'cluster.yaml': reachable(manifests['cluster.yaml'] ?? '', stage) }),
    until: settled,
  },
  {
    title: 'Move deb-migration to proxmox-lab',
    story: 'Its only disk is on shared storage, so it moves while it runs.',
    commit: async (read) => {
      const file = 'guests-prox1-lab.yaml';
      const text = await read(file);
      const at = text.indexOf('deb-migration');
      return { [file]: text.slice(0, at) + text.slice(at).replace('node: prox1-lab', 'node: proxmox-lab') };
    },
    until: (stage, plan) => settled(stage, plan) && stage.guest(MIGRATES)?.node === 'proxmox-lab',
  },
  {
    title: 'Somebody changes opennms-niko by hand',
    story: 'At the web console a person rewrites its description and stops the machine. No commit asked for that.',
    event: async (stage) => {
      const node = stage.guest(DRIFTS)?.node;
      await stage.byHand('PUT', `/nodes/${node}/qemu/${DRIFTS}/config`, { description: 'do not touch, call me first' });
      await stage.byHand('POST', `/nodes/${node}/qemu/${DRIFTS}/status/stop`, {});
      await stage.pass(15);
    },
    until: settled,
  },
  {
    title: 'proxmox-lab loses power',
    story: 'The third vote keeps prox1-lab quorate; the HA manager fences the lost node and starts its three HA guests again. latido holds what it cannot see.',
    event: async (stage) => {
      stage.powerOff('proxmox-lab');
      await stage.pass(30);
    },
    until: (stage) => HA_GUESTS.every((vmid) => stage.guest(vmid)?.node === 'prox1-lab' && stage.guest(vmid)?.running === true),
  },
  {
    title: 'proxmox-lab comes back',
    story: 'The HA manager brings its guests home; latido looks again and repairs what is left.',
    event: async (stage) => {
      stage.powerOn('proxmox-lab');
      await stage.pass(60);
    },
    until: (stage, plan) => settled(stage, plan) && HA_GUESTS.every((vmid) => stage.guest(vmid)?.node === 'proxmox-lab'),
  },
];

/** The same Cluster document, with the lab's address and credentials. */
function reachable(text: string, { access }: Stage): string {
  const tls = access.fingerprint === undefined ? '' : `\n  tls: { fingerprint: "${access.fingerprint}" }`;
  return text
    .replace(/^ {2}endpoints: .*$/m, `  endpoints: ${JSON.stringify(access.endpoints)}${tls}`)
    .replace(/^ {2}credentials: .*$/m, `  credentials: { tokenFile: ${JSON.stringify(access.tokenFile)} }`);
}

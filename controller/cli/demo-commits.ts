// The tour's commits as data: what each writes, from the files as they are. Pure; test/properties kills latido around every effect of them.
import type { Stage } from './stage.ts';

/** By file name below the cluster's folder. */
export type Files = Readonly<Record<string, string>>;

const NODE_FILE = 'guests-prox1-lab.yaml';
const DISKS_FILE = 'drbd.yaml';
const MACHINES_FILE = 'aula.yaml';

/** What moves, and what is changed by hand. */
export const MIGRATES = { name: 'deb-migration', vmid: 110, from: 'prox1-lab', to: 'proxmox-lab' } as const;
/** The mirrored disks, and what writes to the first of them on the node whose changes are dropped later. */
export const MIRRORED = { resources: ['r0', 'r1'], writer: { name: 'ct-apt-cache', vmid: 200 } } as const;
/** What is made while the daemon is killed. */
export const MACHINES: readonly { readonly name: string; readonly vmid: number }[] = [1, 2, 3, 4, 5, 6].map((number) => ({ name: `aula-${number}`, vmid: 130 + number }));

/** What the second daemon makes while one node is without power: it creates it, and starts it. */
export const ONE_MORE = { name: 'aula-7', vmid: 137, steps: 2 } as const;
/** The cluster's address, which the daemons of the nodes follow. */
export const ADDRESS = '192.168.22.41';

/** The configuration of a daemon on a node. */
export function followingConfig({ cluster, repository, state }: { readonly cluster: string; readonly repository: string; readonly state: string }): string {
  return `cluster: ${cluster}\nsource: { repository: ${repository} }\nstate: ${state}\nfollow: { address: ${ADDRESS} }\n`;
}

/** The same Cluster document, with the lab's address and credentials. */
export function describeCluster(files: Files, { endpoints, fingerprint, tokenFile }: Stage['access']): Files {
  const text = (files['cluster.yaml'] ?? '')
    .replace(/^ {2}endpoints: .*$/m, `  endpoints: ${JSON.stringify(endpoints)}\n  tls: { fingerprint: "${fingerprint}" }`)
    .replace(/^ {2}credentials: .*$/m, `  credentials: { tokenFile: ${JSON.stringify(tokenFile)} }`);
  return { ...files, 'cluster.yaml': text };
}

/** Two mistakes, as people make them: a misspelt option, and a value that Proxmox refuses. */
export function mistaken(files: Files): Files {
  return edited(files, NODE_FILE, MIGRATES.name, (text) => text.replace('memory: 512', 'memroy: 1024\n    cores: many'));
}

export function moved(files: Files): Files {
  return edited(files, NODE_FILE, MIGRATES.name, (text) => text.replace(`node: ${MIGRATES.from}`, `node: ${MIGRATES.to}`));
}

/** Whose changes are dropped. @param events by resource: the decision holds for these alone */
export function resolved(files: Files, discard: string, events: Readonly<Record<string, string>>): Files {
  return Object.entries(events).reduce<Files>((done, [resource, event]) => edited({ ...files, ...done }, DISKS_FILE, resource, (text) => text.replace(/^ {2}storage: /m, `  resolveSplitBrain: { discard: ${discard}, event: ${event} }\n$&`)), {});
}

export function machinesAdded(): Files {
  return { [MACHINES_FILE]: `# Six machines for the classroom.\n${MACHINES.map(machine).join('---\n')}` };
}

/** While one node is without power. */
export function oneMoreMachine(): Files {
  return { [MACHINES_FILE]: `# Machines for the classroom.\n${[...MACHINES, ONE_MORE].map(machine).join('---\n')}` };
}

function machine({ name, vmid }: (typeof MACHINES)[number]): string {
  return `apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${name} }
spec:
  vmid: ${vmid}
  placement: { node: prox1-lab }
  power: running
  config:
    ostype: l26
    memory: 256
    net0: { model: virtio, bridge: vmbr0 }
    scsi0: { storage: local, size: 4G }
`;
}

/** Changes the document of one object. */
function edited(files: Files, file: string, name: string, change: (text: string) => string): Files {
  const documents = (files[file] ?? '').split(/^---$/m);
  return { [file]: documents.map((text) => (text.includes(`metadata: { name: ${name} }\n`) ? change(text) : text)).join('---') };
}

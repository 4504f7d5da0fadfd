// `latido lab [DIR]`: a simulated cluster behind the real HTTPS API on loopback, until Ctrl-C.
import type { Context, ExitCode, Lab, LabOptions } from './context.ts';
import { jsonText, paint, safe, type Style } from './terminal-text.ts';

export interface LabCommandOptions {
  readonly port: number;
  readonly nodes: number;
  readonly guests: number;
  readonly speed: number;
  readonly seed: number;
  readonly pve?: string;
  readonly state?: string;
  readonly script?: string;
  readonly cluster?: string;
  readonly json?: boolean;
}

/** What the manifests in DIR need of a cluster to be planned on it. */
export interface LabShape { readonly name: string; readonly pveVersion?: string; readonly nodes: LabOptions['nodes']; readonly storages: LabOptions['storages']; readonly bridges: readonly string[] }

const ANY_SHAPE: Omit<LabShape, 'nodes'> = { name: 'lab', storages: [{ id: 'local', shared: false }, { id: 'shared', shared: true }], bridges: ['vmbr0'] };

export async function labCommand(shape: LabShape | undefined, options: LabCommandOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  const wanted = shape ?? { ...ANY_SHAPE, nodes: Array.from({ length: options.nodes }, (_, at) => ({ name: `pve${at + 1}` })) };
  const pveVersion = options.pve ?? wanted.pveVersion ?? world.tableVersions.at(-1) ?? '';
  const lab = await world.lab({
    pveVersion, port: options.port, speed: options.speed, seed: options.seed, guests: options.guests,
    nodes: wanted.nodes.length > 0 ? wanted.nodes : [{ name: 'pve1' }], storages: wanted.storages, bridges: wanted.bridges,
    ...(options.state === undefined ? {} : { state: options.state }), ...(options.script === undefined ? {} : { script: options.script }),
  });
  try {
    terminal.out(options.json ? `${jsonText(labJson(lab, wanted.name, pveVersion))}\n` : labText(lab, wanted.name, pveVersion, options.speed, terminal.style()));
    await context.interruptible((signal) => untilAborted(signal, context, lab, options.json === true), () => '');
  } finally {
    await lab.close();
  }
  return 0;
}

/** What happens in the cluster goes to standard error as it happens, so that `--json` stays clean. */
function untilAborted(signal: AbortSignal, { terminal }: Context, lab: Lab, quiet: boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = terminal.ticker(() => {
      const news = lab.news();
      if (!quiet) for (const line of news) terminal.err(`${safe(line)}\n`);
    });
    signal.addEventListener('abort', () => {
      stop();
      resolve();
    }, { once: true });
  });
}

export function labText(lab: Lab, name: string, pveVersion: string, speed: number, style: Style): string {
  const bold = (text: string) => paint(style, 'bold', text);
  return [
    `${bold('A simulated cluster')} of Proxmox VE ${safe(pveVersion)}: ${lab.endpoints.length} ${lab.endpoints.length === 1 ? 'node' : 'nodes'}, ${lab.guests} ${lab.guests === 1 ? 'guest' : 'guests'}${speed === 1 ? '' : `, time runs ${speed} times as fast`}.`, '',
    ...lab.endpoints.map(({ node, url }) => `  ${bold(node)}  ${url}`), '',
    `  token        ${lab.token}`, `  fingerprint  ${lab.fingerprint}`, '',
    'To work with it, put this into your manifests:', '',
    ...clusterDocument(lab, name).map((line) => `  ${line}`), '',
    'and the token into the environment of latido:', '',
    `  export LATIDO_LAB_TOKEN='${lab.token}'`, '',
    'Ctrl-C ends it.', '', '',
  ].join('\n').replace(/\n\n$/, '\n');
}

export function clusterDocument(lab: Lab, name: string): readonly string[] {
  return [
    'apiVersion: latido/v1', 'kind: Cluster', `metadata: { name: ${name} }`, 'spec:',
    '  endpoints:', ...lab.endpoints.map(({ url }) => `    - ${url}`),
    `  tls: { fingerprint: "${lab.fingerprint}" }`, '  credentials: { tokenEnv: LATIDO_LAB_TOKEN }',
  ];
}

function labJson(lab: Lab, name: string, pveVersion: string) {
  return { format: 'latido.lab/v1', name, pveVersion, endpoints: lab.endpoints.map(({ node, url }) => ({ node, url })), fingerprint: lab.fingerprint, token: lab.token, tokenEnv: 'LATIDO_LAB_TOKEN', guests: lab.guests, clusterDocument: `${clusterDocument(lab, name).join('\n')}\n` };
}

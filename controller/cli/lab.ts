// `latido lab [DIR]`: a simulated cluster behind the real HTTPS API on loopback, until Ctrl-C.
import type { Context, ExitCode, Lab } from './context.ts';
import { anyShape, shapeOf } from './lab-shape.ts';
import { readCommitOf, versionOf } from './manifests.ts';
import { hanging, jsonText, pad, paint, safe, type Style } from './terminal-text.ts';

export interface LabCommandOptions {
  readonly port: number;
  readonly nodes: number;
  readonly guests: number;
  readonly speed: number;
  readonly seed: number;
  readonly pve?: string;
  readonly live?: string;
  readonly state?: string;
  readonly script?: string;
  readonly cluster?: string;
  readonly json?: boolean;
}

export async function labCommand(dir: string | undefined, options: LabCommandOptions, context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  const commit = dir === undefined && options.cluster === undefined ? undefined : await readCommitOf(dir ?? '.', options.cluster);
  const shape = commit ? shapeOf(commit.parsed, options.nodes) : anyShape(options.nodes);
  const pveVersion = options.pve ?? (commit ? versionOf(commit, world) : world.tableVersions.at(-1) ?? '');
  const lab = await world.lab({
    shape, pveVersion, port: options.port, speed: options.speed, seed: options.seed, guests: options.guests,
    ...(options.live === undefined ? {} : { live: options.live }), ...(options.state === undefined ? {} : { state: options.state }), ...(options.script === undefined ? {} : { script: options.script }),
  });
  try {
    terminal.out(options.json ? `${jsonText(labJson(lab, shape.name, pveVersion))}\n` : labText(lab, shape.name, pveVersion, options.speed, terminal.style()));
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
  const names = Math.max(11, ...lab.endpoints.map(({ node }) => node.length));
  const bold = (text: string) => paint(style, 'bold', text);
  return [
    ...hanging('', `A simulated cluster of Proxmox VE ${safe(pveVersion)}: ${lab.endpoints.length} ${lab.endpoints.length === 1 ? 'node' : 'nodes'}, ${lab.guests} ${lab.guests === 1 ? 'guest' : 'guests'}${speed === 1 ? '' : `, time runs ${speed} times as fast`}.`, style.width)
      .map((line) => line.replace('A simulated cluster', bold('A simulated cluster'))), '',
    ...lab.endpoints.map(({ node, url }) => `  ${bold(pad(safe(node), names))}  ${url}`), '',
    `  ${pad('token', names)}  ${lab.token}`, `  ${pad('fingerprint', names)}  ${lab.fingerprint}`, '',
    'To work with it, put this into your manifests:', '',
    ...clusterDocument(lab, name).map((line) => `  ${line}`), '',
    'and these into the environment of latido, the second for what is done on the nodes themselves (DRBD):', '',
    `  export LATIDO_LAB_TOKEN='${lab.token}'`, `  export LATIDO_LAB_NODES='${lab.nodes}'`, '',
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
  return { format: 'latido.lab/v1', name, pveVersion, endpoints: lab.endpoints.map(({ node, url }) => ({ node, url })), fingerprint: lab.fingerprint, token: lab.token, tokenEnv: 'LATIDO_LAB_TOKEN', nodes: lab.nodes, nodesEnv: 'LATIDO_LAB_NODES', guests: lab.guests, clusterDocument: `${clusterDocument(lab, name).join('\n')}\n` };
}

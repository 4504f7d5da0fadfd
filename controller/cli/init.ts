// `latido init`: from nothing to a daemon that can be started: asks a few questions, makes the token, writes the configuration, checks it.
// Must never change anything before a yes, nor a configuration that says something else; may be run again and again.
import { join } from 'node:path';
import { CONFIG_FILE, readConfig } from '../config/read.ts';
import type { DaemonConfig } from '../config/schema.ts';
import { parseFiles } from '../manifests/parse.ts';
import type { Machine } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { setUpServer } from '../sources/server-setup.ts';
import type { Context, ExitCode } from './context.ts';
import { isRemote } from './daemon-source.ts';
import { checksOf, checksText, isHealthy } from './doctor.ts';
import { Asked, answersOf } from './init-answers.ts';
import type { Answers } from './init-answers.ts';
import { nodeHere } from './init-node.ts';
import type { ThisNode } from './init-node.ts';
import { clusterText, commandText, configText, differenceLines, pveumCommands } from './init-text.ts';
import { makeToken, tokenCommands, writeToken } from './init-token.ts';
import { clusterOf } from './manifests.ts';
import type { InitOptions } from './program.ts';
import { hanging, paint, safe } from './terminal-text.ts';

const CONFIG_MODE = 0o644;
const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

type Token = { readonly is: 'there' } | { readonly is: 'made'; readonly commands: readonly (readonly string[])[] } | { readonly is: 'typed'; readonly text: string };

/** @param program the words that start latido, for the hook of a repository */
export async function initCommand(options: InitOptions, program: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal, world } = context;
  if (options.json === true) throw failure('USAGE', '--json goes with --server only', { fix: 'leave it out' });
  const machine = await world.machine();
  const asked = new Asked(terminal, options.yes === true);
  const node = await nodeHere(machine);
  if (node !== undefined) asked.say(`This is ${safe(node.name)}${node.cluster === undefined ? ', a single node' : ` of the cluster ${safe(node.cluster)}`}${node.release === undefined ? '' : `, Proxmox VE ${safe(node.release)}`}.`);
  const answers = await answersOf(options, options.config ?? CONFIG_FILE, node, machine, asked);
  const config = configText(answers.config);
  const before = await existing(answers.configFile, machine);
  requireSame(before, config, answers, options, context);
  const token = await tokenOf(answers, node, machine, asked);
  if (asked.canAsk) {
    showIntent(answers, before, token, asked);
    if (!await asked.isYes('Do this?')) throw failure('USAGE', 'not confirmed; nothing was changed', { fix: 'latido init asks again' });
  }
  const say = (line: string) => terminal.out(`${hanging('', line, terminal.style().width).join('\n')}\n`);
  if (before !== undefined && sameSettings(before, config, answers.configFile)) say(`Kept ${safe(answers.configFile)}.`);
  else await write(answers.configFile, config, CONFIG_MODE, machine, say);
  await putToken(token, answers, machine, say);
  await makeRepository(answers, program, say);
  await writeManifests(answers, options, machine, context, say);
  return finish(answers, context, machine);
}

async function existing(file: string, machine: Machine): Promise<string | undefined> {
  const found = await machine.read(file);
  if (found.ok) return found.value;
  if (found.errno === 'ENOENT') return undefined;
  throw failure('USAGE', `${file} could not be read: ${found.errno}`, { fix: 'run latido init as root, or name another place with --config' });
}

/** Only what it says counts, not its comments: whoever wrote more into them keeps them. */
function sameSettings(before: string, after: string, file: string): boolean {
  try {
    const [old, now] = [readConfig(before, file), readConfig(after, file)];
    const isFollowing = now.follow === undefined || old.follow?.address === now.follow.address;
    return old.cluster === now.cluster && isFollowing && JSON.stringify(old.source) === JSON.stringify(now.source);
  } catch {
    return false;
  }
}

function requireSame(before: string | undefined, after: string, { configFile }: Answers, { force }: InitOptions, { terminal }: Context): void {
  if (before === undefined || force === true || sameSettings(before, after, configFile)) return;
  const style = terminal.errStyle();
  terminal.err(`${differenceLines(before, after).map((line) => paint(style, line.startsWith('-') ? 'red' : 'green', safe(line))).join('\n')}\n`);
  throw failure('USAGE', `${configFile} is there and says something else; the difference is above`, { fix: 'change it by hand, name another place with --config, or overwrite it with --force' });
}

async function tokenOf({ cluster }: Answers, node: ThisNode | undefined, machine: Machine, asked: Asked): Promise<Token> {
  const found = await machine.read(cluster.tokenFile);
  if (found.ok) return { is: 'there' };
  if (found.errno !== 'ENOENT') throw failure('AUTH_FAILED', `${cluster.tokenFile} could not be read: ${found.errno}`, { fix: 'run latido init as root, or name another place with --token-file' });
  if (node !== undefined) return { is: 'made', commands: await tokenCommands(node.release, machine) };
  asked.say('');
  asked.say('Run these on a node, as root; the answer to the fourth shows the secret of the token once (Proxmox VE 7 has no SDN.Use: leave it out there):');
  for (const argv of Object.values(pveumCommands(undefined))) asked.show(commandText(argv));
  if (!asked.canAsk) throw failure('AUTH_FAILED', `${cluster.tokenFile} does not hold an API token yet`, { fix: 'write the token there, as latido@pve!gitops=SECRET, mode 0600; or run latido init on a node, which makes it' });
  return { is: 'typed', text: await typedToken(asked) };
}

const TOKEN = /^[^\s:/@!=]+(?:@[^\s:/@!=]+)*@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]*=[\u0021-\u007e]+$/;
const TRIES = 3;

async function typedToken(asked: Asked): Promise<string> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const text = await asked.typed('The token, latido@pve!gitops=SECRET (it is not shown): ', { hidden: true });
    if (TOKEN.test(text)) return text;
    asked.say('  that is no token: it has the form USER@REALM!NAME=SECRET');
  }
  throw failure('AUTH_FAILED', 'no API token was given; nothing was changed', { fix: 'make one with the commands above and run latido init again' });
}

function showIntent({ configFile, config, cluster, manifests }: Answers, before: string | undefined, token: Token, asked: Asked): void {
  const { repository } = config.source;
  asked.say('');
  if (token.is === 'made') {
    asked.say('To be run on this node: a role with what latido needs and no more, a user, a token with that role:');
    for (const argv of token.commands) asked.show(commandText(argv));
  }
  asked.say('To be written:');
  asked.show(`${configFile}${before === undefined ? '' : ', which is there'}`);
  if (token.is !== 'there') asked.show(`${cluster.tokenFile}, the token, readable by its owner alone`);
  if (repository !== undefined && !isRemote(repository)) asked.show(`${repository}, a bare repository with the hook of latido, unless it is there`);
  if (manifests !== undefined) asked.show(`${manifestFile(manifests, cluster.name)}, the first manifests, unless they are there`);
}

async function putToken(token: Token, { cluster }: Answers, machine: Machine, say: (line: string) => void): Promise<void> {
  const { tokenFile } = cluster;
  if (token.is === 'there') return say(`Kept the token in ${safe(tokenFile)}.`);
  if (token.is === 'made') await makeToken(token.commands, tokenFile, machine, (line) => say(`Ran ${safe(line)}`));
  else {
    const written = await writeToken(token.text, tokenFile, machine);
    if (!written.ok) throw failure('AUTH_FAILED', `${tokenFile} could not be written: ${written.errno}`, { fix: 'run latido init as root, or name another place with --token-file' });
  }
  say(`Wrote the token to ${safe(tokenFile)}, readable by its owner alone.`);
}

async function makeRepository({ config }: Answers, program: readonly string[], say: (line: string) => void): Promise<void> {
  const { repository, branch = 'main', signers } = config.source;
  if (repository === undefined || isRemote(repository)) return;
  const { repository: state } = await setUpServer({ path: repository, branch, program, ...(signers === undefined ? {} : { signers }) });
  say(`${state === 'made' ? 'Made' : 'Kept'} the bare repository ${safe(repository)}; a push to ${safe(branch)} is validated and answered with its plan.`);
}

function manifestFile(folder: string, cluster: string): string {
  return join(folder, 'clusters', cluster, 'cluster.yaml');
}

async function writeManifests({ cluster, manifests, config }: Answers, { force }: InitOptions, machine: Machine, { terminal }: Context, say: (line: string) => void): Promise<void> {
  const text = clusterText(cluster);
  if (manifests === undefined) {
    const folder = config.source.directory ?? '';
    return terminal.out(`\nThe first manifest, for ${safe(manifestFile(folder, cluster.name))}${folder === '' ? ' of your repository' : ''}:\n\n${text.split('\n').map((line) => (line === '' ? '' : `  ${safe(line)}`)).join('\n')}\n`);
  }
  const file = manifestFile(manifests, cluster.name);
  if (force !== true && (await machine.read(file)).ok) return say(`Kept ${safe(file)}.`);
  await write(file, text, CONFIG_MODE, machine, say);
}

async function write(file: string, text: string, mode: number, machine: Machine, say: (line: string) => void): Promise<void> {
  const written = await machine.write(file, text, mode);
  if (!written.ok) throw failure('USAGE', `${file} could not be written: ${written.errno}`, { fix: 'run latido init as root, or name another place with --config' });
  say(`Wrote ${safe(file)}.`);
}

async function finish({ cluster, config, configFile, manifests }: Answers, context: Context, machine: Machine): Promise<ExitCode> {
  const { terminal, world } = context;
  const document = clusterOf({ revision: 'init', parsed: parseFiles([{ path: 'cluster.yaml', text: clusterText(cluster) }]) }, world);
  const checks = await checksOf(document, {}, world);
  terminal.out(`\n${checksText(checks, cluster.name, terminal.style())}\n`);
  const lines = [...pushLines(config, cluster.name, manifests), await startLine(config, configFile, machine)];
  terminal.out(`Next:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  return isHealthy(checks) ? 0 : 1;
}

function pushLines({ source }: DaemonConfig, cluster: string, manifests: string | undefined): readonly string[] {
  if (source.repository === undefined) return [];
  const { branch = 'main', repository } = source;
  const folder = manifests === undefined ? 'infra' : safe(manifests);
  return [
    ...(manifests === undefined ? [`git init -b ${safe(branch)} ${folder}    # and the manifest above into ${folder}/clusters/${safe(cluster)}/cluster.yaml`] : [`git init -b ${safe(branch)} ${folder}`]),
    `git -C ${folder} add . && git -C ${folder} commit -m 'the cluster as it is'`,
    `git -C ${folder} push ${safe(repository)} ${safe(branch)}`,
  ];
}

async function startLine({ follow }: DaemonConfig, configFile: string, machine: Machine): Promise<string> {
  const isUsual = configFile === CONFIG_FILE;
  const unit = follow === undefined ? 'latido' : 'latido-node';
  for (const folder of UNIT_FOLDERS) if (isUsual && (await machine.read(`${folder}/${unit}.service`)).ok) return `systemctl enable --now ${unit}`;
  return isUsual ? 'latido run' : `latido run --config ${commandText([configFile])}`;
}

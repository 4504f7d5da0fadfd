// In: the commands' functions. Out: the command line: names, options, help, in the order in which a person meets them.
// Must never do the work of a command.
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { Right } from '../config/schema.ts';
import type { Context, ExitCode } from './context.ts';
import type { ExplainOptions } from './explain.ts';
import type { LabCommandOptions } from './lab.ts';
import type { ManualOptions } from './manual.ts';

type Ran = ExitCode | Promise<ExitCode>;
export interface SourceOptions { readonly cluster?: string; readonly json?: boolean }
export interface PlanOptions extends SourceOptions { readonly out?: string; readonly detailedExitcode?: boolean; readonly state?: string; readonly verbose?: boolean; readonly fromDaemon?: boolean }
export interface ApplyOptions extends SourceOptions { readonly plan?: string; readonly yes?: boolean; readonly approve?: string; readonly detailedExitcode?: boolean; readonly state?: string; readonly verbose?: boolean }
export interface DoctorOptions extends SourceOptions { readonly state?: string; readonly config?: string }
export interface RehearseOptions extends SourceOptions { readonly seed: number; readonly runs: number; readonly pve?: string; readonly live?: string; readonly script?: string }
export interface RunOptions {
  readonly config?: string;
  readonly repo?: string; readonly branch?: string; readonly path?: string; readonly cluster?: string; readonly state?: string; readonly interval?: number; readonly poll?: number;
  readonly sshKey?: string; readonly knownHosts?: string; readonly gitToken?: string; readonly gitUser?: string; readonly gitCa?: string;
  readonly allowedSigners?: string; readonly keyring?: string;
}
/** Which daemon is asked. */
export interface AskOptions { readonly cluster?: string; readonly state?: string; readonly json?: boolean }
export interface EventsOptions extends AskOptions { readonly follow?: boolean; readonly limit: number }
export interface SuspendOptions extends AskOptions { readonly reason: string; readonly until?: string }
export interface InitOptions {
  readonly server?: string; readonly json?: boolean; readonly branch?: string; readonly allowedSigners?: string; readonly keyring?: string;
  readonly cluster?: string; readonly endpoint?: readonly string[]; readonly fingerprint?: readonly string[]; readonly tokenFile?: string;
  readonly repository?: string; readonly directory?: string; readonly sshKey?: string; readonly knownHosts?: string; readonly gitToken?: string; readonly gitUser?: string; readonly gitCa?: string;
  readonly follow?: string; readonly config?: string; readonly manifests?: string; readonly force?: boolean; readonly yes?: boolean;
}
export interface TokenOptions { readonly may: Right; readonly json?: boolean }
export interface CommentOptions {
  readonly forge: 'github' | 'gitlab' | 'gitea' | 'forgejo'; readonly url?: string; readonly repository: string; readonly pull: number; readonly cluster: string; readonly plan: string;
  readonly ca?: string; readonly dryRun?: boolean;
}
export interface DemoOptions { readonly once?: boolean; readonly fast?: boolean }

/** One function per command; main.ts gives them their world. */
export interface Commands {
  readonly validate: (dir: string, options: SourceOptions, context: Context) => Ran;
  readonly plan: (dir: string, options: PlanOptions, context: Context) => Ran;
  readonly apply: (dir: string, options: ApplyOptions, context: Context) => Ran;
  readonly doctor: (dir: string | undefined, options: DoctorOptions, context: Context) => Ran;
  readonly explain: (path: string | undefined, options: ExplainOptions, context: Context) => Ran;
  readonly lab: (dir: string | undefined, options: LabCommandOptions, context: Context) => Ran;
  readonly rehearse: (dir: string, options: RehearseOptions, context: Context) => Ran;
  readonly run: (dir: string | undefined, options: RunOptions, context: Context) => Ran;
  readonly status: (options: AskOptions, context: Context) => Ran;
  readonly get: (kind: string | undefined, options: AskOptions, context: Context) => Ran;
  readonly events: (options: EventsOptions, context: Context) => Ran;
  readonly history: (options: AskOptions, context: Context) => Ran;
  readonly suspend: (ref: string, options: SuspendOptions, context: Context) => Ran;
  readonly resume: (ref: string, options: AskOptions, context: Context) => Ran;
  readonly reconcile: (options: AskOptions, context: Context) => Ran;
  readonly approve: (fingerprint: string, options: AskOptions, context: Context) => Ran;
  readonly token: (name: string, options: TokenOptions, context: Context) => Ran;
  readonly comment: (options: CommentOptions, context: Context) => Ran;
  readonly demo: (options: DemoOptions, context: Context) => Ran;
  readonly init: (options: InitOptions, context: Context) => Ran;
  readonly receiveHook: (context: Context) => Ran;
  readonly completion: (shell: string, program: Command, context: Context) => Ran;
  readonly manual: (options: ManualOptions, program: Command, context: Context) => Ran;
}

export function createProgram(context: Context, commands: Commands, done: (code: ExitCode) => void): Command {
  const { terminal, world } = context;
  const program = new Command('latido');
  program
    .description('The desired state of a Proxmox VE cluster in Git: validate, plan, apply.')
    .version(world.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are thrown and written once, in one form, by run.ts.
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: () => undefined, outputError: () => undefined, getOutHelpWidth: () => terminal.style().width, getErrHelpWidth: () => terminal.errStyle().width, getOutHasColors: () => false })
    .addHelpText('after', '\nExit codes: 0 done, 1 error; with --detailed-exitcode also 2: there are changes.\nEnvironment: NO_COLOR, LATIDO_DEBUG=1 (stack traces of defects).');
  const run = <Args extends readonly unknown[]>(command: (...args: [...Args, Context]) => Ran) => async (...args: [...Args, ...unknown[]]) => {
    // commander adds the options and the command itself behind the arguments.
    const own = args.slice(0, -1) as unknown as Args;
    done(await command(...own, context));
  };

  program.commandsGroup('Without a cluster:');
  source(program.command('validate').argument('[DIR]', 'folder of the manifests', '.')).description('find every mistake in the manifests, with its place and what to do').action(run(commands.validate));
  program.command('explain').argument('[KIND.field]', 'for example VirtualMachine.config.net0').description('describe a kind or a field: type, default, limits').addOption(json()).option('--pve <version>', `options as this version of Proxmox VE has them: ${world.tableVersions.join(', ')}`).action(run(commands.explain));
  labOptions(program.command('lab').argument('[DIR]', 'manifests whose nodes and storages the lab gets')).description('serve a simulated cluster over HTTPS on this machine').action(run(commands.lab));
  source(program.command('rehearse').argument('[DIR]', 'folder of the manifests', '.')).description('apply the manifests to a simulated cluster with failures, in virtual time').option('--seed <number>', 'of the first run; the same seed is the same run', whole(0), 1).option('--runs <number>', 'how many, each with the next seed', whole(1, 10_000), 1).option('--pve <version>', 'version of the simulated cluster').option('--script <file>', 'what the world does, and when, instead of trouble by seed').option('--live <file>', LIVE_HELP).action(run(commands.rehearse));
  program.command('demo').description('see it work: git pushes to a daemon that follows them, a migration, a drift, kill -9, a split brain, a lost node').option('--once', 'end after the tour').option('--fast', 'a lab 100 times as fast as real time, instead of 10').action(run(commands.demo));

  program.commandsGroup('With a cluster:');
  work(source(program.command('plan').argument('[DIR]', 'folder of the manifests', '.'))).description('show what has to be done, what is held and why; changes nothing').option('--from-daemon', 'the plan that the daemon made last, instead of a new one').option('-o, --out <file>', 'write the plan there, for latido apply --plan').action(run(commands.plan));
  work(source(program.command('apply').argument('[DIR]', 'folder of the manifests', '.'))).description('show the plan, ask, do exactly it').option('-p, --plan <file>', 'do only the plan in this file, or refuse').option('-y, --yes', 'do not ask').option('--approve <fingerprint>', 'do also what the plan of this fingerprint holds for an approval').action(run(commands.apply));
  program.command('comment').description('for CI: write a plan into a pull request, as one comment that is kept up to date; the token is read from LATIDO_FORGE_TOKEN')
    .addOption(new Option('--forge <type>', 'which API the host speaks').choices(['github', 'gitlab', 'gitea', 'forgejo']).makeOptionMandatory()).option('--url <url>', 'its address; needed for gitea and forgejo').requiredOption('--repository <path>', 'owner/name')
    .requiredOption('--pull <number>', 'the pull request', whole(1)).requiredOption('--cluster <name>', 'whose plan it is').requiredOption('--plan <file>', 'what latido plan has printed').option('--ca <file>', 'certificate authority of the host, in PEM').option('--dry-run', 'print what would be written').action(run(commands.comment));
  source(program.command('doctor').argument('[DIR]', 'folder of the manifests (default: ".")')).description('check endpoints, certificate, privileges, quorum, clocks; changes nothing').option('--config <file>', 'check what the daemon of this configuration needs as well: source, state, listener, secrets').option('--state <dir>', STATE_HELP).action(run(commands.doctor));

  program.commandsGroup('With the daemon:');
  initOptions(program.command('init')).description('first steps: asks what it needs, makes the token, the repository and the configuration, checks them').action(run(commands.init));
  program.command('receive-hook', { hidden: true }).description('run by git on a push').action(run((...args: readonly unknown[]) => commands.receiveHook(args.at(-1) as Context)));
  runOptions(program.command('run').argument('[DIR]', 'folder of the manifests, instead of a repository')).description('the daemon: follow every commit, undo every drift').action(run(commands.run));
  program.command('token').argument('<NAME>', 'whose it is, for the log and the events').description('make a token for the HTTPS listener, and its lines of the configuration').addOption(new Option('--may <right>', 'what it may; each includes those before it').choices(['metrics', 'view', 'approve']).default('view')).addOption(json()).action(run(commands.token));
  asked(program.command('status')).description('how the cluster and the commit stand').action(run(commands.status));
  asked(program.command('get').argument('[KIND]', 'VirtualMachine, or VirtualMachine/web; all without it')).description('list objects and their conditions').action(run(commands.get));
  asked(program.command('events')).description('what was done, and why').option('-f, --follow', 'go on with what happens').option('-n, --limit <number>', 'how many of the past', whole(0, 500), 50).action(run(commands.events));
  asked(program.command('history')).description('past rounds').action(run(commands.history));
  asked(program.command('suspend').argument('<REF>', 'all, VirtualMachine, or VirtualMachine/web')).description('leave an object, a kind, or all, alone').requiredOption('--reason <text>', 'why, for those who read it later').option('--until <when>', 'a moment (2026-12-01T08:00Z) or a time from now (2h, 3d)').action(run(commands.suspend));
  asked(program.command('resume').argument('<REF>', 'all, VirtualMachine, or VirtualMachine/web')).description('take it up again; also what is frozen or stalled').action(run(commands.resume));
  asked(program.command('reconcile')).description('look now, and try again what failed').action(run(commands.reconcile));
  asked(program.command('approve').argument('<FINGERPRINT>', 'as status and plan --from-daemon show it')).description('let the daemon do what this plan holds for an approval').action(run(commands.approve));
  program.command('import').argument('[DIR]').description('write manifests from a live cluster').addOption(json()).allowUnknownOption().allowExcessArguments().action(async () => (await import('./daemon-commands.ts')).importCommand());

  program.commandsGroup('For shells:');
  program.command('completion').addArgument(new Argument('<SHELL>', 'whose script is printed').choices(['bash', 'zsh', 'fish'])).description('print the script that completes commands in a shell').action(async (shell: string) => done(await commands.completion(shell, program, context)));
  program.command('manual', { hidden: true }).description('print the manual page').option('--date <day>', 'of the page: 2026-11-22', '').action(async (options: ManualOptions) => done(await commands.manual(options, program, context)));
  return program;
}

const LIVE_HELP = 'start from the cluster that this file describes, instead of one made for the manifests';
const STATE_HELP = 'folder of what latido remembers (default: below $XDG_STATE_HOME/latido, by cluster)';

const SIGNERS_HELP = 'take only commits signed by an ssh key of this file (as gpg.ssh.allowedSignersFile of git)';
const KEYRING_HELP = 'or by an OpenPGP key: a file of public keys (gpg --export), or a folder with a keyring';

function json(): Option {
  return new Option('--json', 'print JSON');
}

function source(command: Command): Command {
  return command.option('-c, --cluster <name>', 'which cluster, where the folder holds clusters/NAME for several').addOption(json());
}

function asked(command: Command): Command {
  return command.option('-c, --cluster <name>', 'whose daemon, where several run').option('--state <dir>', STATE_HELP).addOption(json());
}

function runOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration instead of DIR and the options below (default: /etc/latido/config.yaml, when neither DIR nor --repo is given)')
    .option('--repo <address>', 'https or ssh address of a repository, or the path of a bare one on this machine')
    .option('--branch <name>', 'the branch to follow (default: main)')
    .option('--path <dir>', 'folder of the cluster in the repository (default: clusters/NAME)')
    .option('-c, --cluster <name>', 'which cluster; needed with --repo')
    .option('--state <dir>', STATE_HELP)
    .option('--interval <seconds>', 'a full look at least so often (default: 300)', whole(10, 86_400))
    .option('--poll <seconds>', 'ask a remote repository so often (default: 60)', whole(5, 86_400))
    .option('--ssh-key <file>', 'deploy key for an ssh address')
    .option('--known-hosts <file>', 'the host keys to trust')
    .option('--git-token <file>', 'file with the token for an https address')
    .option('--git-user <name>', 'what the host wants beside the token')
    .option('--git-ca <file>', 'certificate authority of an https address')
    .option('--allowed-signers <file>', SIGNERS_HELP)
    .option('--keyring <path>', KEYRING_HELP);
}

function initOptions(command: Command): Command {
  return command
    .option('--server <path>', 'only make a bare repository that people push to: its hook validates, shows the plan, refuses')
    .option('-c, --cluster <name>', 'name of the cluster')
    .option('--endpoint <url...>', 'addresses of its nodes, https://HOST:8006')
    .option('--fingerprint <sha256...>', 'of their certificates, as pvenode cert info shows them; needed where nobody can be asked to compare')
    .option('--token-file <file>', 'the API token: used when it is there, else made on a node (default: /etc/latido/CLUSTER.token)')
    .option('--repository <address>', 'where commits come from: an https or ssh address, or the path of a bare repository on this machine, made when it is not there')
    .option('--directory <dir>', 'a folder instead, for trying things')
    .option('--branch <name>', 'the branch to follow (default: main)')
    .option('--ssh-key <file>', 'deploy key for an ssh address')
    .option('--known-hosts <file>', 'the host keys to trust')
    .option('--git-token <file>', 'file with the token for an https address')
    .option('--git-user <name>', 'what the host wants beside the token')
    .option('--git-ca <file>', 'certificate authority of an https address')
    .option('--allowed-signers <file>', SIGNERS_HELP)
    .option('--keyring <path>', KEYRING_HELP)
    .option('--follow <address>', 'of the daemons of the nodes the one works where this address of a VirtualIP is')
    .option('--config <file>', 'where the configuration is written (default: /etc/latido/config.yaml)')
    .option('--manifests <dir>', 'write the first manifests there, instead of showing them')
    .option('--force', 'overwrite a configuration that says something else')
    .option('-y, --yes', 'ask nothing, do it')
    .addOption(json());
}

function work(command: Command): Command {
  return command.option('--state <dir>', STATE_HELP).option('--detailed-exitcode', '0 in sync, 1 error, 2 there are or were changes').option('-v, --verbose', 'nothing shortened; each step with its call and its guards');
}

function labOptions(command: Command): Command {
  return command
    .option('--port <number>', 'of the first node; the others follow; 0: any', whole(0, 65_000), 8006)
    .option('--nodes <number>', 'how many, when DIR names none', whole(1, 32), 3)
    .option('--guests <number>', 'make this many, spread over the nodes', whole(0, 100_000), 0)
    .option('--speed <factor>', 'virtual seconds per second', factor, 1)
    .option('--seed <number>', 'of the simulation', whole(0), 1)
    .option('--pve <version>', 'version of Proxmox VE')
    .option('--live <file>', LIVE_HELP)
    .option('--state <file>', 'keep the cluster in this file between runs')
    .option('--script <file>', 'what the world does to the cluster, and when')
    .option('-c, --cluster <name>', 'which cluster, where the folder holds clusters/NAME for several')
    .addOption(json());
}

function whole(from: number, to = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < from || value > to) throw new InvalidArgumentError(`It is not a whole number ${to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`}.`);
    return value;
  };
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new InvalidArgumentError('It is not a number above 0, up to 10000.');
  return value;
}

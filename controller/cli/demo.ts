// `latido demo`: a lab, a bare repository whose hook shows the plan in the push, and daemons that follow it; then a tour of what can happen.
// All of it is what a person would start: git, `latido init --server`, `latido run`. Ends with 0 when the last plan is empty.
import { basename, join } from 'node:path';
import type { Context, ExitCode } from './context.ts';
import { getCommand, statusCommand } from './daemon-status.ts';
import { followingConfig } from './demo-commits.ts';
import type { Files } from './demo-commits.ts';
import { pushLines } from './demo-lines.ts';
import { DEMO_TOUR } from './demo-tour.ts';
import type { Act, Director } from './demo-tour.ts';
import { Watch } from './demo-watch.ts';
import { initServerCommand } from './init-server.ts';
import { planCommand } from './plan.ts';
import type { DemoOptions } from './program.ts';
import type { Demo, Running } from './stage.ts';
import { durationText, hanging, paint, safe } from './terminal-text.ts';

/** Seconds of the cluster per second: a fail-over of three minutes passes in eighteen. */
const SPEED = 10;
const FAST = 100;
const CLUSTER = 'unq-lab';
const FOLDER = `clusters/${CLUSTER}`;
const COLUMNS_MAX = 100;

export async function demoCommand(options: DemoOptions, context: Context): Promise<ExitCode> {
  const speed = options.fast === true ? FAST : SPEED;
  const demo = await context.world.demo({ speed });
  const tour = new Tour(demo, context);
  try {
    const startedAt = context.world.clock.now();
    tour.say(`Two Proxmox VE nodes in a lab, ${speed} times as fast as real ones. Git and the daemon are real ones.`);
    await tour.setUp();
    for (const [index, act] of DEMO_TOUR.entries()) await tour.play(act, index + 1);
    const code = await tour.end();
    tour.say(`The tour took ${durationText(context.world.clock.now() - startedAt)}.`);
    if (options.once !== true && code === 0) await tour.stayOpen();
    return code;
  } finally {
    await tour.close();
  }
}

class Tour implements Director {
  commit = '';
  readonly #watch: Watch;
  /** By node; the one beside the cluster by nothing. */
  readonly #daemons = new Map<string | undefined, Running>();

  constructor(private readonly demo: Demo, private readonly context: Context) {
    this.#watch = new Watch({ ...context, terminal: { ...context.terminal, style: () => this.#style } }, demo.stage);
  }

  get stage() { return this.demo.stage; }
  get manifests() { return this.demo.manifests; }

  async setUp(): Promise<void> {
    const { demo } = this;
    this.#command(`cd ${demo.folder}`);
    this.#command('latido init --server infra.git');
    await initServerCommand(demo.server, {}, demo.program, this.#indented());
    this.#command('git -C infra.git config latido.stateDir $PWD/state');
    await demo.configureServer('latido.stateDir', this.#folder(stateOf(undefined)));
  }

  async play(act: Act, number: number): Promise<void> {
    const style = this.#style;
    this.context.terminal.out(`\n${paint(style, 'bold', `${number}  ${act.title}`)}\n${paint(style, 'dim', '─'.repeat(style.width))}\n`);
    this.say(act.story);
    this.#watch.mark(act.shows ?? 'daemon');
    await act.play(this);
  }

  async files(): Promise<Files> {
    const names = Object.keys(this.demo.manifests);
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await this.demo.repository.read(`${FOLDER}/${name}`)] as const)));
  }

  async push(message: string, files: Files): Promise<string | undefined> {
    const { repository } = this.demo;
    const id = await repository.commit(message, Object.fromEntries(Object.entries(files).map(([name, text]) => [`${FOLDER}/${name}`, text])));
    this.#command(`git commit -am '${message}' && git push master main`);
    const { accepted, lines } = await repository.push();
    this.#print(pushLines(lines, this.#style));
    if (accepted) this.commit = id;
    return accepted ? id : undefined;
  }

  async undo(): Promise<void> {
    this.#command('git reset --hard master/main');
    await this.demo.repository.undo();
  }

  async startDaemon(node?: string): Promise<void> {
    const words = node === undefined ? ['run', '--repo', 'infra.git', '--cluster', CLUSTER, '--state', stateOf(node)] : ['run', '--config', await this.#configOf(node)];
    const daemon = this.demo.start(words, node);
    this.#daemons.set(node, daemon);
    this.#command(`latido ${words.join(' ')}   # ${node === undefined ? '' : `on ${node}, `}process ${daemon.pid}`);
    this.#watch.follow([...this.#daemons.keys()].map((each) => ({ state: this.#folder(stateOf(each)), ...(each === undefined ? {} : { node: each }) })));
  }

  /** What is in the file of a node's daemon, shown as it is written. */
  async #configOf(node: string): Promise<string> {
    const name = `${node}.yaml`;
    const text = followingConfig({ cluster: CLUSTER, repository: this.#folder('infra.git'), state: this.#folder(stateOf(node)) });
    await this.demo.writeConfig(name, text);
    if (this.#daemons.has(node)) return name;
    this.#command(`cat ${name}`);
    this.#print(text.trimEnd().split('\n').map((line) => `  ${safe(line)}`));
    return name;
  }

  async killDaemon(node?: string): Promise<void> {
    this.#command(`kill -9 ${this.#daemons.get(node)?.pid}${node === undefined ? '' : `   # its daemon goes with ${node}`}`);
    await this.#daemons.get(node)?.kill();
  }

  async stopDaemon(): Promise<void> {
    this.#command(`kill ${this.#daemons.get(undefined)?.pid}`);
    await this.#daemons.get(undefined)?.stop();
    this.#daemons.delete(undefined);
  }

  until(...given: Parameters<Director['until']>): Promise<void> {
    return this.#watch.until(...given);
  }

  async look(node: string, command: string): Promise<void> {
    this.#command(`ssh root@${node} ${command}`);
    this.#print((await this.demo.stage.look(node, command.split(' '))).trimEnd().split('\n').map((line) => `  ${safe(line.replaceAll('\t', '  '))}`));
  }

  async status(node: string): Promise<void> {
    this.#command(`latido status --state ${stateOf(node)}`);
    await statusCommand({ state: this.#folder(stateOf(node)) }, this.#indented());
  }

  async get(what: string): Promise<void> {
    const state = this.#watch.working;
    this.#command(`latido get ${what} --state ${basename(state)}`);
    await getCommand(what, { state }, this.#indented());
  }

  /** What a person would ask at the end; 0 when nothing is left to do. */
  async end(): Promise<ExitCode> {
    const state = this.#watch.working;
    this.#command(`latido status --state ${basename(state)}`);
    await statusCommand({ state }, this.#indented());
    this.#command(`latido plan --from-daemon --state ${basename(state)}`);
    const code = await planCommand('.', { fromDaemon: true, detailedExitcode: true, state }, this.#indented());
    this.say(code === 0 ? paint(this.#style, 'green', 'The tour ended in “No changes”.') : 'The tour did not end in “No changes”.');
    return code === 0 ? 0 : 1;
  }

  async stayOpen(): Promise<void> {
    const { server, environment } = this.demo;
    const state = this.#watch.working;
    this.context.terminal.out([
      '', 'Lab and daemons go on. In another terminal:',
      `  export ${Object.entries(environment).map(([name, value]) => `${name}=${value}`).join(' ')}`,
      `  git clone ${server} infra && cd infra`,
      `  edit ${FOLDER}/aula.yaml, git commit -am …, git push`,
      '', `  state=${state}`,
      '  npx latido status --state $state',
      '  npx latido events --follow --state $state',
      "  npx latido suspend VirtualMachine/aula-1 --reason 'I work on it' --state $state",
      '',
      'Ctrl-C ends it.', '',
    ].join('\n'));
    await this.context.interruptible((signal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })), () => '');
  }

  async close(): Promise<void> {
    await Promise.all([...this.#daemons.values()].map((daemon) => daemon.stop()));
    await this.demo.close();
  }

  say(text: string): void {
    this.#print(hanging('', text, this.#style.width));
  }

  #command(words: string): void {
    const style = this.#style;
    this.context.terminal.out(`\n${paint(style, 'cyan', '$')} ${paint(style, 'bold', words)}\n`);
  }

  #folder(name: string): string {
    return join(this.demo.folder, name);
  }

  #print(lines: readonly string[]): void {
    this.context.terminal.out(lines.map((line) => `${line}\n`).join(''));
  }

  get #style() {
    const style = this.context.terminal.style();
    return { ...style, width: Math.min(COLUMNS_MAX, style.width) };
  }

  /** For the commands of latido that are shown: the same terminal, two columns in. */
  #indented(): Context {
    const { terminal } = this.context;
    const out = (text: string) => terminal.out(text.replace(/^(?=.)/gm, '  '));
    return { ...this.context, terminal: { ...terminal, out, style: () => ({ ...this.#style, width: this.#style.width - 2 }) } };
  }
}

/** Each daemon remembers for itself, as on machines of their own. */
function stateOf(node: string | undefined): string {
  return node === undefined ? 'state' : `state-${node}`;
}

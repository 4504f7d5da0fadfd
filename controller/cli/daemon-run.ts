// `latido run`: the daemon. Finds out where the cluster is (from the newest commit, else the last good one), opens it and runs;
// begins again when the commit names another way to it, or with the configuration as it is then on SIGHUP.
import { FOLLOW_PATIENCE_SECONDS } from '../config/schema.ts';
import type { DaemonConfig } from '../config/schema.ts';
import type { DaemonParts } from '../daemon/loop.ts';
import { runDaemon } from '../daemon/loop.ts';
import type { ClusterSpec, DesiredObject } from '../model/desired.ts';
import type { CommitSource, Lease, Store } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import type { Context, ExitCode, World } from './context.ts';
import { configPlace } from './daemon-config.ts';
import type { ConfigPlace } from './daemon-config.ts';
import { listenParts, listenPlace } from './daemon-listen.ts';
import { notifyParts } from './daemon-notify.ts';
import { clusterNow, sourceOf } from './daemon-source.ts';
import { planToJson } from './plan-json.ts';
import type { RunOptions } from './program.ts';
import { findingsText } from './render-findings.ts';
import { renderPlan } from './render-plan.ts';

/** A configuration, and what was found out by it. */
export interface Setup { readonly config: DaemonConfig; readonly source: CommitSource; readonly store: Store; readonly cluster: DesiredObject<ClusterSpec> }

const INTERVAL_SECONDS = 300;

export async function runCommand(dir: string | undefined, options: RunOptions, context: Context): Promise<ExitCode> {
  const { world } = context;
  const place = configPlace(dir, options, world);
  let setup = await setUp(await place.read(), world);
  return context.interruptible<ExitCode>(async (signal) => {
    let before: Setup | undefined;
    while (!signal.aborted) {
      const end = await runOnce(setup, signal, context).catch((error: unknown) => refused(error, before, world));
      if (end === 'stopped') break;
      if (typeof end === 'object') [setup, before] = [end, undefined];
      else if (end === 'told') [setup, before] = [await setUpAgain(place, setup, world), setup];
      else [setup, before] = [await setUp(setup.config, world), undefined];
    }
    return 0;
  }, () => 'Left at once. The next start waits for what is still running.\n');
}

async function setUp(config: DaemonConfig, world: World): Promise<Setup> {
  // A file of certificates that cannot be read would end the daemon later.
  if (config.forge?.ca !== undefined) await (await world.daemon.outbound(config.forge.ca)).transport.close();
  const { store, folder } = world.daemon.store(config.cluster, config.state);
  const source = await sourceOf(config, { store, folder }, world);
  const place = listenPlace(config);
  if (place) await world.daemon.https.check(place);
  return { config, source, store, cluster: await clusterNow(config.cluster, source, store, world) };
}

/** What shows only once the cluster is opened. @param before what was in force until the configuration was read again */
function refused(error: unknown, before: Setup | undefined, world: World): Setup {
  if (!(error instanceof Failure) || before === undefined) throw error;
  tellRefused(error, world);
  return before;
}

function tellRefused({ findings }: Failure, world: World): void {
  world.daemon.warn(`${findingsText(findings, PLAIN).trimEnd()}\nThe old configuration stays in force.`);
}

/** A configuration that cannot be used is told, and the old one stays in force. */
export async function setUpAgain(place: ConfigPlace, old: Setup, world: World): Promise<Setup> {
  try {
    const config = await place.read();
    await requireFreePort(config, world);
    const setup = await setUp(config, world);
    if (place.file !== undefined) world.daemon.warn(`${place.file} was read again and is in force`);
    return setup;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tellRefused(error, world);
    return old;
  }
}

/** Ours is closed by now: whoever has the port is somebody else. */
async function requireFreePort(config: DaemonConfig, world: World): Promise<void> {
  const place = listenPlace(config);
  const trouble = place && await (await world.machine()).portTrouble(place.address, place.port);
  if (place && trouble !== undefined) throw failure('CONFIG_INVALID', `nobody can listen on ${place.address}:${place.port}: ${trouble}`, { fix: 'choose another listen.port, or end what has it' });
}

/** `told`: by SIGHUP; `moved`: the commit names another way to the cluster. */
async function runOnce(setup: Setup, signal: AbortSignal, { world }: Context): Promise<'stopped' | 'told' | 'moved'> {
  const { config, source, cluster } = setup;
  const opened = await world.daemon.open(cluster, { ...(config.state === undefined ? {} : { stateDir: config.state }), ...(config.secrets ? { secrets: config.secrets } : {}) });
  const { env, lease, control, supervisor, files, close } = opened;
  const reload = new AbortController();
  const stopHearing = world.daemon.onReload(() => reload.abort(new Error('SIGHUP')));
  try {
    const end = await runDaemon({
      env, source, lease, control, signal, reload: reload.signal, kindsFor: world.kindsFor,
      publishPlan: (plan) => ({ plan: planToJson(plan), text: renderPlan(plan, { ...PLAIN, verbose: false }, null) }),
      ...followParts(config, lease, world), ...(supervisor ? { supervisor } : {}), ...(files ? { files } : {}), ...(await listenParts(config, opened, world)), ...(await notifyParts(config, env, world)), options: { intervalMs: (config.intervalSeconds ?? INTERVAL_SECONDS) * 1000 },
      isSameCluster: (spec) => wayTo(spec) === wayTo(cluster.spec),
    });
    return end === 'stopped' ? 'stopped' : reload.signal.aborted ? 'told' : 'moved';
  } finally {
    stopHearing();
    await close();
  }
}

/** Without a lease that all nodes see, an address on two nodes would be two writers. */
export function followParts({ follow }: DaemonConfig, lease: Lease, { daemon }: World): Pick<DaemonParts, 'follow'> {
  if (follow === undefined) return {};
  if (!lease.isFree) throw failure('CONFIG_INVALID', 'follow is for the nodes of a cluster: here no /etc/pve can be used, through which their daemons agree', { fix: 'run it as root on a node (latido-node.service), or remove follow' });
  return { follow: { address: follow.address, patienceMs: (follow.patienceSeconds ?? FOLLOW_PATIENCE_SECONDS) * 1000, ownAddresses: () => daemon.ownAddresses() } };
}

/** Who asks for the plan has a terminal of another width, or none. */
const PLAIN = { width: 100, height: 50, color: false };

/** What `World.open` needs: a commit that changes it has the daemon begin again. */
function wayTo({ endpoints, tls, credentials }: ClusterSpec): string {
  return JSON.stringify([endpoints, tls, credentials]);
}

// In: every request that a controller sends, and the simulated cluster in the moment it is sent. Out: what must never
// have happened. Knows nothing of the controller but the plan that it says it is doing.
import { ConnectionError } from '../../../controller/model/doors.ts';
import type { HttpRequest, Transport } from '../../../controller/model/doors.ts';
import { runnableSteps } from '../../../controller/model/plan.ts';
import type { Plan } from '../../../controller/model/plan.ts';
import { isQuorate } from '../../../controller/sim/quorum.ts';
import type { Simulation } from '../../../controller/sim/simulation.ts';
import { START_MS } from '../../sim/lab.ts';
import type { Limits, Wanted } from './random-commits.ts';
import { SOMEBODY_ELSES } from './random-faults.ts';

const MARK = 'latido';
/** What was seen of the cluster may be so old when a write goes out: the age of a bulk look, and the way. */
const SIGHT_MS = 4_000;

interface Write { readonly method: string; readonly path: string; readonly params: Readonly<Record<string, string>>; readonly node: string; readonly vmid: number | undefined; readonly action: string }

export class Observer {
  readonly violations: string[] = [];
  sim: Simulation | undefined;
  #wanted: readonly Wanted[] = [];
  /** Guests whose last manifest said `reclaim: delete`. */
  readonly #reclaimable = new Set<number>();
  readonly #strangers: readonly number[];
  #isLimited = true;
  /** Writes of this plan whose answer never came: they may have had their effect. */
  readonly #inDoubt = new Set<string>();
  #planned = new Map<string, Readonly<Record<string, string>>[]>();
  /** By what is limited: whom it concerned in this round; a call that never arrived is sent again. */
  #spent: Readonly<Record<keyof Limits, Set<string>>> = { deletions: new Set(), restarts: new Set(), migrations: new Set() };

  constructor(strangers: readonly number[], private readonly limits: Limits) {
    this.#strangers = strangers;
  }

  wrap = (through: Transport): Transport => ({
    send: async (endpoint, request, timeoutMs, signal) => {
      this.#see(new URL(endpoint).hostname, request);
      try {
        return await through.send(endpoint, request, timeoutMs, signal);
      } catch (error) {
        if (error instanceof ConnectionError && error.sent) this.#lost(request);
        throw error;
      }
    },
    close: () => through.close(),
  });

  /** A commit is being brought about. */
  commits(wanted: readonly Wanted[]): void {
    this.#wanted = wanted;
    for (const { vmid, reclaim } of wanted) {
      if (reclaim === 'delete') this.#reclaimable.add(vmid);
      else this.#reclaimable.delete(vmid);
    }
  }

  /** A plan is about to be done: nothing else may be. An approved one may exceed the limits. */
  does(plan: Plan, isApproved: boolean): void {
    this.#isLimited = !isApproved;
    this.#inDoubt.clear();
    this.#spent = { deletions: new Set(), restarts: new Set(), migrations: new Set() };
    this.#planned = new Map();
    for (const { action } of runnableSteps(plan)) {
      if (action.via !== 'pve') continue;
      const key = `${action.method} ${action.path}`;
      const params = Object.fromEntries(Object.entries(action.params).map(([name, value]) => [name, String(value)]));
      this.#planned.set(key, [...(this.#planned.get(key) ?? []), params]);
    }
  }

  #see(node: string, request: HttpRequest): void {
    if (!this.sim) return;
    if (request.method === 'GET') return;
    const write = writeOf(node, request);
    if (this.#inDoubt.has(keyOf(request))) this.#forbid(write, 'it was sent before, and nobody knows whether it had its effect');
    if (this.#lacksQuorumSince(this.sim) > SIGHT_MS) this.#forbid(write, 'the cluster is not quorate');
    this.#planAllows(write);
    this.#guestIsOurs(write, this.sim);
    this.#haIsAsked(write, this.sim);
    this.#nothingLost(write);
    this.#withinLimits(write);
  }

  #lost(request: HttpRequest): void {
    if (request.method !== 'GET') this.#inDoubt.add(keyOf(request));
  }

  /** For how long no part of the cluster has had it; by the lines that it writes when its members change. A smaller part refuses by itself. */
  #lacksQuorumSince(sim: Simulation): number {
    if (Object.keys(sim.state.nodes).some((node) => isQuorate(sim.state, node))) return 0;
    const lost = sim.log.lines().findLast((line) => line.includes(': members:') && line.endsWith('(no quorum)'));
    return lost === undefined ? 0 : sim.clock.now() - START_MS - Number.parseFloat(lost) * 1000;
  }

  #planAllows(write: Write): void {
    const planned = this.#planned.get(`${write.method} ${write.path}`) ?? [];
    const { digest: _digest, ...sent } = write.params;
    if (!planned.some((params) => JSON.stringify(sorted(params)) === JSON.stringify(sorted(sent)))) this.#forbid(write, 'no step of the plan says so');
  }

  #guestIsOurs(write: Write, sim: Simulation): void {
    if (write.vmid === undefined) return;
    const guest = sim.state.guests[write.vmid];
    if (!guest || write.action === '/clone') return;
    if (this.#strangers.includes(write.vmid)) this.#forbid(write, 'it is a guest of somebody else');
    if (guest.config.name === SOMEBODY_ELSES) this.#forbid(write, 'the VMID was reused by somebody else');
    const isMarked = String(guest.config.tags ?? '').split(/[;, ]/).includes(MARK);
    const isNamed = this.#wanted.some(({ vmid, name }) => vmid === write.vmid && name === guest.config.name);
    const isCreating = write.action === '' && write.method === 'POST';
    if (!isMarked && !isNamed && !isCreating) this.#forbid(write, 'it does not carry our mark');
  }

  #haIsAsked(write: Write, sim: Simulation): void {
    if (write.vmid === undefined || !/^\/(status\/|migrate$)/.test(write.action)) return;
    const resource = sim.state.ha.resources[`vm:${write.vmid}`];
    if (resource && resource.state !== 'ignored') this.#forbid(write, 'the HA manager manages it');
  }

  #nothingLost(write: Write): void {
    if (write.method === 'DELETE' && write.vmid !== undefined && write.action === '') {
      if (this.#wanted.some(({ vmid }) => vmid === write.vmid)) this.#forbid(write, 'the commit still wants it');
      if (!this.#reclaimable.has(write.vmid)) this.#forbid(write, 'its volumes were to be kept');
    }
    if (write.params.force === '1' && (write.vmid === undefined || !this.#reclaimable.has(write.vmid))) this.#forbid(write, 'its volumes were to be kept');
    if (write.method === 'DELETE' && write.path.includes('/storage')) this.#forbid(write, 'volumes go only with their guests');
  }

  #withinLimits(write: Write): void {
    const spent = this.#spent;
    if (write.method === 'DELETE' && write.vmid !== undefined) spent.deletions.add(write.path);
    if (write.action === '/status/reboot') spent.restarts.add(write.path);
    if (write.path.endsWith('/migrate')) spent.migrations.add(write.path);
    for (const [what, most] of Object.entries(this.limits)) if (this.#isLimited && spent[what as keyof Limits].size > most) this.#forbid(write, `more than ${most} ${what} in one round`);
  }

  #forbid({ method, path, params }: Write, why: string): void {
    this.violations.push(`${why} at ${((this.sim?.clock.now() ?? START_MS) - START_MS) / 1000} s: ${method} ${path} ${JSON.stringify(params)}`);
  }
}

function keyOf({ method, url, body = '' }: HttpRequest): string {
  return `${method} ${url} ${body}`;
}

function writeOf(node: string, request: HttpRequest): Write {
  const [path = '', query = ''] = request.url.replace(/^\/api2\/json/, '').split('?');
  const found = /^\/nodes\/[^/]+\/(?:qemu|lxc)(?:\/(\d+)(.*))?$/.exec(path);
  const params = Object.fromEntries(new URLSearchParams(request.body ?? query));
  const vmid = found?.[1] ?? (found ? params.vmid : undefined);
  return { method: request.method, path, params, node, vmid: vmid === undefined ? undefined : Number(vmid), action: found?.[2] ?? '' };
}

function sorted(params: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1));
}

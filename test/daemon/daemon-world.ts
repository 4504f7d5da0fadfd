// What the daemon's tests share: the simulated cluster, a source whose commits are text, a lease that tests take away, and
// a daemon that runs in virtual time.
import { createMemoryStore } from '../../controller/env/memory-store.ts';
import type { MemoryStore } from '../../controller/env/memory-store.ts';
import { runDaemon } from '../../controller/daemon/loop.ts';
import type { DaemonEnd, DaemonParts } from '../../controller/daemon/loop.ts';
import type { CommitSource, ControlDoor, Env, Lease, SourceCommit } from '../../controller/model/doors.ts';
import { failure } from '../../controller/model/finding.ts';
import type { JsonObject } from '../../controller/model/json.ts';
import type { StatusEvent } from '../../controller/status/events.ts';
import type { Mortal } from '../harness/mortal.ts';
import { kindsFor, withCluster, World } from '../harness/world.ts';
import type { WorldOptions } from '../harness/world.ts';

export class FakeSource implements CommitSource {
  commit: SourceCommit | undefined;
  /** The repository is away. */
  isAway = false;
  asked = 0;
  #watchers = new Set<() => void>();
  #number = 0;

  async latest(): Promise<SourceCommit> {
    this.asked += 1;
    if (this.isAway || !this.commit) throw failure('SOURCE_UNREADABLE', 'the repository does not answer');
    return this.commit;
  }

  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  push(yaml: string, tell: 'told' | 'untold' = 'told'): SourceCommit {
    return this.pushFiles([{ path: 'cluster.yaml', text: withCluster(yaml) }], tell);
  }

  pushFiles(files: SourceCommit['files'], tell: 'told' | 'untold' = 'told'): SourceCommit {
    this.#number += 1;
    const id = this.#number.toString(16).padStart(40, '0');
    this.commit = { id, revision: `main@sha1:${id.slice(-7)}`, files };
    if (tell === 'told') for (const call of this.#watchers) call();
    return this.commit;
  }
}

/** Who has it is said by the test; the daemons that share it are named. */
export class SharedLease {
  holder: string | undefined;

  of(name: string): Lease {
    return {
      acquire: async () => {
        this.holder ??= name;
        return this.holder === name ? { held: true } : { held: false, by: this.holder };
      },
      renew: async () => this.holder === name,
      release: async () => { if (this.holder === name) this.holder = undefined; },
      isFree: async () => this.holder === undefined,
    };
  }
}

export interface Running {
  readonly ended: Promise<DaemonEnd>;
  readonly stop: () => Promise<DaemonEnd>;
  readonly ask: (request: JsonObject) => Promise<JsonObject>;
  readonly reload: () => void;
}

export class DaemonWorld {
  readonly world: World;
  readonly source = new FakeSource();
  readonly lease = new SharedLease();
  readonly store: MemoryStore;

  constructor(cluster: ConstructorParameters<typeof World>[0] = {}, options: WorldOptions & { readonly files?: Readonly<Record<string, string>> } = {}) {
    const { files, ...rest } = options;
    this.store = createMemoryStore(files);
    this.world = new World(cluster, { store: this.store, ...rest });
  }

  get sim() {
    return this.world.sim;
  }

  start(more: Partial<DaemonParts> = {}, name = 'this'): Running {
    const stop = new AbortController();
    const reload = new AbortController();
    let answer: ((request: JsonObject) => Promise<JsonObject>) | undefined;
    const control: ControlDoor = {
      listen: async (given) => {
        answer = given;
        return async () => { answer = undefined; };
      },
    };
    const ended = runDaemon({ env: this.world.env, source: this.source, lease: this.lease.of(name), kindsFor, signal: stop.signal, reload: reload.signal, control, ...more, options: { hintsMs: 0, ...more.options } });
    // Whoever does not look at the end of a daemon still hears of a failure by `ended`.
    ended.catch(() => undefined);
    return {
      ended, reload: () => reload.abort(),
      stop: () => {
        stop.abort();
        return this.sim.clock.run(ended);
      },
      ask: (request) => {
        if (!answer) throw new Error('the daemon does not listen');
        return this.sim.clock.run(answer(request));
      },
    };
  }

  /** Virtual time passes. */
  pass(seconds: number): Promise<void> {
    return this.sim.clock.advance(seconds * 1000);
  }

  /** What a person would read with `latido events`. */
  events(store: MemoryStore = this.store): readonly StatusEvent[] {
    return lines(store, 'events.jsonl') as readonly StatusEvent[];
  }

  told(type: StatusEvent['type']): readonly string[] {
    return this.events().filter((event) => event.type === type).map((event) => event.message);
  }

  ready(store: MemoryStore = this.store): { readonly status: string; readonly reason: string; readonly message: string; readonly revision: string } {
    return condition(store, 'Ready');
  }

  stalled(): { readonly status: string; readonly reason: string; readonly message: string; readonly revision: string } {
    return condition(this.store, 'Stalled');
  }

  /** By hand: past the daemon, as somebody at the web console. */
  set(vmid: number, key: string, value: string): void {
    this.world.guest(vmid).config[key] = value;
  }
}

/** A source as a process has it that can be killed. */
export function sourceOf(mortal: Mortal, source: CommitSource): CommitSource {
  return {
    latest: () => mortal.whileAlive(() => source.latest()),
    watch: (onChange) => {
      const off = source.watch(() => mortal.isDead || onChange());
      void mortal.died.then(off);
      return off;
    },
  };
}

export function leaseOf(mortal: Mortal, lease: Lease): Lease {
  return { acquire: () => mortal.whileAlive(() => lease.acquire()), renew: () => mortal.whileAlive(() => lease.renew()), release: () => mortal.whileAlive(() => lease.release()), ...(lease.isFree ? { isFree: () => mortal.whileAlive(async () => (await lease.isFree?.()) === true) } : {}) };
}

export function lines(store: MemoryStore, name: string): readonly unknown[] {
  return (store.snapshot()[name] ?? '').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}

function condition(store: MemoryStore, type: string) {
  const status = JSON.parse(store.snapshot()['status.json'] ?? '{"conditions":[]}') as { readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string; readonly revision: string }[] };
  return status.conditions.find((each) => each.type === type) ?? { status: '', reason: '', message: '', revision: '' };
}

export const vm = (name: string, vmid: number, config: string, more = '', annotations = '') => `
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: ${name}${annotations === '' ? '' : `, annotations: { ${annotations} }`} }
spec: { vmid: ${vmid}${more === '' ? '' : `, ${more}`}, config: { ${config} } }
---`;

export const WEB = vm('web', 101, 'memory: 512');

export function envWith(env: Env, more: Partial<Env>): Env {
  return { ...env, ...more };
}

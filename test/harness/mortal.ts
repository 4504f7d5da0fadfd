// A controller that can be killed: at one of its effects everything it does stops for ever, as with `kill -9`. What it
// has sent goes on in the cluster; what it has not written down is lost.
import { underNodeLock } from '../../controller/observe/node-lock.ts';
import type { Env, HttpRequest, Ssh, Store, Transport } from '../../controller/model/doors.ts';
import type { World } from './world.ts';

/** Where in the sequence of its effects it dies: before one, after a write whose answer it never reads, in the middle of a line. */
export interface KillPoint { readonly effect: number; readonly when: 'before' | 'after' | 'torn' }

export interface Effect { readonly via: 'api' | 'ssh' | 'append' | 'file'; readonly what: string }

export class Mortal {
  readonly env: Env;
  readonly effects: Effect[] = [];
  /** Resolves at its death. */
  readonly died: Promise<'died'>;
  #isDead = false;
  #bury: (how: 'died') => void = () => undefined;

  /** @param jumpedMs how far its own clock has jumped from the cluster's */
  constructor(world: Pick<World, 'envOf' | 'transport'>, store: Store, private readonly point?: KillPoint, jumpedMs: () => number = () => 0) {
    this.died = new Promise((resolve) => { this.#bury = resolve; });
    const env = world.envOf(this.#transport(world.transport()), this.#store(store));
    const { clock } = env;
    this.env = { ...env, ...(env.ssh ? { ssh: this.#ssh(env.ssh) } : {}), clock: { now: () => clock.now() + jumpedMs(), sleep: (ms, signal) => clock.sleep(ms, signal).then(() => this.#ifAlive(undefined)) } };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Between two of its effects. */
  kill(): void {
    this.#isDead = true;
    this.#bury('died');
  }

  /** What else it does through a door of the test: nothing comes of it after its death. */
  whileAlive<T>(work: () => Promise<T>): Promise<T> {
    return this.#isDead ? never() : work().then((value) => this.#ifAlive(value));
  }

  #transport(through: Transport): Transport {
    return {
      send: async (endpoint, request, timeoutMs, signal) => {
        if (this.#isDead) return never();
        if (!isWrite(request)) return this.#ifAlive(await through.send(endpoint, request, timeoutMs, signal));
        const number = this.#effect({ via: 'api', what: `${request.method} ${request.url}` });
        if (this.#diesAt(number, 'before')) return never();
        const response = await through.send(endpoint, request, timeoutMs, signal);
        if (this.#diesAt(number, 'after')) return never();
        return this.#ifAlive(response);
      },
      close: () => through.close(),
    };
  }

  /** What was begun on a node goes on there. */
  #ssh(through: Ssh): Ssh {
    return {
      run: async (node, argv, options) => {
        if (this.#isDead) return never();
        if (!isCommand(argv)) return this.#ifAlive(await through.run(node, argv, options));
        const number = this.#effect({ via: 'ssh', what: `${node}: ${argv.join(' ')}` });
        if (this.#diesAt(number, 'before')) return never();
        const result = await through.run(node, argv, options);
        if (this.#diesAt(number, 'after')) return never();
        return this.#ifAlive(result);
      },
      runAll: async (node, argvs, options) => {
        if (argvs.some(isCommand)) throw new Error('what has an effect is run on its own');
        return this.#isDead ? never() : this.#ifAlive(await through.runAll(node, argvs, options));
      },
      learnNodes: (addresses) => through.learnNodes(addresses),
      stats: through.stats,
    };
  }

  #store(through: Store): Store {
    return {
      read: async (name) => this.#ifAlive(await through.read(name)),
      write: async (name, text) => {
        if (this.#isDead || this.#diesAt(this.#effect({ via: 'file', what: name }), 'before')) return never();
        return this.#ifAlive(await through.write(name, text));
      },
      append: async (name, line) => {
        if (this.#isDead) return never();
        const number = this.#effect({ via: 'append', what: line });
        if (this.#diesAt(number, 'before')) return never();
        if (this.#diesAt(number, 'torn')) {
          const before = (await through.read(name)) ?? '';
          await through.write(name, `${before}${line.slice(0, line.length / 2)}`);
          return never();
        }
        return this.#ifAlive(await through.append(name, line));
      },
    };
  }

  #effect(effect: Effect): number {
    return this.effects.push(effect) - 1;
  }

  #diesAt(effect: number, when: KillPoint['when']): boolean {
    if (this.point?.effect !== effect || this.point.when !== when) return false;
    this.#isDead = true;
    this.#bury('died');
    return true;
  }

  #ifAlive<T>(value: T): T | Promise<T> {
    return this.#isDead ? never() : value;
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** Commands run under the node's lock; the lock alone is only waited for. */
function isCommand(argv: readonly string[]): boolean {
  return argv[0] === 'flock' && argv.at(-1) !== underNodeLock(['true']).at(-1);
}

function isWrite(request: HttpRequest): boolean {
  return request.method !== 'GET' && !request.url.endsWith('/access/ticket');
}

/** All of these, or with `LATIDO_KILL_STEP=5` every fifth. Points come in pairs, before and after, so an odd step takes both. */
export function played(points: readonly KillPoint[]): readonly KillPoint[] {
  const step = Number(process.env['LATIDO_KILL_STEP'] ?? 1);
  // None played would be none failed.
  if (!Number.isInteger(step) || step < 1) throw new Error(`LATIDO_KILL_STEP is a whole number from 1 on, not ${process.env['LATIDO_KILL_STEP'] ?? ''}`);
  return points.filter((_, at) => at % step === 0);
}

/** Every point at which these effects can be interrupted. */
export function killPoints(effects: readonly Effect[]): readonly KillPoint[] {
  return effects.flatMap(({ via }, effect): readonly KillPoint[] => [
    { effect, when: 'before' }, ...(via === 'api' || via === 'ssh' ? [{ effect, when: 'after' } as const] : []), ...(via === 'append' ? [{ effect, when: 'torn' } as const] : []),
  ]);
}

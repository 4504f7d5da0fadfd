// One run of a command: the product's own client and state folder, until it ends or is killed as with `kill -9`.
// What it has sent goes on in the cluster; from its death on it does and learns nothing.
import type { Clock, Env, HttpRequest, PveApi, Store, Transport } from '../../controller/model/doors.ts';
import { isLike } from '../../controller/sim/script.ts';
import type { World } from '../harness/world.ts';
import type { Kill } from './deeds.ts';

export interface Process {
  readonly env: Env;
  /** Resolves at its death, never without one. */
  readonly died: Promise<'died'>;
}

export function startProcess(world: World, store: Store, connect: (transport: Transport, clock: Clock) => PveApi, kill?: Kill): Process {
  const life = { isOver: false, writes: 0 };
  let bury: (how: 'died') => void = () => undefined;
  const died = new Promise<'died'>((resolve) => { bury = resolve; });
  const die = () => {
    life.isOver = true;
    bury('died');
  };
  const live = async <T>(work: () => Promise<T>): Promise<T> => {
    if (life.isOver) return never();
    const value = await work();
    return life.isOver ? never() : value;
  };
  const through = world.sim.transport();
  const send: Transport['send'] = (endpoint, request, timeoutMs, signal) => live(() => {
    if (kill && isMeant(kill, request) && (life.writes += 1) === kill.nth) {
      if (kill.when === 'before') {
        die();
        return never();
      }
      world.sim.clock.after(kill.when * 1000, die, { background: true, label: 'the kill' });
    }
    return through.send(endpoint, request, timeoutMs, signal);
  });
  const clock = mortalClock(world.sim.clock, live);
  return { env: { ...world.env, pve: connect({ send, close: () => through.close() }, clock), clock, store: mortalStore(store, live) }, died };
}

type Live = <T>(work: () => Promise<T>) => Promise<T>;

function mortalClock(clock: Clock, live: Live): Clock {
  return { now: () => clock.now(), sleep: (ms, signal) => live(() => clock.sleep(ms, signal)) };
}

function mortalStore(store: Store, live: Live): Store {
  return {
    read: (name) => live(() => store.read(name)), write: (name, text) => live(() => store.write(name, text)), append: (name, line) => live(() => store.append(name, line)),
  };
}

function isMeant(kill: Kill, { method, url }: HttpRequest): boolean {
  return method !== 'GET' && isLike(kill.request, `${method} ${url.split('?')[0]?.replace(/^\/api2\/[a-z]+/, '') ?? ''}`);
}

function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

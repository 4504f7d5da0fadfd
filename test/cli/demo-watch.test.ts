// Who looks at several daemons: what each tells of itself is told with its node, and who works is who does not stand by.
import { expect, test } from 'vitest';
import type { Context } from '../../controller/cli/context.ts';
import { Watch } from '../../controller/cli/demo-watch.ts';
import type { Seen } from '../../controller/cli/demo-watch.ts';
import type { Stage } from '../../controller/cli/stage.ts';
import { failure } from '../../controller/model/finding.ts';
import type { JsonObject } from '../../controller/model/json.ts';
import { contextOf } from './fake-context.ts';

interface Told { readonly events: readonly JsonObject[]; readonly status: JsonObject }

const standing = (message: string): JsonObject => ({ phase: 'stand-by', conditions: [{ type: 'Ready', status: 'False', message }] });
const event = (at: number, type: string, message: string): JsonObject => ({ at, type, message });

function watching(daemons: Readonly<Record<string, Told>>) {
  const { told, context } = contextOf({});
  const ask: Context['world']['daemon']['ask'] = async ({ stateDir = '' }, request): Promise<JsonObject> => {
    const daemon = daemons[stateDir];
    if (!daemon) throw failure('DAEMON_ABSENT', 'none answers');
    if (request['do'] === 'status') return { status: daemon.status };
    const after = Number(request['after']);
    return { events: daemon.events.slice(after), last: daemon.events.length };
  };
  const watch = new Watch({ ...context, world: { ...context.world, daemon: { ...context.world.daemon, ask } } }, { log: () => [] } as unknown as Stage);
  return { watch, told };
}

async function seenBy(watch: Watch): Promise<Seen> {
  let found: Seen | undefined;
  await watch.until((seen) => {
    found = seen;
    return true;
  }, 'one look');
  if (!found) throw new Error('nobody looked');
  return found;
}

test('of two daemons the one that does not stand by is asked, in whatever order, and the other one says why', async () => {
  const daemons = { a: { events: [], status: standing('10.0.0.50 is not on this node') }, b: { events: [], status: { phase: 'waiting' } } };
  for (const order of [['a', 'b'], ['b', 'a']]) {
    const { watch } = watching(daemons);
    watch.follow(order.map((state) => ({ state, node: state })));
    expect(await seenBy(watch)).toMatchObject({ status: { phase: 'waiting' }, standBy: '10.0.0.50 is not on this node' });
    expect(watch.working).toBe('b');
  }
});

test('when the one that works is gone, the one that stands by is all that there is', async () => {
  const { watch } = watching({ a: { events: [], status: standing('another node has the lease') } });
  watch.follow([{ state: 'a', node: 'pve1' }, { state: 'b', node: 'pve2' }]);
  expect(await seenBy(watch)).toMatchObject({ status: { phase: 'stand-by' }, standBy: 'another node has the lease' });
});

test('events of all in the order of time, each once, and of itself a daemon speaks with its node', async () => {
  const daemons = {
    a: { events: [event(3_000, 'lease', 'the lease is ours'), event(4_000, 'in-sync', 'the cluster is as the commit asks')], status: { phase: 'waiting' } },
    b: { events: [event(1_000, 'started', 'the daemon started')], status: standing('x') },
  };
  const { watch, told } = watching(daemons);
  watch.follow([{ state: 'a', node: 'pve1' }, { state: 'b', node: 'pve2' }]);
  await seenBy(watch);
  await seenBy(watch);
  expect(told.out.split('\n').map((line) => line.slice(12))).toEqual(['started   pve2: the daemon started', 'lease     pve1: the lease is ours', 'in-sync   the cluster is as the commit asks', '']);
});

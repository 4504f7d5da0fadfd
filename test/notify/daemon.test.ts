// The daemon on the simulated cluster, and who is told what: each problem once, its end once, over restarts and absences.
import { describe, expect, test } from 'vitest';
import type { NotifyConfig } from '../../controller/config/schema.ts';
import { ConnectionError } from '../../controller/model/doors.ts';
import type { Transport } from '../../controller/model/doors.ts';
import { Notifier } from '../../controller/notify/notifier.ts';
import { DaemonWorld, vm, WEB } from '../daemon/daemon-world.ts';
import type { Running } from '../daemon/daemon-world.ts';
import type { StatusEvent } from '../../controller/status/events.ts';
import { fakeDoors, NotingLog, noticesIn } from './fakes.ts';

const SECRET_URL = 'https://hooks.example.org/T0P53CR3T';
const HOOK: NotifyConfig = { name: 'ops', type: 'webhook', url: { env: 'URL' }, secret: { env: 'KEY' } };

class Told {
  readonly daemon: DaemonWorld;
  readonly log = new NotingLog();
  readonly secrets: Record<string, string> = { URL: SECRET_URL, KEY: 'S1GN1NG-K3Y' };
  readonly doors = fakeDoors(this.secrets);
  notifier: Notifier | undefined;

  constructor(daemon = new DaemonWorld(), private readonly channels: readonly NotifyConfig[] = [HOOK]) {
    this.daemon = daemon;
  }

  start(): Running {
    const { clock, store, random } = this.daemon.world.env;
    this.notifier = new Notifier({ env: { clock, store, random, log: this.log }, channels: this.channels, doors: this.doors });
    return this.daemon.start({ listener: this.notifier });
  }

  get web() {
    return this.doors.transport;
  }
}

describe('people are told', () => {
  test('nothing while all goes well', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(1200);
    await running.stop();
    expect(told.web.notices()).toEqual([]);
  });

  test('of a drift and its end, in one message', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.daemon.set(101, 'memory', '1024');
    await told.daemon.pass(400);
    expect(told.web.notices()).toEqual([['drift VirtualMachine/web', 'recovery VirtualMachine/web']]);
    await running.stop();
  });

  test('of what is held once, and when it is held no longer', async () => {
    const told = new Told();
    told.daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    const running = told.start();
    await told.daemon.pass(100);
    told.daemon.source.pushFiles([{ path: 'cluster.yaml', text: HELD }]);
    await told.daemon.pass(2000);
    expect(told.web.notices()).toEqual([['hold VirtualMachine/db']]);
    told.daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await told.daemon.pass(400);
    expect(told.web.notices().slice(1)).toEqual([['recovery VirtualMachine/db']]);
    await running.stop();
  });

  test('of what is found in one go in one message, whenever its turn comes', async () => {
    const told = new Told();
    const { clock, store, random } = told.daemon.world.env;
    const events: StatusEvent[] = [];
    const calls: (() => void)[] = [];
    const tell = (type: StatusEvent['type'], name: string) => {
      events.push({ v: 1, seq: events.length + 1, at: clock.now(), type, message: `${name} is held`, ref: { kind: 'VirtualMachine', name } });
      for (const call of calls) call();
    };
    const notifier = new Notifier({ env: { clock, store, random, log: told.log }, channels: [HOOK], doors: told.doors });
    await notifier.start({
      get lastSeq() { return events.length; },
      eventsAfter: (seq) => events.slice(seq), onEvent: (call) => { calls.push(call); return () => undefined; }, view: () => ({ cluster: 'lab', objects: [] }),
    });
    tell('step', 'a');
    await told.daemon.pass(119.9);
    tell('held', 'b');
    await told.daemon.pass(0.2);
    tell('held', 'c');
    await told.daemon.pass(30);
    expect(told.web.notices()).toEqual([['hold VirtualMachine/b', 'hold VirtualMachine/c']]);
    await told.daemon.world.run(notifier.stop());
  });

  test('of a failing step once although it is tried again, and of its end', async () => {
    let isBroken = true;
    const told = new Told(new DaemonWorld({}, { wrap: (transport): Transport => ({
      send: async (endpoint, request, ...rest) => {
        const isOurs = request.method === 'POST' && request.url.endsWith('/qemu') && request.body?.includes('vmid=101') === true;
        return isBroken && isOurs ? { status: 500, reason: 'it failed', headers: {}, body: JSON.stringify({ data: null }) } : transport.send(endpoint, request, ...rest);
      },
      close: () => transport.close(),
    }) }));
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(3600);
    expect(told.daemon.told('failed').length).toBeGreaterThan(3);
    expect(told.web.notices()).toEqual([['failure VirtualMachine/web']]);
    isBroken = false;
    await told.daemon.pass(3600);
    expect(told.web.notices().slice(1)).toEqual([['recovery VirtualMachine/web']]);
    await running.stop();
  });

  test('when the cluster cannot be reached, and when it can', async () => {
    let isDown = false;
    const told = new Told(new DaemonWorld({}, { wrap: (transport): Transport => ({
      send: async (...given) => {
        if (isDown) throw new ConnectionError('refused', false, 'connection refused');
        return transport.send(...given);
      },
      close: () => transport.close(),
    }) }));
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    isDown = true;
    await told.daemon.pass(4 * 3600);
    expect(told.web.notices()).toEqual([['failure']]);
    isDown = false;
    await told.daemon.pass(3600);
    expect(told.web.notices()).toEqual([['failure'], ['recovery']]);
    await running.stop();
  });

  test('of a commit that is refused, each once, and when that is over', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.daemon.source.push(vm('web', 101, 'memory: lots'));
    await told.daemon.pass(1000);
    expect(told.web.notices()).toEqual([['failure']]);
    told.daemon.source.push(vm('web', 101, 'memory: more'));
    await told.daemon.pass(1000);
    expect(told.web.notices()).toEqual([['failure'], ['failure']]);
    told.daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await told.daemon.pass(100);
    expect(told.web.notices().slice(2)).toEqual([['recovery']]);
    await running.stop();
  });

  test('when the repository is away and when it is back', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.daemon.source.isAway = true;
    await told.daemon.pass(1000);
    told.daemon.source.isAway = false;
    await told.daemon.pass(1000);
    expect(told.web.notices()).toEqual([['failure'], ['recovery']]);
    await running.stop();
  });

  test('with a header that proves who says so', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.daemon.set(101, 'memory', '1024');
    await told.daemon.pass(400);
    expect(told.web.sent[0]?.request.headers['x-latido-signature']).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(JSON.parse(told.web.sent[0]?.request.body ?? '')).toMatchObject({ format: 'latido.notice/v1', cluster: 'lab', dropped: 0 });
    await running.stop();
  });
});

const HELD = `
apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec:
  endpoints: ["https://pve1:8006", "https://pve2:8006"]
  policy: { prune: confirm, restart: now, limits: { deletions: 100, restarts: 100, migrations: 100 } }
---${WEB}`;

describe('a channel that cannot be reached', () => {
  test('is told later, in one message, with one line in the log, and no round waits', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.web.isAway = true;
    told.daemon.set(101, 'memory', '1024');
    await told.daemon.pass(1000);
    expect(told.daemon.world.guest(101).config['memory']).toBe('512');
    told.daemon.source.isAway = true;
    await told.daemon.pass(5000);
    told.web.isAway = false;
    await told.daemon.pass(3600);
    expect(told.web.notices()).toEqual([['drift VirtualMachine/web', 'recovery VirtualMachine/web'], ['failure']]);
    expect(told.web.tries).toBeLessThan(20);
    expect(told.log.lines.filter((line) => line.includes('cannot be told'))).toHaveLength(1);
    expect(told.log.lines.filter((line) => line.includes('reached again'))).toHaveLength(1);
    expect(told.notifier?.counts()).toMatchObject([{ name: 'ops', sent: 2, dropped: 0, waiting: 0 }]);
    await running.stop();
  });

  test('never shows its secrets in the log', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.web.isAway = true;
    told.daemon.set(101, 'memory', '1024');
    await told.daemon.pass(1000);
    told.web.isAway = false;
    told.web.answer = () => ({ status: 403, body: SECRET_URL });
    await told.daemon.pass(3000);
    await running.stop();
    const all = [...told.log.lines, JSON.stringify(told.daemon.store.snapshot())].join('\n');
    expect(told.log.lines.join('\n')).toContain('cannot be told');
    for (const secret of ['T0P53CR3T', 'hooks.example.org', 'S1GN1NG-K3Y']) expect(all).not.toContain(secret);
  });

  test('gets a changed address with the next try', async () => {
    const told = new Told();
    told.daemon.source.push(WEB);
    const running = told.start();
    await told.daemon.pass(100);
    told.web.isAway = true;
    told.daemon.set(101, 'memory', '1024');
    await told.daemon.pass(1000);
    told.secrets['URL'] = 'https://new.example.org/hook';
    told.web.isAway = false;
    await told.daemon.pass(3000);
    expect(told.web.sent.map(({ endpoint, request }) => endpoint + request.url)).toEqual(['https://new.example.org/hook']);
    await running.stop();
  });
});

describe('a restart', () => {
  test('neither loses nor doubles what was told', async () => {
    const daemon = new DaemonWorld();
    const first = new Told(daemon);
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    const running = first.start();
    await daemon.pass(100);
    daemon.source.pushFiles([{ path: 'cluster.yaml', text: HELD }]);
    await daemon.pass(100);
    expect(first.web.notices()).toEqual([['hold VirtualMachine/db']]);
    await running.stop();
    const second = new Told(daemon);
    const again = second.start();
    await daemon.pass(1000);
    expect(second.web.notices()).toEqual([]);
    daemon.source.push(WEB + vm('db', 102, 'memory: 256'));
    await daemon.pass(400);
    expect(second.web.notices()).toEqual([['recovery VirtualMachine/db']]);
    await again.stop();
  });

  test('tells afterwards what could not be told before, under the same id', async () => {
    const daemon = new DaemonWorld();
    const first = new Told(daemon);
    daemon.source.push(WEB);
    const running = first.start();
    await daemon.pass(100);
    let lost = '';
    first.web.answer = ({ request }) => {
      lost = request.headers['x-latido-id'] ?? '';
      return { status: 503 };
    };
    daemon.set(101, 'memory', '1024');
    await daemon.pass(400);
    await running.stop();
    expect(first.log.lines.some((line) => line.includes('told after the next start'))).toBe(true);
    const second = new Told(daemon);
    const again = second.start();
    await daemon.pass(60);
    expect(second.web.notices()).toEqual([['drift VirtualMachine/web', 'recovery VirtualMachine/web']]);
    expect(second.web.ids()).toEqual([lost]);
    await again.stop();
  });

  test('after a kill tells of what was in the events alone', async () => {
    const daemon = new DaemonWorld();
    const first = new Told(daemon);
    daemon.source.push(WEB);
    const running = first.start();
    await daemon.pass(100);
    await running.stop();
    const events = daemon.store.snapshot()['events.jsonl'] ?? '';
    const { seq } = JSON.parse(events.trim().split('\n').at(-1) ?? '') as { readonly seq: number };
    await daemon.store.append('events.jsonl', JSON.stringify({ v: 1, seq: seq + 1, at: 1, type: 'failed', message: 'the disk is full' }));
    const second = new Told(daemon);
    const again = second.start();
    await daemon.pass(60);
    expect(second.web.sent.flatMap(({ request }) => noticesIn(request.body ?? '').map(({ message }) => message))).toEqual(['the disk is full', 'rounds succeed again']);
    await again.stop();
  });
});

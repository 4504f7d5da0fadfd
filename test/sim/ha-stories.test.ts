// Stories: what is written is what happens; mistakes are told all at once; random trouble ends, and the cluster heals.
import { expect, test } from 'vitest';
import { ConnectionError } from '../../controller/model/doors.ts';
import { parseStory } from '../../controller/sim/script-parse.ts';
import { isLike, jumpingClock, play } from '../../controller/sim/script.ts';
import { randomStory } from '../../controller/sim/random-story.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { begin, type Story } from '../scenarios/timelines-world.ts';

function run(): Promise<Story> {
  return begin({ master: 'pve1', crmAt: 3, resources: [], cluster: { guests: [{ vmid: 100, node: 'pve2', running: true, config: { memory: '64' } }] } });
}

async function tell(story: Story, steps: unknown): Promise<void> {
  const parsed = parseStory(steps);
  expect(parsed.findings).toEqual([]);
  play(story.sim, parsed.steps);
  await story.sim.clock.advance(0);
}

async function refusalOf(call: Promise<unknown>): Promise<ConnectionError> {
  const error: unknown = await call.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConnectionError);
  return error as ConnectionError;
}

test('power, links and daemons at their seconds', async () => {
  const story = await run();
  await tell(story, [{ at: 5, do: 'node-off', node: 'pve3' }, { at: 10, do: 'link-cut', node: 'pve2' }, { at: 15, do: 'daemon-stop', node: 'pve1', daemon: 'pveproxy' }]);
  await story.until(12);
  expect([story.sim.state.nodes['pve3']?.power, Object.keys(story.sim.state.ha.corosync.cut)]).toEqual(['off', ['pve2']]);
  expect((await story.ask('GET', '/version')).status).toBe(200);
  await story.until(16);
  expect((await refusalOf(story.ask('GET', '/version'))).code).toBe('refused');
});

test('a fault hits as many requests as it says, and only those it is about', async () => {
  const story = await run();
  await tell(story, [{ at: 0, do: 'api-status', status: 595, reason: 'No route to host', request: 'GET /nodes/*', times: 2 }]);
  const statuses = [];
  for (const path of ['/version', '/nodes/pve1/qemu', '/nodes/pve1/qemu', '/nodes/pve1/qemu']) statuses.push((await story.ask('GET', path)).status);
  expect(statuses).toEqual([200, 595, 595, 200]);
});

test('an answer that is lost has had its effect, a swallowed request has not', async () => {
  const story = await run();
  await tell(story, [{ at: 0, do: 'answer-lost', request: 'PUT *' }]);
  const lost = await refusalOf(story.ask('PUT', '/nodes/pve2/qemu/100/config', { description: 'lost' }));
  expect([lost.sent, story.sim.state.guests['100']?.config['description']]).toEqual([true, 'lost']);
  await tell(story, [{ at: 0, do: 'api-timeout', request: 'PUT *' }]);
  const request = { method: 'PUT', url: '/api2/json/nodes/pve2/qemu/100/config', headers: {}, body: 'description=never' };
  const swallowed = await refusalOf(story.sim.clock.run(story.sim.transport().send('https://pve1:8006', request, 30_000)));
  expect([swallowed.code, swallowed.sent, story.sim.state.guests['100']?.config['description']]).toEqual(['timeout', true, 'lost']);
});

test('something happens after the second request of its kind', async () => {
  const story = await run();
  await tell(story, [{ after: 'GET /version', nth: 2, in: 3, do: 'guest-crash', vmid: 100 }]);
  const runs = () => story.sim.state.guests['100']?.process !== undefined;
  await story.ask('GET', '/version');
  await story.until(story.seconds() + 10);
  expect(runs()).toBe(true);
  await story.ask('GET', '/version');
  await story.until(story.seconds() + 2);
  expect(runs()).toBe(true);
  await story.until(story.seconds() + 2);
  expect(runs()).toBe(false);
});

test('a task fails before or after its work', async () => {
  const story = await run();
  await tell(story, [{ at: 0, do: 'task-fails', task: 'qmstop *', text: 'no luck' }, { at: 0, do: 'task-fails', task: 'qmstop *', text: 'too late', when: 'after' }]);
  await story.ask('POST', '/nodes/pve2/qemu/100/status/stop');
  await story.until(story.seconds() + 5);
  expect([Object.values(story.sim.state.tasks).at(-1)?.exitstatus, story.sim.state.guests['100']?.process !== undefined]).toEqual(['no luck', true]);
  await story.ask('POST', '/nodes/pve2/qemu/100/status/stop');
  await story.until(story.seconds() + 5);
  expect([Object.values(story.sim.state.tasks).at(-1)?.exitstatus, story.sim.state.guests['100']?.process !== undefined]).toEqual(['too late', false]);
});

test('people edit, move and make guests meanwhile', async () => {
  const story = await run();
  await tell(story, [
    { at: 0, do: 'config-edit', vmid: 100, set: { description: 'by hand' } }, { at: 1, do: 'vm-create', node: 'pve1', vmid: 200, config: { memory: 64 } },
    { at: 2, do: 'guest-migrate', vmid: 100, target: 'pve3' },
  ]);
  await story.until(30);
  expect(story.sim.state.guests['100']).toMatchObject({ node: 'pve3', config: { description: 'by hand' } });
  expect(story.sim.state.guests['200']?.node).toBe('pve1');
});

test('a disk that is full refuses thick volumes until it is freed', async () => {
  const story = await begin({ master: 'pve1', crmAt: 3, resources: [], cluster: { storages: [{ id: 'thick', type: 'lvm', capacityBytes: 100 * 2 ** 30, options: { vgname: 'pve' } }], guests: [] } });
  await tell(story, [{ at: 0, do: 'disk-full', storage: 'thick' }, { at: 60, do: 'disk-freed', storage: 'thick' }]);
  const endOf = async (vmid: number) => {
    await story.ask('POST', '/nodes/pve1/qemu', { vmid, scsi0: 'thick:1' });
    await story.until(story.seconds() + 10);
    return Object.values(story.sim.state.tasks).at(-1)?.exitstatus;
  };
  expect(await endOf(300)).toContain('not enough free space');
  await story.until(61);
  expect(await endOf(301)).toBe('OK');
});

test('a node without any network answers nobody; a clock that jumps keeps its pace', async () => {
  const story = await run();
  const parsed = parseStory([{ at: 1, do: 'network-down', node: 'pve3' }, { at: 1, do: 'clock-jump', seconds: -3600 }, { at: 40, do: 'network-up', node: 'pve3' }]);
  const clock = jumpingClock(story.sim.clock, play(story.sim, parsed.steps));
  await story.until(30);
  expect((await refusalOf(story.ask('GET', '/version', {}, 'pve3'))).code).toBe('unreachable');
  expect(await story.ask('GET', '/nodes/pve3/status')).toMatchObject({ status: 595 });
  expect(clock.now() - story.sim.clock.now()).toBe(-3_600_000);
  await story.until(50);
  expect((await story.ask('GET', '/nodes/pve3/status')).status).toBe(200);
});

test('every mistake of a story is told', () => {
  const { steps, findings } = parseStory([
    { at: 1, do: 'node-of', node: 'pve1' }, { do: 'node-off', node: 'pve1' }, { at: 1, do: 'node-off' }, { at: -1, do: 'qnetd-off' }, { at: 1, do: 'guest-crash', vmid: 'x' },
    { at: 1, do: 'node-off', node: 'pve1', nodes: 'pve2' }, { after: 7, do: 'qnetd-off' }, { at: 1, do: 'daemon-stop', node: 'pve1', daemon: 'sshd' }, 'nonsense', { at: 1, do: 'qnetd-off' },
  ]);
  expect(steps).toEqual([{ when: { at: 1 }, deed: { do: 'qnetd-off' } }]);
  expect(findings.map((finding) => finding.fact)).toEqual([
    'step 1: does not say what happens: do: node-of', 'step 2: needs either `at`, in seconds, or `after`, a request', 'step 3: node-off needs node', 'step 4: at is -1',
    'step 5: vmid of guest-crash is "x"', 'step 6: node-off has no key nodes', 'step 7: after is 7', 'step 8: daemon is sshd', 'step 9: is not a mapping',
  ]);
});

test.each([['POST *', 'POST /pools', true], ['GET /nodes/*/qemu', 'GET /nodes/pve1/qemu', true], ['GET /nodes/*/qemu', 'GET /nodes/pve1/qemu/1', false], ['a.c', 'abc', false]])('%s is like %s: %s', (pattern, text, expected) => {
  expect(isLike(pattern, text)).toBe(expected);
});

const SEEDS = Array.from({ length: 40 }, (_none, at) => at + 1);

test.each(SEEDS)('random trouble %i: no guest runs without power or twice, and afterwards every service runs or is in error', async (seed) => {
  const guests = [1, 2, 3, 4].map((at) => ({
    vmid: 400 + at, node: `pve${(at % 3) + 1}`, running: true, config: { memory: '160', scsi0: `shared:${400 + at}/vm-${400 + at}-disk-0.raw,size=1G` }, behaviour: { shutdownMs: 2000 },
  }));
  const vmids = guests.map((guest) => guest.vmid);
  const story = await begin({ master: 'pve1', crmAt: 3, resources: vmids.map((vmid) => `vm:${vmid}`), cluster: { guests }, sampleEvery: 10 });
  const { sim } = story;
  const trouble = randomStory(seededRandom(seed), { nodes: ['pve1', 'pve2', 'pve3'], vmids, storages: ['shared', 'local'], seconds: 900, faults: 12 });
  play(sim, trouble);
  for (let second = 0; second < 2400; second += 10) {
    await story.until(second);
    for (const guest of Object.values(sim.state.guests)) if (guest.process) expect(`${guest.vmid} ${sim.state.nodes[guest.node]?.power}`).toBe(`${guest.vmid} on`);
  }
  expect(sim.log.lines().filter((line) => line.includes('still runs on'))).toEqual([]);
  for (const vmid of vmids) {
    const service = sim.state.ha.manager.service_status[`vm:${vmid}`];
    expect(['started', 'error']).toContain(service?.state);
    if (service?.state === 'started') expect([vmid, sim.state.guests[String(vmid)]?.process !== undefined, sim.state.guests[String(vmid)]?.node]).toEqual([vmid, true, service.node]);
  }
});

test('the same seed tells the same story, with the same end', async () => {
  const once = async () => {
    const story = await begin({ master: 'pve1', crmAt: 3 });
    play(story.sim, randomStory(seededRandom(11), { nodes: ['pve1', 'pve2', 'pve3'], vmids: [404, 405], storages: ['shared'], seconds: 600, faults: 10 }));
    await story.until(1200);
    return story.sim.log.lines().join('\n');
  };
  expect(await once()).toBe(await once());
});

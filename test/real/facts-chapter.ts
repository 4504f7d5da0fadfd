// States made by hand with DRBD's own programs, and what the product says of them.
import assert from 'node:assert/strict';
import type { Part } from '../../controller/observe/node-reads.ts';
import { isNewGeneration, lineage, splitsOf } from '../../controller/safety/generations.ts';
import { notInSync, split } from '../../controller/safety/drbd.ts';
import { expectLines, line, lines, until, write } from './bench.ts';
import type { Bench, Chapter } from './bench.ts';

const NAME = 'byhand';
const MINOR = 7;
const DEVICE = `/dev/drbd${MINOR}`;
/** Slow enough to be looked at. */
const SLOW = 'disk { c-plan-ahead 0; resync-rate 1M; }';
const QUICK = 'disk { c-plan-ahead 0; resync-rate 40M; }';

export const factsChapter: Chapter = {
  title: 'what nodes tell',
  stories(bench) {
    const { first, second, lab, sh, shBoth } = bench;
    const both = async (...parts: readonly Part[]) => {
      const facts = await bench.facts(...parts);
      return [facts.get(first.name), facts.get(second.name)] as const;
    };
    const install = (disk: string) => shBoth('printf "%s" "$1" > /etc/drbd.d/byhand.res', resText(bench, disk));
    const isNine = bench.drbd.startsWith('9');
    let event = '';
    return [
      {
        name: 'nothing is configured', play: async () => {
          for (const fact of await both()) {
            assert.equal(fact?.unread, undefined);
            assert.equal(fact?.drbdVersion, bench.drbd);
            assert.deepEqual([fact?.replicas.size, fact?.resFiles.size, fact?.configTrouble, fact?.volumes], [0, 0, undefined, []]);
            assert.deepEqual(fact?.groups.map(({ name, sizeBytes, freeBytes }) => [name, sizeBytes > 0, sizeBytes === freeBytes]), [['pve', true, true]]);
            assert.deepEqual(fact?.physical.map(({ device, group }) => [device, group]), [['/dev/vdb', 'pve']]);
          }
          const [one, other] = await both('addresses');
          assert.ok(one?.addresses.some(({ interface: name, address }) => name === 'eth1' && address === `${first.replication}/24`));
          assert.ok(other?.addresses.some(({ address }) => address === `${second.replication}/24`));
        },
      },
      {
        name: 'only a file', play: async () => {
          await shBoth('lvcreate -q -y -Wy -n byhand -L 32M pve > /dev/null');
          await install(SLOW);
          assert.deepEqual(await lines(bench, NAME), ['down, metadata absent', 'down, metadata absent']);
          const [one] = await both();
          assert.equal(one?.resFiles.get(NAME), resText(bench, SLOW));
          assert.deepEqual(one?.volumes.map(({ group, name, sizeBytes, active, open }) => [group, name, sizeBytes, active, open]), [['pve', 'byhand', 32 * 2 ** 20, true, false]]);
          assert.ok((one?.replicas.get(NAME)?.adjust?.length ?? 0) > 0);
        },
      },
      {
        name: 'metadata', play: async () => {
          await shBoth('drbdadm create-md byhand < /dev/null');
          assert.deepEqual(await lines(bench, NAME), ['down, metadata present', 'down, metadata present']);
          for (const fact of await both('drbd', 'drift')) assert.deepEqual(fact?.replicas.get(NAME)?.generations.map(isNewGeneration), [true]);
        },
      },
      {
        name: 'up on one, up on both', play: async () => {
          await sh(first, 'drbdadm adjust byhand');
          await expectLines(bench, NAME, [`up Secondary Inconsistent, ${second.name} Connecting Unknown DUnknown Off`, 'down, metadata present']);
          await sh(second, 'drbdadm adjust byhand');
          await expectLines(bench, NAME, [`up Secondary Inconsistent, ${second.name} Connected Secondary Inconsistent Established`, `up Secondary Inconsistent, ${first.name} Connected Secondary Inconsistent Established`]);
          const [one, other] = await both('drbd', 'drift');
          const [a, b] = [one?.replicas.get(NAME), other?.replicas.get(NAME)];
          assert.deepEqual([a?.minor, a?.adjust, b?.adjust, a?.sizeBytes === b?.sizeBytes], [MINOR, [], [], true]);
          assert.ok(a?.sizeBytes !== undefined && a.sizeBytes > 31 * 2 ** 20 && a.sizeBytes < 32 * 2 ** 20, `size ${String(a?.sizeBytes)}`);
          assert.equal(generationsOf(one, other), 'new');
          assert.match(notInSync({ resource: NAME, nodes: [first.name, second.name] }, { storageNodes: await bench.facts('drbd', 'drift') }) ?? '', /Inconsistent/);
        },
      },
      {
        name: 'a resync', play: async () => {
          await sh(first, 'drbdadm primary --force byhand');
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} Connected Secondary Inconsistent SyncSource`, `up Secondary Inconsistent, ${first.name} Connected Primary UpToDate SyncTarget`]);
          const [one, other] = await both('drbd', 'drift');
          for (const fact of [one, other]) {
            const [peer] = fact?.replicas.get(NAME)?.peers ?? [];
            assert.ok(peer && peer.outOfSyncBytes > 0 && peer.outOfSyncBytes <= 32 * 2 ** 20, `out of sync ${String(peer?.outOfSyncBytes)}`);
            assert.ok(peer.donePercent !== undefined && peer.donePercent > 0 && peer.donePercent < 100, `done ${String(peer.donePercent)}`);
          }
          assert.ok((one?.replicas.get(NAME)?.peers[0]?.secondsLeft ?? 0) > 0 || (other?.replicas.get(NAME)?.peers[0]?.secondsLeft ?? 0) > 0);
        },
      },
      {
        name: 'UpToDate on both', play: async () => {
          await install(QUICK);
          const [drifted] = await both('drbd', 'drift');
          assert.ok((drifted?.replicas.get(NAME)?.adjust ?? []).some((command) => command.includes('resync-rate')), 'the drift of the rate is seen');
          await shBoth('drbdadm adjust byhand');
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Primary UpToDate Established`]);
          assert.equal(notInSync({ resource: NAME, nodes: [first.name, second.name] }, { storageNodes: await bench.facts('drbd', 'drift') }), undefined);
          const [one, other] = await both('drbd', 'drift');
          assert.deepEqual([one?.replicas.get(NAME)?.adjust, one?.replicas.get(NAME)?.peers[0]?.outOfSyncBytes, generationsOf(one, other)], [[], 0, 'same']);
        },
      },
      {
        name: 'the line is cut, and healed', play: async () => {
          lab.link.cut();
          await write(bench, first, DEVICE, 1);
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} Connecting Unknown DUnknown Off`, `up Secondary UpToDate, ${first.name} Connecting Unknown DUnknown Off`]);
          const [one, other] = await both('drbd', 'drift');
          assert.ok((one?.replicas.get(NAME)?.peers[0]?.outOfSyncBytes ?? 0) >= 2 ** 20);
          assert.equal(generationsOf(one, other), 'first-newer');
          assert.equal(split({ resource: NAME, nodes: [first.name, second.name] }, { storageNodes: await bench.facts('drbd', 'drift') }), undefined);
          lab.link.heal();
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Primary UpToDate Established`]);
        },
      },
      {
        name: 'StandAlone without a split brain', play: async () => {
          await sh(first, 'drbdadm disconnect byhand');
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} StandAlone Unknown DUnknown Off`, `up Secondary UpToDate, ${first.name} Connecting Unknown DUnknown Off`]);
          const facts = await bench.facts('drbd', 'drift');
          assert.deepEqual(splitsOf(NAME, [first.name, second.name], facts), []);
          assert.ok((facts.get(first.name)?.replicas.get(NAME)?.adjust?.length ?? 0) > 0, 'adjust would connect');
          await sh(first, 'drbdadm adjust byhand');
          await expectLines(bench, NAME, [`up Primary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Primary UpToDate Established`]);
        },
      },
      {
        name: 'a split brain, known before the line heals', play: async () => {
          lab.link.cut();
          await write(bench, first, DEVICE, 1);
          await until(async () => ((await lines(bench, NAME))[1].includes('Connecting') ? undefined : 'the cut is not noticed'), 180_000);
          await sh(second, 'drbdadm primary byhand');
          await write(bench, second, DEVICE, 1, 2);
          const [found] = splitsOf(NAME, [first.name, second.name], await bench.facts('drbd', 'drift'));
          assert.deepEqual(found?.nodes, [first.name, second.name]);
          event = found.id;
          lab.link.heal();
          await until(async () => ((await lines(bench, NAME)).some((told) => told.includes('StandAlone')) ? undefined : 'no side is StandAlone'), 180_000);
          assert.equal(splitsOf(NAME, [first.name, second.name], await bench.facts('drbd', 'drift'))[0]?.id, event, 'the same event after the handshake');
        },
      },
      {
        name: 'one node is off', play: async () => {
          await lab.powerOff(second);
          const [one, other] = await both('drbd', 'drift');
          assert.match(line(one, NAME), /^up Primary UpToDate/);
          assert.match(line(other, NAME), /^unread: /);
          assert.match(split({ resource: NAME, nodes: [first.name, second.name] }, { storageNodes: await bench.facts('drbd', 'drift') }) ?? '', new RegExp(`^${second.name}: `));
        },
      },
      {
        name: 'it is back, and the split brain still known', play: async () => {
          await lab.start(second);
          await until(async () => ((await lines(bench, NAME))[1].startsWith('unread') ? 'it does not tell' : undefined), 180_000);
          const [, other] = await both('drbd', 'drift');
          assert.equal(line(other, NAME), 'down, metadata present');
          assert.equal(splitsOf(NAME, [first.name, second.name], await bench.facts('drbd', 'drift'))[0]?.id, event);
        },
      },
      {
        name: 'a file that drbdadm refuses', play: async () => {
          await sh(first, 'echo "recource broken {}" > /etc/drbd.d/broken.res');
          const [one] = await both('drbd', 'drift');
          assert.equal(one?.unread, undefined);
          assert.ok(one?.configTrouble !== undefined && one.configTrouble !== '', 'it is told');
          assert.match(line(one, NAME), /^up Primary UpToDate/);
          assert.equal(one?.replicas.get(NAME)?.adjust, undefined);
          await sh(first, 'rm /etc/drbd.d/broken.res');
        },
      },
      ...(isNine ? [] : [{
        name: 'without the module', play: async () => {
          await sh(second, 'modprobe -r drbd');
          const [, other] = await both('drbd', 'drift');
          assert.deepEqual([other?.unread, other?.drbdVersion, other?.replicas.size], [undefined, undefined, 0]);
          await sh(second, 'modprobe drbd');
        },
      }]),
    ];
  },
};

function resText({ first, second, drbd }: Bench, disk: string): string {
  const on = ({ name, replication }: Bench['first'], id: number) => `  on ${name} { ${drbd.startsWith('9') ? `node-id ${id}; ` : ''}address ${replication}:7790; device ${DEVICE} minor ${MINOR}; disk /dev/pve/byhand; meta-disk internal; }\n`;
  return `resource ${NAME} {\n  net { protocol C; }\n  ${drbd.startsWith('9') ? 'options { auto-promote no; }\n  ' : ''}${disk}\n${on(first, 0)}${on(second, 1)}}\n`;
}

function generationsOf(one: Parameters<typeof line>[0], other: Parameters<typeof line>[0]): string {
  const [a] = one?.replicas.get(NAME)?.generations ?? [];
  const [b] = other?.replicas.get(NAME)?.generations ?? [];
  return a && b ? lineage(a, b) : 'untold';
}

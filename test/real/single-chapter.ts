// One writer, and what can go wrong: a cut line, a disk that changes what it holds, a split brain that DRBD itself mends, a node that dies, a disk that dies.
import assert from 'node:assert/strict';
import { digest, expectLines, lines, until, write } from './bench.ts';
import type { Bench, Chapter } from './bench.ts';
import { outline } from '../harness/real-rounds.ts';
import { openProduct } from './product.ts';

const NAME = 'single';
const BACKING = `/dev/pve/${NAME}`;
const MIB = 32;
/** Enough of the device to be sure, and short of DRBD's own data at its end. */
const SEEN_MIB = 31;

export const singleChapter: Chapter = {
  title: 'one writer',
  stories(bench) {
    const { first, second, lab, sh, shBoth } = bench;
    const product = openProduct(bench);
    const manifest = (...more: readonly string[]) => manifestOf(bench, more);
    const [SLOW, QUICK] = ['resyncRate: 1M', 'resyncRate: 40M'];
    const policies = 'splitBrain: { noPrimaries: discard-zero-changes }';
    const rest: readonly [string, string] = [`up Secondary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Secondary UpToDate Established`];
    const written: readonly [string, string] = [`up Primary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Primary UpToDate Established`];
    let [device, data] = ['', ''];
    /** The data that was written last, and all of the device the same on both sides. */
    const expectCopies = async () => {
      const sides = [first, second];
      assert.deepEqual(await Promise.all(sides.map((machine) => digest(bench, machine, BACKING, 4))), [data, data], 'the data on both sides');
      const [one, other] = await Promise.all(sides.map((machine) => digest(bench, machine, BACKING, SEEN_MIB)));
      assert.equal(one, other, 'both copies are the same');
    };
    const cutNoticed = () => until(async () => ((await lines(bench, NAME)).every((told) => / Connecting /.test(told)) ? undefined : 'the cut is not noticed'), 180_000);
    return [
      {
        name: 'from nothing, on disks that held something before, copied once from one node', play: async () => {
          await shBoth(`lvcreate -q -y -Wn -Zn -n before -L ${MIB}M pve > /dev/null; yes "$(cut -c1-17 /proc/sys/kernel/random/uuid)" | head -c ${MIB}M | dd of=/dev/pve/before bs=1M iflag=fullblock oflag=direct status=none; lvremove -q -y pve/before > /dev/null`);
          await product.settle(manifest(QUICK, policies, `initialSync: { from: ${first.name} }`));
          await expectLines(bench, NAME, rest);
          device = `/dev/drbd${(await bench.facts()).get(first.name)?.replicas.get(NAME)?.minor ?? '?'}`;
          await sh(first, `drbdadm primary ${NAME}`);
          data = await write(bench, first, device, 4);
          await expectCopies();
        },
      },
      {
        name: 'the line is cut while one writes, and heals', play: async () => {
          lab.link.cut();
          data = await write(bench, first, device, 4);
          await cutNoticed();
          const plan = await product.plan(manifest(QUICK, policies));
          assert.deepEqual(plan.changes.filter(({ ref }) => ref.name === NAME).flatMap(({ steps }) => steps).map(({ title }) => title), [], `nothing to do but to wait:\n${outline(plan)}`);
          lab.link.heal();
          await expectLines(bench, NAME, written, 180_000);
          await product.expectInSync(manifest(QUICK, policies));
          await expectCopies();
        },
      },
      {
        name: 'what a disk changed by itself is found when the schedule says so, told, and copied anew', play: async () => {
          // Past DRBD, as a disk does it that is going bad.
          await sh(second, 'head -c 64K /dev/urandom > /tmp/rot; dd if=/tmp/rot of="$1" bs=64k seek=128 oflag=direct conv=notrunc,fsync status=none; rm /tmp/rot', BACKING);
          const scheduled = (more = '') => manifest(QUICK, policies, `verify: { algorithm: sha1, schedule: "0 0 1 1 *"${more} }`);
          let told = '';
          await until(async () => {
            const [change] = (await product.apply(scheduled())).changes.filter(({ ref }) => ref.name === NAME);
            told = change?.notes.join('; ') ?? '';
            return change?.steps.length === 0 && !told.includes('being compared') ? undefined : `${change?.steps.map(({ title }) => title).join(', ') ?? 'nothing is planned'}; ${told}`;
          }, 180_000);
          assert.match(told, /^64 KiB differ between .* and .*repair: true copies/);
          await product.settle(scheduled(', repair: true'));
          await expectLines(bench, NAME, written);
          await expectCopies();
          await product.settle(manifest(QUICK, policies));
        },
      },
      {
        name: 'a split brain that DRBD mends itself: one side changed nothing', play: async () => {
          lab.link.cut();
          data = await write(bench, first, device, 4);
          await cutNoticed();
          await sh(second, `drbdadm primary ${NAME} && drbdadm secondary ${NAME}`);
          await sh(first, `drbdadm secondary ${NAME}`);
          lab.link.heal();
          await expectLines(bench, NAME, rest, 180_000);
          await product.expectInSync(manifest(QUICK, policies));
          await expectCopies();
        },
      },
      {
        name: 'a node dies during a resync, and comes back', play: async () => {
          await product.settle(manifest(SLOW, policies));
          lab.link.cut();
          await sh(first, `drbdadm primary ${NAME}`);
          await write(bench, first, device, MIB - 12, 8);
          data = await write(bench, first, device, 4);
          await cutNoticed();
          lab.link.heal();
          await until(async () => ((await lines(bench, NAME))[0].includes('SyncSource') ? undefined : 'no resync'), 180_000);
          const during = await product.plan(manifest(SLOW, policies));
          assert.match(JSON.stringify(during), /resync/, 'a plan tells of the resync');
          await product.powerOff(second);
          const alone = await product.plan(manifest(QUICK, policies));
          const free = alone.changes.filter(({ ref, hold }) => ref.name === NAME && hold === undefined).flatMap(({ steps }) => steps).filter(({ hold }) => hold === undefined);
          assert.deepEqual(free, [], `nothing is done while a node does not tell:\n${outline(alone)}`);
          await product.start(second);
          await product.settle(manifest(QUICK, policies));
          await expectLines(bench, NAME, written);
          await expectCopies();
        },
      },
      {
        name: 'a disk is replaced', play: async () => {
          await product.powerOff(second);
          data = await write(bench, first, device, 4);
          await lab.replaceDisk(second, 'vdb');
          await product.start(second);
          await sh(second, 'vgcreate -q -y pve /dev/vdb > /dev/null');
          await product.settle(manifest(QUICK, policies));
          await expectLines(bench, NAME, written);
          await expectCopies();
        },
      },
      {
        name: 'what a manifest releases stays as it is', play: async () => {
          await product.settle('');
          await expectLines(bench, NAME, written);
          await expectCopies();
        },
      },
    ];
  },
};

function manifestOf({ first, second }: Bench, more: readonly string[]): string {
  return `apiVersion: latido/v1
kind: DrbdResource
metadata: { name: ${NAME} }
spec:
  size: ${MIB}M
  nodes:
    ${first.name}: { address: "${first.replication}:7789", volumeGroup: pve }
    ${second.name}: { address: "${second.replication}:7789", volumeGroup: pve }
${more.map((each) => `  ${each}\n`).join('')}`;
}

// Two writers and LVM on top, as Proxmox uses it: from nothing, through a split brain that a person decides in Git, to nothing again.
import assert from 'node:assert/strict';
import type { Plan } from '../../controller/model/plan.ts';
import { digest, expectLines, line, lines, until, write } from './bench.ts';
import type { Bench, Chapter } from './bench.ts';
import { outline } from '../harness/real-rounds.ts';
import { openProduct } from './product.ts';

const NAME = 'shared';
const GROUP = 'drbdvg';
const [ONE, TWO] = [`/dev/${GROUP}/one`, `/dev/${GROUP}/two`];
const RATE = 'resyncRate: 40M';

export const sharedChapter: Chapter = {
  title: 'shared storage on two writers',
  stories(bench) {
    const { first, second, lab, sh, shBoth } = bench;
    const product = openProduct(bench);
    const inSync: readonly [string, string] = [`up Primary UpToDate, ${second.name} Connected Primary UpToDate Established`, `up Primary UpToDate, ${first.name} Connected Primary UpToDate Established`];
    const manifest = (size: string, ...more: readonly string[]) => manifestOf(bench, size, more);
    let [one, two, event] = ['', '', ''];
    /** Both volumes, as each node reads them. */
    const expectData = async () => {
      await shBoth(`lvchange -ay ${GROUP}/one ${GROUP}/two`);
      for (const machine of [first, second]) assert.deepEqual(await Promise.all([digest(bench, machine, ONE, 4), digest(bench, machine, TWO, 4)]), [one, two], `the data as ${machine.name} reads it`);
    };
    return [
      {
        name: 'from nothing to UpToDate, with LVM and storage on top', play: async () => {
          const plan = await product.settle(manifest('32M'));
          assert.deepEqual(plan.changes.filter(({ ref }) => ref.name === NAME).map(({ verb }) => verb), ['create']);
          await expectLines(bench, NAME, inSync);
          assert.ok('mirrored' in product.storages(), 'the storage of Proxmox is there');
          await sh(first, `lvcreate -q -y -n one -L 4M ${GROUP} > /dev/null; lvcreate -q -y -n two -L 4M ${GROUP} > /dev/null`);
          one = await write(bench, first, ONE, 4);
          two = await write(bench, first, TWO, 4);
          await expectData();
        },
      },
      {
        name: 'options are changed', play: async () => {
          await product.settle(manifest('32M', RATE, 'verify: { algorithm: sha1 }', 'splitBrain: { noPrimaries: discard-zero-changes }'));
          for (const shown of await shBoth(`drbdsetup show ${NAME}`)) for (const option of [/resync-rate\s+40960k/, /verify-alg\s+"sha1"/, /after-sb-0pri\s+discard-zero-changes/]) assert.match(shown, option);
          await product.settle(manifest('32M', RATE));
          for (const shown of await shBoth(`drbdsetup show ${NAME}`)) assert.doesNotMatch(shown, /verify-alg|after-sb-0pri/);
          await expectData();
        },
      },
      {
        name: 'what a person changed by hand is seen and undone', play: async () => {
          await sh(second, `sed -i s/40M/3M/ /etc/drbd.d/${NAME}.res && drbdadm adjust ${NAME}`);
          const plan = await product.settle(manifest('32M', RATE));
          assert.match(outline(plan), /write \/etc\/drbd\.d\/shared\.res on/);
          assert.match(await sh(second, `drbdsetup show ${NAME}`), /resync-rate\s+40960k/);
        },
      },
      {
        name: 'it grows, while it is in use', play: async () => {
          const before = (await bench.facts()).get(first.name)?.physical.find(({ group }) => group === GROUP)?.sizeBytes ?? 0;
          await product.settle(manifest('64M', RATE));
          const after = (await bench.facts()).get(first.name)?.physical.find(({ group }) => group === GROUP)?.sizeBytes ?? 0;
          assert.ok(after - before >= 28 * 2 ** 20, `LVM had ${before} and has ${after} bytes`);
          await expectLines(bench, NAME, inSync);
          await expectData();
        },
      },
      {
        name: 'a split brain is held, before and after the line heals', play: async () => {
          await shBoth(`vgchange -an ${GROUP}`);
          await sh(first, `lvchange -ay ${GROUP}/one`);
          await sh(second, `lvchange -ay ${GROUP}/two`);
          lab.link.cut();
          await until(async () => ((await lines(bench, NAME)).every((told) => / Connecting /.test(told)) ? undefined : 'the cut is not noticed'), 180_000);
          one = await write(bench, first, ONE, 4);
          await write(bench, second, TWO, 4);
          event = eventOf(await product.plan(manifest('64M', RATE)));
          lab.link.heal();
          await until(async () => ((await lines(bench, NAME)).some((told) => / StandAlone /.test(told)) ? undefined : 'no side is StandAlone'), 180_000);
          const plan = await product.plan(manifest('64M', 'resyncRate: 30M'));
          assert.equal(eventOf(plan), event, 'the same event after the handshake');
          const untouched = plan.changes.filter(({ ref }) => ref.name === NAME).flatMap(({ steps }) => steps).filter(({ hold }) => hold === undefined);
          assert.deepEqual(untouched, [], 'every step of it is held');
        },
      },
      {
        name: 'another event is not this one', play: async () => {
          const plan = await product.plan(manifest('64M', RATE, `resolveSplitBrain: { discard: ${second.name}, event: 01234567-89abcdef }`));
          assert.equal(eventOf(plan), event);
        },
      },
      {
        name: 'a person names the victim in Git, and it is in sync', play: async () => {
          await product.settle(manifest('64M', RATE, `resolveSplitBrain: { discard: ${second.name}, event: ${event} }`));
          await expectLines(bench, NAME, inSync);
          // What the victim wrote is gone, what the other one wrote is on both.
          await expectData();
          await product.settle(manifest('64M', RATE));
        },
      },
      {
        name: 'it is not removed under what is on it', play: async () => {
          await shBoth(`vgchange -an ${GROUP}`);
          await product.settle(manifest('64M', RATE, 'reclaim: delete'));
          const held = (await product.plan('')).changes.find(({ ref }) => ref.name === NAME)?.steps.map(({ hold }) => hold?.code);
          assert.deepEqual([...new Set(held)], ['REFERENCED']);
        },
      },
      {
        name: 'it leaves Git and is removed', play: async () => {
          await sh(first, `lvremove -q -y ${GROUP}/one ${GROUP}/two`);
          const plan = await product.settle('');
          assert.ok(plan.changes.some(({ verb, ref }) => verb === 'delete' && ref.name === NAME));
          for (const fact of (await bench.facts()).values()) assert.deepEqual([line(fact, NAME), fact.volumes, fact.resFiles.size, fact.groups.map(({ name }) => name)], ['none', [], 0, ['pve']]);
          assert.ok(!('mirrored' in product.storages()));
        },
      },
    ];
  },
};

function manifestOf({ first, second }: Bench, size: string, more: readonly string[]): string {
  return `apiVersion: latido/v1
kind: DrbdResource
metadata: { name: ${NAME} }
spec:
  size: ${size}
  dualPrimary: true
  nodes:
    ${first.name}: { address: "${first.replication}:7788", volumeGroup: pve }
    ${second.name}: { address: "${second.replication}:7788", volumeGroup: pve }
  storage: { id: mirrored, volumeGroup: ${GROUP} }
${more.map((each) => `  ${each}\n`).join('')}`;
}

/** As the plan tells a person. */
function eventOf(plan: Plan): string {
  const hold = plan.changes.find(({ ref }) => ref.name === NAME)?.steps.find((step) => step.hold?.code === 'SPLIT_BRAIN')?.hold;
  const [, event] = /\bevent ([0-9a-f]{8}-[0-9a-f]{8}): /.exec(hold?.reason ?? '') ?? [];
  assert.ok(event !== undefined, `no split brain is told:\n${outline(plan)}`);
  return event;
}

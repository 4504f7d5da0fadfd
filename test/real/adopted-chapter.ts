// A resource that an administrator made, following the handbook of DRBD: taken over as it is, and at last removed.
import assert from 'node:assert/strict';
import { digest, expectLines, line, write } from './bench.ts';
import type { Bench, Chapter } from './bench.ts';
import { outline } from '../harness/real-rounds.ts';
import { openProduct } from './product.ts';

const NAME = 'older';
const DEVICE = '/dev/drbd4';

export const adoptedChapter: Chapter = {
  title: 'made by hand',
  stories(bench) {
    const { first, second, sh, shBoth } = bench;
    const product = openProduct(bench);
    const inUse: readonly [string, string] = [`up Primary UpToDate, ${second.name} Connected Secondary UpToDate Established`, `up Secondary UpToDate, ${first.name} Connected Primary UpToDate Established`];
    let data = '';
    const expectCopies = async () => assert.deepEqual(await Promise.all([first, second].map((machine) => digest(bench, machine, `/dev/pve/${NAME}`, 4))), [data, data], 'the data on both sides');
    return [
      {
        name: 'it is adopted, and stays as it is', play: async () => {
          await shBoth(`lvcreate -q -y -Wy -n ${NAME} -L 32M pve > /dev/null; printf "%s" "$1" > /etc/drbd.d/${NAME}.res; drbdadm create-md ${NAME} < /dev/null; drbdadm up ${NAME}`, byHand(bench));
          await sh(first, `drbdadm wait-connect ${NAME}; drbdadm ${bench.drbd.startsWith('9') ? `new-current-uuid --clear-bitmap ${NAME}/0` : `-- --clear-bitmap new-current-uuid ${NAME}`}; drbdadm primary ${NAME}`);
          data = await write(bench, first, DEVICE, 4);
          await expectLines(bench, NAME, inUse);
          const plan = await product.settle(manifestOf(bench, 'resyncRate: 40M'));
          assert.deepEqual(plan.changes.filter(({ ref }) => ref.name === NAME).map(({ verb }) => verb), ['adopt'], outline(plan));
          // Another name of the same disk would make drbdadm detach it.
          assert.doesNotMatch(outline(plan), /detach/);
          await expectLines(bench, NAME, inUse);
          await expectCopies();
        },
      },
      {
        name: 'it leaves Git with its data, but for the volumes that latido did not make', play: async () => {
          await product.settle(manifestOf(bench, 'resyncRate: 40M', 'reclaim: delete'));
          await product.settle('');
          for (const fact of (await bench.facts()).values()) assert.deepEqual([line(fact, NAME), fact.resFiles.size, fact.volumes.map(({ name }) => name)], ['none', 0, [NAME]]);
        },
      },
    ];
  },
};

function manifestOf({ first, second }: Bench, ...more: readonly string[]): string {
  return `apiVersion: latido/v1
kind: DrbdResource
metadata: { name: ${NAME} }
spec:
  size: 32M
  nodes:
    ${first.name}: { address: "${first.replication}:7791", volumeGroup: pve }
    ${second.name}: { address: "${second.replication}:7791", volumeGroup: pve }
${more.map((each) => `  ${each}\n`).join('')}`;
}

function byHand({ first, second, drbd }: Bench): string {
  const on = ({ name, replication }: Bench['first'], id: number) => `\ton ${name} {\n${drbd.startsWith('9') ? `\t\tnode-id ${id};\n` : ''}\t\tdevice ${DEVICE};\n\t\tdisk /dev/mapper/pve-${NAME};\n\t\taddress ${replication}:7791;\n\t\tmeta-disk internal;\n\t}\n`;
  return `resource ${NAME} {\n\tprotocol C;\n\t# since the move to the new rack\n\tdisk { resync-rate 10M; c-plan-ahead 0; }\n${on(first, 0)}${on(second, 1)}}\n`;
}

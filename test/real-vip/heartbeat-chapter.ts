// heartbeat, set up, changed, lost and taken away by the product's own plans.
import assert from 'node:assert/strict';
import { ADDRESS, holders, manifest, pinged, pingText, secondsUntil, staysWith, twice } from './bench.ts';
import type { Chapter } from './bench.ts';

const BASE = `address: ${ADDRESS}/24, provider: heartbeat, nodes: { pve1: 150, pve2: 100 }`;
const first = manifest(`${BASE}, advertSeconds: 0.6`);
const changed = manifest(`${BASE}, advertSeconds: 0.7`);
const signed = manifest(`${BASE}, advertSeconds: 0.7, authentication: { secret: vip }`);

export const heartbeatChapter: Chapter = {
  title: 'heartbeat',
  stories({ lab, product }) {
    const standing = async (text: string) => (await product.plan(text)).standings?.find(({ ref }) => ref.kind === 'VirtualIP');
    return [
      {
        name: 'made from nothing: one node has it', play: async () => {
          const started = performance.now();
          await product.settle(first);
          const seconds = (performance.now() - started) / 1000;
          await secondsUntil(lab, ['pve1']);
          await staysWith(lab, 'pve1', 1_000);
          assert.match((await standing(first))?.message ?? '', /^pve1 has 10\.77\.2\.100: pve1 (?:local|all), pve2 /);
          assert.equal(await lab.sh('pve2', 'stat -c %a /etc/ha.d/authkeys'), '600');
          return `after ${seconds.toFixed(1)} s`;
        },
      },
      {
        name: 'a change restarts both, the one that has it last', play: async () => {
          const counted = await pinged(lab, () => product.settle(changed));
          assert.equal((await holders(lab)).length, 1);
          return pingText(counted);
        },
      },
      {
        name: 'its node dies: the other one takes it', play: async () => {
          const [holder = ''] = await holders(lab);
          const other = holder === 'pve1' ? 'pve2' : 'pve1';
          const counted = await pinged(lab, async () => {
            await lab.kill(holder);
            await secondsUntil(lab, [other], 30_000);
          });
          await lab.start(holder);
          await product.settle(changed);
          await staysWith(lab, other, 2_000);
          return pingText(counted);
        },
      },
    ];
  },
};

export const heartbeatAdoptChapter: Chapter = {
  title: 'heartbeat, more',
  stories({ lab, product }) {
    return [
      {
        name: 'one made by hand is taken over, with another key: never two nodes with it', play: async () => {
          for (const name of ['pve1', 'pve2']) {
            await lab.sh(name, `cd /etc/ha.d
printf '%s\\n' 'keepalive 300ms' 'warntime 1' 'deadtime 5' 'initdead 10' 'udpport 694' 'ucast vmbr0 10.77.2.1' 'ucast vmbr0 10.77.2.2' 'auto_failback off' 'node pve1 pve2' 'crm no' > ha.cf
echo 'pve1 IPaddr2::${ADDRESS}/24/vmbr0' > haresources
printf 'auth 1\\n1 sha1 by-hand\\n' > authkeys
chmod 600 authkeys
systemctl start heartbeat`);
          }
          await secondsUntil(lab, ['pve1'], 60_000);
          const counted = await pinged(lab, async () => {
            assert.deepEqual((await product.plan(signed)).changes.map(({ verb }) => verb), ['adopt']);
            assert.equal(await twice(lab, () => product.settle(signed)), 0);
          });
          assert.match(await lab.sh('pve1', 'cat /etc/ha.d/ha.cf.before-latido'), /initdead 10/);
          assert.equal((await holders(lab)).length, 1);
          return pingText(counted);
        },
      },
      {
        name: 'it leaves Git: nothing of it is left', play: async () => {
          await product.settle('');
          assert.deepEqual(await holders(lab), []);
          for (const name of ['pve1', 'pve2']) assert.equal(await lab.sh(name, 'cd /etc/ha.d; ls ha.cf haresources authkeys 2> /dev/null || true; pgrep -x heartbeat || true'), '');
          return undefined;
        },
      },
    ];
  },
};

// keepalived, set up, changed, lost and taken away by the product's own plans.
import assert from 'node:assert/strict';
import { ADDRESS, holders, manifest, pinged, pingText, secondsUntil, staysWith, titles, twice } from './bench.ts';
import type { Chapter } from './bench.ts';

const NODES = 'nodes: { pve1: 150, pve2: 100 }';
const first = manifest(`address: ${ADDRESS}/24, ${NODES}, advertSeconds: 1`);
const changed = manifest(`address: ${ADDRESS}/24, nodes: { pve1: 120, pve2: 100 }, advertSeconds: 0.7`);
const otherId = manifest(`address: ${ADDRESS}/24, nodes: { pve1: 120, pve2: 100 }, advertSeconds: 0.7, virtualRouterId: 77`);
const withSecret = manifest(`address: ${ADDRESS}/24, nodes: { pve1: 120, pve2: 100 }, virtualRouterId: 77, authentication: { secret: vip }`);
const threeNodes = manifest(`address: ${ADDRESS}/24, nodes: { pve1: 120, pve2: 100, pve3: 80 }, virtualRouterId: 77, advertSeconds: 0.7`);
const six = manifest('address: fd00:77::100/64, nodes: { pve1: 120, pve2: 100 }, advertSeconds: 0.7', 'six');

export const keepalivedChapter: Chapter = {
  title: 'keepalived',
  stories({ lab, product }) {
    const standing = async (text: string) => (await product.plan(text)).standings?.find(({ ref }) => ref.kind === 'VirtualIP');
    return [
      {
        name: 'made from nothing: one node has it, the one with the highest priority', play: async () => {
          const plan = await product.settle(first);
          assert.deepEqual(titles(plan).map((title) => title.replace(/,? on pve/, ' on pve')), [
            "write the address into keepalived's configuration, once keepalived finds no fault in it on pve1", 'start keepalived on pve1', `wait until one node has ${ADDRESS}`,
            "write the address into keepalived's configuration, once keepalived finds no fault in it on pve2", 'start keepalived on pve2',
          ]);
          await staysWith(lab, 'pve1', 2_500);
          const told = await standing(first);
          assert.equal(told?.trouble, undefined);
          assert.match(told?.message ?? '', /^pve1 has 10\.77\.2\.100 since 20.*: pve1 MASTER, pve2 BACKUP$/);
          return undefined;
        },
      },
      {
        name: 'priority and interval change where the address is', play: async () => {
          const counted = await pinged(lab, () => product.settle(changed));
          assert.equal(counted.lost, 0, pingText(counted));
          await staysWith(lab, 'pve1', 500);
          return pingText(counted);
        },
      },
      {
        name: 'somebody edits the file: it is drift, and put back without loss', play: async () => {
          await lab.sh('pve2', "sed -i 's/priority 100/priority 200/' /etc/keepalived/conf.d/latido-cluster.conf");
          const plan = await product.plan(changed);
          assert.deepEqual(plan.changes.flatMap(({ fields }) => fields.map(({ path, from, to }) => [path, from, to])), [['nodes.pve2.priority', 200, 100]]);
          const counted = await pinged(lab, () => product.settle(changed));
          assert.equal(counted.lost, 0, pingText(counted));
          return pingText(counted);
        },
      },
      {
        name: 'another router id: never two nodes with it', play: async () => {
          const counted = await pinged(lab, async () => assert.equal(await twice(lab, () => product.settle(otherId)), 0));
          await staysWith(lab, 'pve1', 1_500);
          return pingText(counted);
        },
      },
      {
        name: 'its node dies: the other one takes it, and keeps it when the first is back', play: async () => {
          const counted = await pinged(lab, async () => {
            await lab.kill('pve1');
            await secondsUntil(lab, ['pve2'], 30_000);
          });
          assert.match((await product.plan(otherId)).changes.find(({ ref }) => ref.kind === 'VirtualIP')?.hold?.reason ?? '', /pve1 is down/);
          await lab.start('pve1');
          await product.settle(otherId);
          await staysWith(lab, 'pve2', 1_500);
          return `taken over: ${pingText(counted)}`;
        },
      },
      {
        name: 'a cable is pulled: the other one takes it', play: async () => {
          const started = performance.now();
          await lab.unplug('pve2');
          await secondsUntil(lab, ['pve1'], 30_000);
          const seconds = (performance.now() - started) / 1000;
          assert.match((await standing(otherId))?.message ?? '', /pve2 FAULT/);
          await lab.heal('pve2');
          await staysWith(lab, 'pve1', 1_500);
          return `after ${seconds.toFixed(2)} s`;
        },
      },
      {
        name: 'the line is cut: both have it, which is told; healed, one has it again', play: async () => {
          await lab.isolate('pve2');
          await secondsUntil(lab, ['pve1', 'pve2'], 30_000);
          const told = await standing(otherId);
          assert.equal(told?.trouble, 'TwoHolders');
          await lab.heal('pve2');
          const seconds = await secondsUntil(lab, ['pve1'], 30_000);
          await staysWith(lab, 'pve1', 1_500);
          assert.equal((await standing(otherId))?.trouble, undefined);
          return `one again after ${seconds.toFixed(2)} s`;
        },
      },
      {
        name: 'killed by force it leaves nobody: told, and started again by the next plan', play: async () => {
          for (const name of ['pve2', 'pve1']) await lab.sh(name, 'pkill -9 -x keepalived; ip addr del 10.77.2.100/24 dev vmbr0 2> /dev/null || true');
          assert.equal((await standing(otherId))?.trouble, 'NoHolder');
          await product.settle(otherId);
          const [holder = ''] = await holders(lab);
          await staysWith(lab, holder, 1_000);
          return undefined;
        },
      },
      {
        name: 'a third node comes and goes', play: async () => {
          const came = await pinged(lab, () => product.settle(threeNodes));
          assert.equal(came.lost, 0, pingText(came));
          const left = await pinged(lab, () => product.settle(otherId));
          assert.equal(left.lost, 0, pingText(left));
          assert.equal(await lab.sh('pve3', 'ls /etc/keepalived/conf.d; pgrep -x keepalived || true'), '');
          return pingText(left);
        },
      },
    ];
  },
};

export const keepalivedSecretsChapter: Chapter = {
  title: 'keepalived, more',
  stories({ lab, product }) {
    return [
      {
        name: 'one made by hand is taken over without loss', play: async () => {
          for (const [name, priority, source, peer] of [['pve1', 150, 1, 2], ['pve2', 100, 2, 1]] as const) {
            await lab.sh(name, `mkdir -p /etc/keepalived; cat > /etc/keepalived/keepalived.conf <<'E'
global_defs {
    router_id ${name}
}
vrrp_instance by_hand {
    state BACKUP
    nopreempt
    interface vmbr0
    virtual_router_id 100
    priority ${priority}
    version 3
    advert_int 0.5
    unicast_src_ip 10.77.2.${source}
    unicast_peer {
        10.77.2.${peer}
    }
    virtual_ipaddress {
        ${ADDRESS}/24
    }
}
E
systemctl start keepalived`);
            if (name === 'pve1') await secondsUntil(lab, ['pve1']);
          }
          const counted = await pinged(lab, async () => {
            const plan = await product.settle(first);
            assert.deepEqual(plan.changes.map(({ verb }) => verb), ['adopt']);
          });
          assert.equal(counted.lost, 0, pingText(counted));
          assert.match(await lab.sh('pve1', 'cat /etc/keepalived/keepalived.conf.before-latido'), /by_hand/);
          await staysWith(lab, 'pve1', 1_000);
          return pingText(counted);
        },
      },
      {
        name: 'authentication, and another secret', play: async () => {
          const [before = ''] = await holders(lab);
          await product.settle(withSecret);
          await staysWith(lab, before, 3_500);
          assert.equal(await lab.sh('pve1', 'grep auth_pass /etc/keepalived/conf.d/latido-cluster.conf; stat -c %a /etc/keepalived/conf.d/latido-cluster.conf'), 'auth_pass secret-1\n600');
          const plan = await product.settle(withSecret.replace('secret: vip', 'secret: vip2'));
          assert.ok(plan.changes.some(({ fields }) => fields.some(({ path }) => path === 'nodes.pve1.authentication')));
          await staysWith(lab, before, 3_500);
          assert.doesNotMatch(JSON.stringify(plan), /secret-[12]/);
          return undefined;
        },
      },
      {
        name: 'an IPv6 address beside it', play: async () => {
          for (const name of lab.names) await lab.sh(name, `ip addr add fd00:77::${name.slice(-1)}/64 dev vmbr0 nodad`);
          await product.settle(`${withSecret.replace('secret: vip', 'secret: vip2')}---\n${six}`);
          const seconds = await secondsUntil(lab, ['pve1'], 30_000, 'fd00:77::100');
          await staysWith(lab, 'pve1', 1_000, 'fd00:77::100');
          await product.settle(withSecret.replace('secret: vip', 'secret: vip2'));
          assert.deepEqual(await holders(lab, 'fd00:77::100'), []);
          assert.equal((await holders(lab)).length, 1);
          return `after ${seconds.toFixed(2)} s`;
        },
      },
      {
        name: 'it leaves Git: nothing of it is left', play: async () => {
          const plan = await product.settle('');
          assert.deepEqual(plan.changes.map(({ verb, ref }) => [verb, ref.name]), [['delete', 'cluster']]);
          assert.deepEqual(await holders(lab), []);
          for (const name of ['pve1', 'pve2']) assert.equal(await lab.sh(name, 'ls /etc/keepalived/conf.d /etc/keepalived/keepalived.conf 2> /dev/null || true; pgrep -x keepalived || true'), '/etc/keepalived/conf.d:');
          return undefined;
        },
      },
    ];
  },
};

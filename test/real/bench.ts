// What the stories share: the machines, a hand on each, the facts as the product reads them, and the product itself.
import assert from 'node:assert/strict';
import { realClock } from '../../controller/env/clock.ts';
import type { SshDoor } from '../../controller/env/ssh.ts';
import type { NodeStorageFact, ReplicaFact } from '../../controller/model/node-facts.ts';
import { readNodes } from '../../controller/observe/node-reads.ts';
import type { Part } from '../../controller/observe/node-reads.ts';
import type { Lab, Machine } from './machines.ts';

/** By hand; generous, because the machines have no processor of their own. */
const HAND_MS = 120_000;
/** A look costs the machines more than the time in between. */
const LOOK_MS = 2_500;

export interface Bench {
  readonly lab: Lab;
  readonly first: Machine;
  readonly second: Machine;
  /** The product's own way in. */
  readonly ssh: SshDoor;
  /** `8.4.11` */
  readonly drbd: string;
  /** Runs a script by hand, `$1` and so on being the arguments; answers what it printed. */
  sh(machine: Machine, script: string, ...args: readonly string[]): Promise<string>;
  /** The same on both. */
  shBoth(script: string, ...args: readonly string[]): Promise<readonly [string, string]>;
  facts(...parts: readonly Part[]): Promise<ReadonlyMap<string, NodeStorageFact>>;
}

export interface Story {
  readonly name: string;
  play(): Promise<void>;
}
/** Stories in order, each going on where the one before ended. */
export interface Chapter {
  readonly title: string;
  stories(bench: Bench): readonly Story[];
}

/** @param trace told of every command with its exit code and time */
export async function openBench(lab: Lab, trace?: (line: string) => void): Promise<Bench> {
  const [first, second] = lab.machines;
  const ssh = trace ? traced(lab.ssh(), trace) : lab.ssh();
  const sh = async ({ name }: Machine, script: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await ssh.run(name, ['bash', '-ec', script, 'hand', ...args], { timeoutMs: HAND_MS });
    assert.equal(code, 0, `by hand on ${name}: ${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  return {
    lab, first, second, ssh, sh, drbd: await sh(first, 'cat /sys/module/drbd/version'),
    shBoth: (script, ...args) => Promise.all([sh(first, script, ...args), sh(second, script, ...args)]),
    facts: (...parts) => readNodes(ssh, [first.name, second.name], ...(parts.length === 0 ? [] : [new Set(parts)])),
  };
}

function traced(ssh: SshDoor, trace: (line: string) => void): SshDoor {
  const shown = (argv: readonly string[]) => argv.slice(0, 12).join(' ').replaceAll(/\s+/g, ' ').slice(0, 120);
  return {
    ...ssh,
    run: async (node, argv, options) => {
      const started = realClock.now();
      const result = await ssh.run(node, argv, options);
      trace(`${realClock.now() - started} ms  ${result.code}  ${node}: ${shown(argv)}`);
      return result;
    },
    runAll: async (node, argvs, options) => {
      const started = realClock.now();
      const results = await ssh.runAll(node, argvs, options);
      trace(`${realClock.now() - started} ms  ${node}, one session:`);
      for (const [at, argv] of argvs.entries()) trace(`    ${results[at]?.code}  ${shown(argv)}`);
      return results;
    },
  };
}

/** Waits until `look` finds nothing more to say against it. */
export async function until(look: () => Promise<string | undefined>, timeoutMs: number): Promise<void> {
  const deadline = realClock.now() + timeoutMs;
  for (;;) {
    const why = await look();
    if (why === undefined) return;
    if (realClock.now() > deadline) assert.fail(`after ${timeoutMs / 1000} s still: ${why}`);
    await realClock.sleep(LOOK_MS);
  }
}

/** One replica as a line: `up Primary UpToDate, pve2 Connected Secondary UpToDate Established`. */
export function line(fact: NodeStorageFact | undefined, resource: string): string {
  if (!fact) return 'was not asked';
  if (fact.unread !== undefined) return `unread: ${fact.unread}`;
  const replica = fact.replicas.get(resource);
  return replica ? replicaLine(replica) : 'none';
}

function replicaLine({ isUp, role, disk, peers, metadata }: ReplicaFact): string {
  if (!isUp) return `down, metadata ${metadata}`;
  return [`up ${role} ${disk}`, ...peers.map((peer) => `${peer.name} ${peer.connection} ${peer.role} ${peer.disk} ${peer.replication}`)].join(', ');
}

export async function lines(bench: Bench, resource: string): Promise<readonly [string, string]> {
  const facts = await bench.facts('drbd');
  return [line(facts.get(bench.first.name), resource), line(facts.get(bench.second.name), resource)];
}

/** Waits until both tell this of themselves; states between two others pass by. */
export async function expectLines(bench: Bench, resource: string, expected: readonly [string, string], timeoutMs = 180_000): Promise<void> {
  await until(async () => {
    const told = await lines(bench, resource);
    return told[0] === expected[0] && told[1] === expected[1] ? undefined : `\n  told     ${told.join('\n           ')}\n  expected ${expected.join('\n           ')}`;
  }, timeoutMs);
}

/** The digest of the first bytes of a device, past all caches. */
export function digest(bench: Bench, machine: Machine, device: string, mib: number): Promise<string> {
  return bench.sh(machine, 'dd if="$1" bs=1M count="$2" iflag=direct status=none | md5sum | cut -d" " -f1', device, String(mib));
}

/** Writes what was never there before; a generator of random bytes would take an imitated processor far longer. Answers its digest. */
export async function write(bench: Bench, machine: Machine, device: string, mib: number, atMib = 0): Promise<string> {
  return bench.sh(machine, 'yes "$(cut -c1-17 /proc/sys/kernel/random/uuid)" | head -c "$2"M > /tmp/data; dd if=/tmp/data of="$1" bs=1M seek="$3" oflag=direct conv=fsync,notrunc status=none; md5sum < /tmp/data | cut -d" " -f1; rm /tmp/data', device, String(mib), String(atMib));
}

/** Machines as they were: nothing of DRBD, and an empty volume group `pve` on the first disk. */
export async function wipe(bench: Bench): Promise<void> {
  await bench.shBoth(`
    rm -f /etc/lvm/lvmlocal.conf
    open='devices { global_filter = [ "a|.*|" ] }'
    for group in $(vgs --noheadings -o vg_name --config "$open" 2> /dev/null); do [ "$group" = pve ] || vgchange -an --config "$open" "$group" || true; done
    for resource in $(drbdsetup events2 --now 2> /dev/null | sed -n 's/^exists resource name:\\([^ ]*\\).*/\\1/p'); do drbdsetup secondary "$resource" 2> /dev/null || drbdsetup secondary 0 || true; drbdsetup down "$resource"; done
    rm -f /etc/drbd.d/*.res* /etc/lvm/latido*
    vgremove -ff -y --config "$open" pve > /dev/null 2>&1 || true
    for disk in /dev/vdb /dev/vdc; do blkdiscard -f "$disk"; done
    vgcreate -q -y --config "$open" pve /dev/vdb > /dev/null`);
}

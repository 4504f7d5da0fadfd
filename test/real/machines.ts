// Two small machines with a real kernel and its real drbd module. In: the image. Out: machines that answer over ssh, with two empty
// disks each and one line between them. They end with this process, however it ends.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { realClock } from '../../controller/env/clock.ts';
import { createSsh } from '../../controller/env/ssh.ts';
import type { SshDoor } from '../../controller/env/ssh.ts';
import { Link } from './link.ts';

const MEMORY_MIB = 256;
const DISK_BYTES = 512 * 1024 * 1024;
/** A machine that is itself virtual may have a /dev/kvm in which nothing ever runs, so it is only used when asked for. */
const IS_KVM = process.env['LATIDO_REAL_KVM'] === '1';
/** What a processor has beyond this one takes longer to imitate than it saves. */
const PROCESSOR = IS_KVM ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'Nehalem'];
/** Without hardware virtualisation, on a machine that has other things to do. */
const BOOT_MS = 240_000;
const LOOK_MS = 200;
export const DISKS = ['vdb', 'vdc'] as const;

export interface Machine {
  readonly name: string;
  readonly number: number;
  /** Where its sshd answers; the port is the same for all. */
  readonly address: string;
  /** On the line between the machines. */
  readonly replication: string;
  readonly folder: string;
}

export interface Lab {
  readonly machines: readonly [Machine, Machine];
  readonly link: Link;
  /** Of the packages in the machines. */
  readonly versions: ReadonlyMap<string, string>;
  /** A way in like the product's, of its own. */
  ssh(): SshDoor;
  /** What a person types to look around. */
  command(machine: Machine): string;
  start(machine: Machine): Promise<void>;
  /** The power goes; what its disks have taken stays. */
  powerOff(machine: Machine): Promise<void>;
  /** A new and empty one in the place of the old; the machine is off. */
  replaceDisk(machine: Machine, disk: typeof DISKS[number]): Promise<void>;
  close(): Promise<void>;
}

/** @param at a number that no other lab has that is open at the same time */
export async function openLab(image: string, cache: string, names: readonly [string, string], at: number): Promise<Lab> {
  const folder = await mkdtemp(join(cache, `run-${process.pid}-`));
  const sockets = await mkdtemp(join(tmpdir(), 'latido-real-'));
  const running = new Map<number, ChildProcess>();
  const machineOf = (name: string, number: number): Machine => ({ name, number, address: `127.77.${at}.${number}`, replication: `10.77.1.${number}`, folder: join(folder, name) });
  const machines = [machineOf(names[0], 1), machineOf(names[1], 2)] as const;
  const link = await Link.open(sockets, machines.map(({ number }) => number));
  const port = await freePort(machines[0].address);
  const [key, knownHosts] = [join(image, 'key'), join(folder, 'known_hosts')];
  await writeFile(knownHosts, (await Promise.all(machines.map(async ({ name, number }) => `${name} ${await readFile(join(image, `host-${number}.pub`), 'utf8')}`))).join(''));
  for (const machine of machines) {
    await mkdir(machine.folder);
    // Whole, because what QEMU has not yet written of an overlay's own tables is lost when it is killed.
    await promisify(execFile)('cp', ['--sparse=always', '--reflink=auto', join(image, 'root.raw'), join(machine.folder, 'root.raw')]);
    for (const disk of DISKS) await emptyDisk(machine, disk);
  }
  const ssh = () => createSsh({ port, key, knownHosts, addresses: Object.fromEntries(machines.map(({ name, address }) => [name, address])), isLocal: () => false });

  const powerOff = async ({ number }: Machine) => {
    const machine = running.get(number);
    if (!machine || machine.exitCode !== null || machine.signalCode !== null) return;
    const gone = new Promise((exited) => machine.once('exit', exited));
    machine.kill('SIGKILL');
    await gone;
  };
  const start = async (machine: Machine) => {
    running.set(machine.number, await boot(image, machine, port, link.socketOf(machine.number)));
    await untilReady(machine, port, () => running.get(machine.number)?.exitCode ?? null);
  };

  return {
    machines, link, ssh, start, powerOff, versions: await versionsIn(image),
    command: ({ name, address }) => `ssh -i ${key} -p ${port} -o UserKnownHostsFile=${knownHosts} -o HostKeyAlias=${name} root@${address}`,
    replaceDisk: (machine, disk) => emptyDisk(machine, disk),
    async close() {
      await Promise.all(machines.map(powerOff));
      link.close();
      await Promise.all([folder, sockets].map((each) => rm(each, { recursive: true, force: true })));
    },
  };
}

/** What runs left behind that were ended by force. */
export async function forgetRuns(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const [, pid] = /^run-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(cache, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function emptyDisk({ folder }: Machine, disk: string): Promise<void> {
  const file = join(folder, `${disk}.raw`);
  await rm(file, { force: true });
  await writeFile(file, '');
  await truncate(file, DISK_BYTES);
}

async function boot(image: string, machine: Machine, port: number, socket: string): Promise<ChildProcess> {
  const { name, number, folder, address } = machine;
  const disks = ['root', ...DISKS].flatMap((disk) => ['-drive', `if=virtio,file=${join(folder, disk)}.raw,format=raw,cache=unsafe,aio=threads,discard=unmap`]);
  // Code that always lies at the same address is translated once, and not for each process anew.
  const kernel = `console=ttyS0 loglevel=5 panic=1 net.ifnames=0 mitigations=off nokaslr norandmaps audit=0 apparmor=0 tsc=reliable machine.number=${number} machine.name=${name}`;
  const words = [
    '-name', name, '-M', 'q35,usb=off,vmport=off', ...PROCESSOR, '-smp', '1', '-m', String(MEMORY_MIB),
    '-nodefaults', '-no-user-config', '-display', 'none', '-serial', `file:${join(folder, 'console')}`, '-no-reboot',
    '-kernel', join(image, 'kernel'), '-initrd', join(image, 'initrd'), '-append', kernel, ...disks, '-device', 'virtio-rng-pci',
    '-netdev', `user,id=way,restrict=on,hostfwd=tcp:${address}:${port}-:22`, '-device', `virtio-net-pci,netdev=way,romfile=,mac=52:54:00:00:00:0${number}`,
    '-netdev', `stream,id=line,server=off,addr.type=unix,addr.path=${socket}`, '-device', `virtio-net-pci,netdev=line,romfile=,mac=52:54:00:00:01:0${number}`,
  ];
  await writeFile(join(folder, 'console'), '');
  const log = await open(join(folder, 'qemu.log'), 'w');
  try {
    // Whatever ends us, a machine does not outlive us.
    return spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...words], { stdio: ['ignore', log.fd, log.fd] });
  } finally {
    await log.close();
  }
}

async function untilReady({ name, folder, address }: Machine, port: number, exitCode: () => number | null): Promise<void> {
  const deadline = realClock.now() + BOOT_MS;
  for (;;) {
    const console = await readFile(join(folder, 'console'), 'utf8');
    if (console.includes('MACHINE-READY') && await answers(address, port)) return;
    const ended = exitCode() !== null || console.includes('MACHINE-BROKEN');
    if (ended || realClock.now() > deadline) {
      const log = await readFile(join(folder, 'qemu.log'), 'utf8');
      throw new Error(`${name} ${ended ? 'ended' : 'did not come up'}: ${log}\n${console.split('\n').slice(-12).join('\n')}`);
    }
    await realClock.sleep(LOOK_MS);
  }
}

/** Whether its sshd has said the first word; QEMU takes connections before anybody is there. */
function answers(address: string, port: number): Promise<boolean> {
  return new Promise((told) => {
    const socket = connect(port, address);
    const tell = (is: boolean) => {
      socket.destroy();
      told(is);
    };
    socket.setTimeout(LOOK_MS * 20, () => tell(false));
    socket.once('data', () => tell(true)).once('error', () => tell(false)).once('close', () => tell(false));
  });
}

async function versionsIn(image: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(join(image, 'packages'), 'utf8')).trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']));
}

function freePort(address: string): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer().once('error', failed).listen(0, address, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => found(port));
    });
  });
}

// Every option of every version: a valid value is accepted, and read back as the same value in canonical form.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paramOf } from '../../controller/pve/api-tables.ts';
import { diffOption } from '../../controller/pve/canonical.ts';
import { checkParams } from '../../controller/pve/check.ts';
import { isDisk } from '../../controller/pve/guest-options.ts';
import { LAB_PASSWORD } from '../../controller/sim/cluster-spec.ts';
import { NOT_OPTIONS } from '../../controller/sim/guest-config.ts';
import { arbitraryValue } from '../pve/arbitrary.ts';
import { VERSIONS } from '../pve/tables.ts';
import { lab, read, tables, type Answer, type Lab } from './lab.ts';

/** Runs for each option of each version; a wider search is a matter of raising it. */
const RUNS = 2;
const TEMPLATE = 'local:vztmpl/a.tar.gz';
const storages = [
  { id: 'local', shared: true, volumes: [{ name: 'vztmpl/a.tar.gz', sizeBytes: 1 }, { name: 'iso/a.iso', sizeBytes: 4096 }] },
  { id: 'local-lvm', type: 'lvmthin', content: 'images,rootdir' }, { id: 'disk-virtual', type: 'lvm', shared: true, content: 'images,rootdir' },
];

/** Disks that name volumes of nobody, host paths, sources of an import or a format their storage has not are for other tests. */
function isSelfContained(value: string | number): boolean {
  return !/(^|,)(file=|volume=)?(local|local-lvm|disk-virtual):(vm-|100\/|iso\/)|(^|[,=])\/|import-from|(^|=)cdrom(,|$)|format=(?!raw)/.test(String(value));
}

class Root {
  private constructor(readonly lab: Lab, private readonly ticket: string, private readonly csrf: string) {}

  static async of(one: Lab): Promise<Root> {
    const answer = read(await one.sim.clock.run(one.sim.handle('pve1', { method: 'POST', url: '/api2/json/access/ticket', headers: {}, body: `username=root%40pam&password=${LAB_PASSWORD}` })));
    const data = answer.data as Record<string, string>;
    return new Root(one, data.ticket ?? '', data.CSRFPreventionToken ?? '');
  }

  async send(method: string, path: string, params: Record<string, string | number>): Promise<Answer> {
    const body = Object.entries(params).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
    const headers = { cookie: `PVEAuthCookie=${encodeURIComponent(this.ticket)}`, csrfpreventiontoken: this.csrf, 'content-type': 'application/x-www-form-urlencoded' };
    return read(await this.lab.sim.clock.run(this.lab.sim.handle('pve1', { method, url: `/api2/json${path}`, headers, body })));
  }
}

/** What a valid value needs beside it. */
function companions(type: 'qemu' | 'lxc', option: string): Record<string, string | number> {
  if (type === 'lxc') return { ostemplate: TEMPLATE, ...(option === 'rootfs' ? {} : { rootfs: 'local:1' }) };
  return option === 'balloon' ? { memory: 1_000_000 } : {};
}

/** A boot order names devices that the guest has; a lock refuses the next change; whether a container is privileged is for good. */
const NOT_CHANGED = new Set(['boot', 'lock', 'unprivileged', 'template']);

function expectRead(version: string, type: 'qemu' | 'lxc', option: string, sent: string | number, live: string | number | undefined): void {
  if (isDisk(type, option)) return expect(live ?? '').not.toBe('');
  // Proxmox clamps the weight to what the kernel takes.
  if (option === 'cpuunits' && type === 'qemu') return expect(live).toBe(Math.min(10_000, Math.max(1, Number(sent))));
  if (option === 'cipassword') return expect(live).toBe('**********');
  expect([option, sent, live, diffOption(tables(version), type, option, withoutSpaceAround(option, sent), live)]).toEqual([option, sent, live, 'same']);
}

/** The configuration file's lines do not keep it, but for the comment that is the description. */
function withoutSpaceAround(option: string, sent: string | number): string | number {
  if (typeof sent === 'number' || option === 'description') return sent;
  return option === 'env' ? sent.split('\0').map((variable) => variable.trim()).join('\0') : sent.trim();
}

describe.each(VERSIONS)('%s', (version) => {
  describe.each(['qemu', 'lxc'] as const)('%s', (type) => {
    const known = tables(version);
    const method = known.method('POST', `/nodes/{node}/${type}`);
    if (!method) throw new Error(`no POST for ${type} in ${version}`);
    const options = [...method.params.keys()].map((name) => name.replace('[n]', '1')).filter((name) => !NOT_OPTIONS.has(name) && !/^unused\d+$/.test(name));

    test.each(options)('%s at creation', async (option) => {
      const param = paramOf(method, option);
      if (!param) throw new Error(`${option} is not declared`);
      const root = await Root.of(lab({ storages }, { tables: known, speed: { createMs: 0 } }));
      let vmid = 100;
      await fc.assert(fc.asyncProperty((isDisk(type, option) ? arbitraryValue(param, version).filter(isSelfContained) : arbitraryValue(param, version)), async (value) => {
        const params = { vmid: vmid++, ...companions(type, option), [option]: value };
        fc.pre(Object.keys(checkParams(method, { node: 'pve1', ...params }).errors).length === 0);
        const answer = await root.send('POST', `/nodes/pve1/${type}`, params);
        expect(answer.reason).toBe('OK');
        await root.lab.sim.clock.run(root.lab.sim.running.done(String(answer.data)));
        expect(root.lab.sim.state.tasks[String(answer.data)]?.exitstatus).toBe('OK');
        const config = (await root.lab.data(`/nodes/pve1/${type}/${params.vmid}/config`)) as Record<string, string | number>;
        expectRead(version, type, option, value, config[option]);
      }), { numRuns: RUNS, seed: 7 });
    });

    test.each(options.filter((option) => !isDisk(type, option) && !NOT_CHANGED.has(option)))('%s of a guest that is there', async (option) => {
      const change = known.method('PUT', `/nodes/{node}/${type}/{vmid}/config`);
      const param = change && paramOf(change, option);
      if (!change || !param) throw new Error(`${option} cannot be changed in ${version}`);
      const root = await Root.of(lab({ storages, guests: [{ vmid: 100, node: 'pve1', type, config: { memory: type === 'qemu' ? '1000000' : 512 } }] }, { tables: known }));
      await fc.assert(fc.asyncProperty(arbitraryValue(param, version), async (value) => {
        const params = { [option]: value };
        fc.pre(Object.keys(checkParams(change, { node: 'pve1', vmid: 100, ...params }).errors).length === 0);
        expect((await root.send('PUT', `/nodes/pve1/${type}/100/config`, params)).reason).toBe('OK');
        const config = (await root.lab.data(`/nodes/pve1/${type}/100/config`)) as Record<string, string | number>;
        expectRead(version, type, option, value, config[option]);
      }), { numRuns: RUNS, seed: 11 });
    });

    test.each(version === '9.2' || version === '7.4' ? options.filter((option) => !isDisk(type, option) && !NOT_CHANGED.has(option)) : [])('%s of a guest that runs', async (option) => {
      const change = known.method('PUT', `/nodes/{node}/${type}/{vmid}/config`);
      const param = change && paramOf(change, option);
      if (!change || !param) throw new Error(`${option} cannot be changed in ${version}`);
      const root = await Root.of(lab({ storages, guests: [{ vmid: 100, node: 'pve1', type, running: true, config: { memory: type === 'qemu' ? '1000000' : 512 } }] }, { tables: known }));
      await fc.assert(fc.asyncProperty(arbitraryValue(param, version), async (value) => {
        const params = { [option]: value };
        fc.pre(Object.keys(checkParams(change, { node: 'pve1', vmid: 100, ...params }).errors).length === 0);
        expect((await root.send('PUT', `/nodes/pve1/${type}/100/config`, params)).reason).toBe('OK');
        const config = (await root.lab.data(`/nodes/pve1/${type}/100/config`)) as Record<string, string | number>;
        expectRead(version, type, option, value, config[option]);
      }), { numRuns: RUNS, seed: 13 });
      const wished = (await root.lab.data(`/nodes/pve1/${type}/100/config`)) as Record<string, string | number>;
      expect(await root.lab.task('POST', `/nodes/pve1/${type}/100/status/shutdown`)).toBe('OK');
      // What stays pending after an orderly stop comes in with the next start; a start may fail for want of the device.
      await root.lab.task('POST', `/nodes/pve1/${type}/100/status/start`);
      const { digest: _digest, ...running } = (await root.lab.data(`/nodes/pve1/${type}/100/config`, { current: 1 })) as Record<string, string | number>;
      const { digest: _other, ...wanted } = wished;
      expect(running).toEqual(wanted);
    });
  });
});

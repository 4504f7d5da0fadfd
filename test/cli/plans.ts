import type { FieldChange } from '../../controller/model/change.ts';
import type { Plan, PlannedChange, PlannedStep } from '../../controller/model/plan.ts';
import type { Ref } from '../../controller/model/ref.ts';

export const ref = (text: string): Ref => {
  const [kind = '', name = ''] = text.split('/');
  return { kind, name };
};

export const step = (id: string, title: string, more: Partial<PlannedStep> = {}): PlannedStep => ({
  id, title, after: [], guards: [], risk: 'none', locks: [], timeoutMs: 60_000,
  action: { via: 'pve', method: 'PUT', path: '/nodes/pve1/qemu/110/config', params: {} }, ...more,
});

export const field = (path: string, from: FieldChange['from'], to: FieldChange['to'], effect: FieldChange['effect'] = 'live', note?: string): FieldChange =>
  ({ path, from, to, effect, ...(note === undefined ? {} : { note }) });

export const change = (name: string, id: string, verb: PlannedChange['verb'], more: Partial<PlannedChange> = {}): PlannedChange =>
  ({ ref: ref(name), id, verb, fields: [], steps: [], requires: [], notes: [], ...more });

export const plan = (changes: readonly PlannedChange[], more: Partial<Plan> = {}): Plan => ({
  cluster: 'unq', revision: 'main@sha1:7d1f0c9be2a44e6f8b1d0a3c5e7f90123456789a', fingerprint: '3f9a-1c77-52be', changes, warnings: [], memories: [],
  counts: {
    create: changes.filter((each) => each.verb === 'create').length, update: changes.filter((each) => each.verb === 'update').length,
    adopt: changes.filter((each) => each.verb === 'adopt').length, delete: changes.filter((each) => each.verb === 'delete').length,
    unchanged: 4, held: changes.filter((each) => each.hold || each.steps.some((one) => one.hold)).length,
    steps: changes.flatMap((each) => each.steps.filter((one) => !one.hold && !each.hold)).length,
  },
  ...more,
});

const onPve1 = { is: 'guest-is', vmid: 110, type: 'qemu', node: 'pve1' } as const;

/** One of everything. */
export const everything: Plan = plan([
  change('StoragePool/disk-virtual', 'disk-virtual', 'create', {
    fields: [field('type', undefined, 'lvm'), field('shared', undefined, true), field('nodes', undefined, ['proxmox-lab', 'prox1-lab'])],
    steps: [step('StoragePool/disk-virtual#1', 'define the storage', { action: { via: 'pve', method: 'POST', path: '/storage', params: { storage: 'disk-virtual', type: 'lvm' } } })],
  }),
  change('VirtualMachine/db', '112', 'create', {
    requires: [ref('StoragePool/disk-virtual'), ref('Pool/teaching')],
    fields: [
      field('placement.node', undefined, 'prox1-lab'), field('config.memory', undefined, 8192), field('config.scsi0.size', undefined, 21474836480),
      field('config.description', undefined, 'the database of the enrolment system; ask the people of the second floor before touching anything in here, really'),
      field('config.cipassword', undefined, 'hunter2'), field('power', undefined, 'running'),
    ],
    steps: [
      step('VirtualMachine/db#1', 'create on prox1-lab', { node: 'prox1-lab', action: { via: 'pve', method: 'POST', path: '/nodes/prox1-lab/qemu', params: { vmid: 112, memory: 8192, cipassword: 'hunter2' } } }),
      step('VirtualMachine/db#2', 'start'),
    ],
  }),
  change('VirtualMachine/web', '110', 'update', {
    fields: [
      field('config.cores', 1, 2, 'hotplug'), field('config.memory', 2048, 4096, 'restart'),
      field('config.net0', { model: 'virtio', bridge: 'vmbr0', tag: 20 }, { model: 'virtio', bridge: 'vmbr1', tag: 30, firewall: true }, 'hotplug'),
      field('config.onboot', undefined, true), field('config.tablet', false, undefined), field('config.scsi1.storage', 'local', 'disk-virtual', 'disk-move'),
    ],
    requires: [ref('StoragePool/disk-virtual')],
    steps: [
      step('VirtualMachine/web#1', 'set cores, net0, onboot', { guards: [onPve1], risk: 'hotplug' }),
      step('VirtualMachine/web#2', 'move scsi1 to disk-virtual', { cost: { bytes: 8 * 2 ** 30, seconds: 95 } }),
      step('VirtualMachine/web#3', 'set memory', { hold: { code: 'RESTART_POLICY', reason: 'memory needs a restart and the policy says restart: never', approvable: true } }),
      step('VirtualMachine/web#4', 'restart', { risk: 'restart', hold: { code: 'RESTART_POLICY', reason: 'memory needs a restart and the policy says restart: never', approvable: true } }),
    ],
    notes: ['cpu: x86-64-v2-AES was written by hand and waits for a restart'],
  }),
  change('VirtualMachine/deb-migration', '111', 'update', {
    fields: [field('placement.node', 'proxmox-lab', 'prox1-lab', 'migrate')],
    steps: [step('VirtualMachine/deb-migration#1', 'migrate to prox1-lab', { risk: 'migration', node: 'proxmox-lab', cost: { note: 'live', bytes: 4 * 2 ** 30, seconds: 110 } })],
  }),
  change('Container/dns', '200', 'adopt', { fields: [field('tags', 'infra', 'infra;latido')], steps: [step('Container/dns#1', 'mark as ours')] }),
  change('VirtualMachine/legacy', '140', 'update', {
    hold: { code: 'BUSY', reason: 'locked: backup', approvable: false },
    fields: [field('config.bios', 'seabios', 'ovmf', 'refused', 'the guest would not boot any more: bios is chosen when it is installed')],
    steps: [step('VirtualMachine/legacy#1', 'set bios')],
  }),
  change('VirtualMachine/old', '120', 'delete', {
    steps: [step('VirtualMachine/old#1', 'delete with its volumes', { risk: 'data-loss', cost: { note: 'disk-virtual:vm-120-disk-0 20 GiB, disk-virtual:vm-120-disk-1 100 GiB' }, hold: { code: 'PRUNE_POLICY', reason: 'the policy says prune: confirm', approvable: true } })],
    notes: ['kept: backup:backup/vzdump-qemu-120.vma.zst 9 GiB'],
  }),
], {
  warnings: [{ code: 'HA_WITHOUT_THIRD_VOTE', severity: 'warning', ref: ref('VirtualMachine/web'), place: { file: 'clusters/unq/web.yaml', line: 12, column: 3 }, fact: 'two nodes and no third vote: when one is lost, the other fences itself', fix: 'add a QDevice' }],
});

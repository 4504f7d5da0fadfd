import { expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import { optionFindings, type OptionFinding } from '../../controller/pve/option-findings.ts';
import { tablesOf } from './tables.ts';

test.each<['qemu' | 'lxc', string, Json, readonly OptionFinding[]]>([
  ['qemu', 'cores', 2, []], ['qemu', 'onboot', 'yes', []], ['qemu', 'onboot', true, []], ['qemu', 'tags', ['a', 'b'], []], ['qemu', 'startup', { order: 1, up: 30 }, []],
  ['qemu', 'net0', { model: 'virtio', bridge: 'vmbr0', firewall: true, trunks: [2, 3] }, []], ['qemu', 'sshkeys', 'ssh-rsa AAAA a@b', []],
  ['qemu', 'scsi0', { storage: 'disk-virtual', size: '20G', discard: 'on' }, []], ['lxc', 'env', { A: '1' }, []], ['qemu', 'name', null, []],
  ['qemu', 'corse', 2, [{ text: 'Proxmox VE 9.2 has no such option of virtual machines', nearest: 'cores' }]],
  ['lxc', 'net32', 'name=eth0', [{ text: 'Proxmox VE 9.2 has no such option of containers', nearest: 'net31' }]],
  ['qemu', 'cores', 0, [{ text: 'value must have a minimum value of 1' }]],
  ['qemu', 'bios', 'omvf', [{ text: "value 'omvf' does not have a value in the enumeration 'seabios, ovmf'", nearest: 'ovmf' }]],
  ['qemu', 'cores', { a: 1 }, [{ text: 'cores has no keys: it takes one value' }]],
  ['qemu', 'net0', { model: 'virtoi', brigde: 'vmbr0' }, [{ key: 'brigde', text: 'invalid key in comma-separated list property: brigde', nearest: 'bridge' }]],
  ['qemu', 'net0', { model: 'virtoi', tag: 5000 }, [
    { key: 'model', text: "value 'virtoi' does not have a value in the enumeration 'e1000, e1000-82540em, e1000-82544gc, e1000-82545em, e1000e, i82551, i82557b, i82559er, ne2k_isa, ne2k_pci, pcnet, rtl8139, virtio, vmxnet3'", nearest: 'virtio' },
    { key: 'tag', text: 'value must have a maximum value of 4094' },
  ]],
  ['qemu', 'net0', 'virtio,brigde=vmbr0', [{ key: 'brigde', text: 'invalid key in comma-separated list property: brigde', nearest: 'bridge' }]],
  ['qemu', 'scsi0', { storage: 'local', size: '20X' }, [{ key: 'size', text: 'value does not look like a valid disk size: 20X' }]],
  ['qemu', 'scsi0', { storage: '1x', size: '20G' }, [{ key: 'storage', text: "storage ID '1x' contains illegal characters" }]],
  ['qemu', 'scsi0', { storage: 'local', file: 'local:1' }, [{ key: 'storage', text: 'storage cannot stand beside file, which names the storage itself' }]],
  ['qemu', 'scsi0', { storage: 'local', size: '20G', discrad: 'on' }, [{ key: 'discrad', text: 'invalid key in comma-separated list property: discrad', nearest: 'discard' }]],
  ['qemu', 'ipconfig0', { gw: '10.0.0.1' }, [{ key: 'ip', text: "missing property required by 'gw'" }]],
  ['qemu', 'cpu', { cputype: 'hots' }, [{ text: "Built-in cputype 'hots' is not defined (missing 'custom-' prefix?)" }]],
  ['lxc', 'net0', { bridge: 'vmbr0' }, [{ key: 'name', text: 'property is missing and it is not optional' }]],
])('%s %s: %j → %j', (guest, option, value, findings) => expect(optionFindings(tablesOf(), guest, option, value)).toEqual(findings));

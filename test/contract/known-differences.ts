// The recorded exchanges that the simulation cannot answer alike, each with the reason. The contract test fails when
// an exchange differs that is not listed here, and when a listed one no longer differs. On the methods that the
// controller calls only logs may differ, and answers that the recorded cluster was too poorly equipped to give.

const noChattr = 'the recorded nodes lack chattr and say so in the log';

const noIfupdown = 'the recorded nodes lack Proxmox\'s ifupdown2 and say so in the log';
const noBackupInQemu = 'the recorded QEMU is not Proxmox\'s and cannot back up';
const noCgroups = 'the recorded node could not ask its container: no usable cgroups there';

/** Reasons that are faults of the recorded cluster. */
export const faultsOfTheRecording: readonly string[] = [noChattr, noCgroups, noBackupInQemu, noIfupdown];

export const knownDifferences: Readonly<Record<string, string>> = {
  'qemu/281-template-task-log': noChattr,
  'qemu/349-cleanup-110-task-log': noChattr,
  'qemu/314-migrate-offline-local-disk-task-log': 'the figures of the file copy are not simulated',
  'lxc/033-status-after-start': noCgroups,
  'lxc/044-clone-task-log': 'the figures of the file copy are not simulated',
  'lxc/056-cleanup-302-task-log': 'the recorded node may not remove a subvolume\'s folders',
  'migrate/058-live-with-local-disks-task-log': 'the recorded QEMU could not mirror a disk; here another failure stands for it',
  'migrate/209-live-with-local-disks-ok-task-log': 'the recorded memory was copied before its first report was due',
  'migrate/233-ct-migrate-stopped-task-log': 'the figures of the file copy are not simulated',
  'migrate/243-ct-migrate-running-restart-task-log': 'the figures of the file copy are not simulated',
  'node/008-services': 'the recorded nodes lack some of the services that a node has',
  'node/016-pci': 'the devices of the recorded hardware',
  'node/050-network-with-changes': 'the difference of the two files is told in other words',
  'node/080-vzdump-vm-no-pve-qemu-task-status': noBackupInQemu,
  'node/081-vzdump-vm-no-pve-qemu-task-log': noBackupInQemu,
  'cluster/070-sdn-apply-task-log': noIfupdown,
  'cluster/078-sdn-apply2-task-log': noIfupdown,
};

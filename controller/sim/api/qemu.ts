// The simulated API's methods about virtual machines, one line each.
import { deleteVm } from './guest-delete.ts';
import { snapshotRoutes } from './guest-snapshots.ts';
import { clone, template } from './qemu-clone.ts';
import * as config from './qemu-config.ts';
import { create } from './qemu-create.ts';
import type { Routes } from './handler.ts';
import { moveDisk, resize } from './qemu-disks.ts';
import * as inside from './qemu-inside.ts';
import * as power from './qemu-power.ts';
import * as status from './qemu-status.ts';

const ALL = '/nodes/{node}/qemu';
const ONE = `${ALL}/{vmid}`;

export const routes: Routes = {
  [`GET ${ALL}`]: status.list,
  [`POST ${ALL}`]: create,
  [`GET ${ONE}`]: status.index,
  [`DELETE ${ONE}`]: deleteVm,
  [`GET ${ONE}/config`]: config.config,
  [`PUT ${ONE}/config`]: config.update,
  [`POST ${ONE}/config`]: config.updateInTask,
  [`GET ${ONE}/pending`]: config.pending,
  [`PUT ${ONE}/unlink`]: config.unlink,
  [`PUT ${ONE}/resize`]: resize,
  [`POST ${ONE}/move_disk`]: moveDisk,
  [`POST ${ONE}/clone`]: clone,
  [`POST ${ONE}/template`]: template,
  [`GET ${ONE}/feature`]: inside.feature,
  [`GET ${ONE}/status`]: status.statusIndex,
  [`GET ${ONE}/status/current`]: status.current,
  [`POST ${ONE}/status/start`]: power.start,
  [`POST ${ONE}/status/stop`]: power.stop,
  [`POST ${ONE}/status/shutdown`]: power.shutdown,
  [`POST ${ONE}/status/reboot`]: power.reboot,
  [`POST ${ONE}/status/reset`]: power.reset,
  [`POST ${ONE}/status/suspend`]: power.suspend,
  [`POST ${ONE}/status/resume`]: power.resume,
  [`GET ${ONE}/rrddata`]: status.rrddata,
  [`GET ${ONE}/cloudinit`]: inside.cloudinit,
  [`PUT ${ONE}/cloudinit`]: inside.cloudinitUpdate,
  [`GET ${ONE}/cloudinit/dump`]: inside.cloudinitDump,
  [`POST ${ONE}/monitor`]: inside.monitor,
  [`PUT ${ONE}/sendkey`]: inside.sendKey,
  [`POST ${ONE}/agent/ping`]: inside.agent(() => ({})),
  [`GET ${ONE}/agent/network-get-interfaces`]: inside.agent(inside.interfaces),
  [`GET ${ONE}/agent/get-host-name`]: inside.agent(inside.hostName),
  ...snapshotRoutes('qemu'),
};

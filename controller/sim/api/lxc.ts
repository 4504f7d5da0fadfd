// The simulated API's methods about containers, one line each.
import { deleteContainer } from './guest-delete.ts';
import { snapshotRoutes } from './guest-snapshots.ts';
import type { Routes } from './handler.ts';
import { clone, template } from './lxc-clone.ts';
import * as config from './lxc-config.ts';
import { create } from './lxc-create.ts';
import { moveVolume, resize } from './lxc-disks.ts';
import * as power from './lxc-power.ts';
import * as status from './lxc-status.ts';
import { rrddata } from './qemu-status.ts';

const ALL = '/nodes/{node}/lxc';
const ONE = `${ALL}/{vmid}`;

export const routes: Routes = {
  [`GET ${ALL}`]: status.list,
  [`POST ${ALL}`]: create,
  [`GET ${ONE}`]: status.index,
  [`DELETE ${ONE}`]: deleteContainer,
  [`GET ${ONE}/config`]: config.config,
  [`PUT ${ONE}/config`]: config.update,
  [`GET ${ONE}/pending`]: config.pending,
  [`PUT ${ONE}/resize`]: resize,
  [`POST ${ONE}/move_volume`]: moveVolume,
  [`POST ${ONE}/clone`]: clone,
  [`POST ${ONE}/template`]: template,
  [`GET ${ONE}/feature`]: status.feature,
  [`GET ${ONE}/interfaces`]: status.interfaces,
  [`GET ${ONE}/rrddata`]: rrddata,
  [`GET ${ONE}/status`]: status.statusIndex,
  [`GET ${ONE}/status/current`]: status.current,
  [`POST ${ONE}/status/start`]: power.start,
  [`POST ${ONE}/status/stop`]: power.stop,
  [`POST ${ONE}/status/shutdown`]: power.shutdown,
  [`POST ${ONE}/status/reboot`]: power.reboot,
  [`POST ${ONE}/status/suspend`]: power.suspend,
  [`POST ${ONE}/status/resume`]: power.resume,
  ...snapshotRoutes('lxc'),
};

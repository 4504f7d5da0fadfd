// The simulated API's methods about qemu guests (owner: S1).
import type { Routes } from './handler.ts';

export const routes: Routes = {};

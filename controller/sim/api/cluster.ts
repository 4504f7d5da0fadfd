// The simulated API's methods about cluster (owner: S2).
import type { Routes } from './handler.ts';

export const routes: Routes = {};

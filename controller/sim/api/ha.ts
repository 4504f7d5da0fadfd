// The simulated API's methods about ha (owner: S3).
import type { Routes } from './handler.ts';

export const routes: Routes = {};

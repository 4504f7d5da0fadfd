// Lives of clusters with DRBD from odd seeds; the other half runs beside, on another core. See drbd/life.ts.
import { drbdLivesOf } from './drbd/lives.ts';

drbdLivesOf(1);

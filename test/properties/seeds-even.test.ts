// Lives of clusters from even seeds; the other half runs beside, on another core. See seeds/seed-run.ts.
import { livesOf } from './seeds/lives.ts';

livesOf(0);

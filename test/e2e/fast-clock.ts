// In place of env/clock.ts: the machine's clock, as many times faster as the lab's.
import { realClock as machineClock } from '../../controller/env/clock.ts';
import type { Clock } from '../../controller/model/doors.ts';
import { readStageFile } from './stage-file.ts';

const { realMs, virtualMs, speed } = readStageFile();

export const realClock: Clock = {
  now: () => Math.floor(virtualMs + (machineClock.now() - realMs) * speed),
  sleep: (ms, signal) => machineClock.sleep(ms / speed, signal),
};

// In: what systemd set in the environment of its service. Out: how to tell it that we are ready and alive.
// Node has no datagram sockets of the local kind, so systemd's own program carries the words; the unit therefore says `NotifyAccess=all`.
import { execa } from 'execa';
import type { Supervisor } from '../model/doors.ts';

const TELL_MS = 5_000;

/** Undefined when systemd did not start us, or does not wait for words. */
export function systemdSupervisor(environment: Readonly<Record<string, string | undefined>>, pid: number, onTrouble: (why: string) => void): Supervisor | undefined {
  if (!environment['NOTIFY_SOCKET']) return undefined;
  let lastStatus: string | undefined;
  const watchdogMs = watchdogOf(environment, pid);
  return {
    ...(watchdogMs === undefined ? {} : { watchdogMs }),
    async tell(state) {
      // A process for each of the same words would be the most that an idle daemon does.
      if (state.startsWith('STATUS=')) {
        if (state === lastStatus) return;
        lastStatus = state;
      }
      const { failed, shortMessage } = await execa('systemd-notify', [state.replaceAll('\n', ' ')], { reject: false, timeout: TELL_MS, stdin: 'ignore', env: { NOTIFY_SOCKET: environment['NOTIFY_SOCKET'] } });
      if (failed) onTrouble(`systemd could not be told: ${shortMessage ?? state}`);
    },
  };
}

function watchdogOf(environment: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const micros = Number(environment['WATCHDOG_USEC']);
  const isOurs = environment['WATCHDOG_PID'] === undefined || Number(environment['WATCHDOG_PID']) === pid;
  return isOurs && Number.isFinite(micros) && micros > 0 ? micros / 1000 : undefined;
}

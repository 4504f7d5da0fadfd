// In: a change of a file of the cluster file system. Out: the change made, under Proxmox's lock and with its words when it fails.
import { ApiError, type Call } from './api/handler.ts';
import { isQuorate } from './quorum.ts';

/** How long Proxmox tries to get the lock of a file when the cluster is not quorate. */
const LOCK_WAIT_MS = 10_000;

/** Changes `file` (`user.cfg`). Whatever goes wrong is told after `failing` (`create user failed`), as a plain 500; without it as it is. */
export async function changeFile<T>(call: Call, file: string, failing: string | undefined, change: () => T | Promise<T>): Promise<T> {
  try {
    if (!isQuorate(call.state, call.node)) {
      await call.sim.clock.sleep(LOCK_WAIT_MS);
      throw new ApiError(500, `cfs-lock 'file-${file.replaceAll('.', '_')}' error: no quorum!\n`);
    }
    return await change();
  } catch (error) {
    if (failing === undefined || !(error instanceof ApiError)) throw error;
    throw new ApiError(500, `${failing}: ${nested(error)}`);
  }
}

/** An error that is passed on as text starts with its status when it was raised with one, and names its parameters. */
function nested(error: ApiError): string {
  if (!error.errors) return error.message;
  const names = Object.entries(error.errors).map(([name, text]) => `${name}: ${text}\n`).join('');
  return `${error.status} ${error.message}${names}`;
}

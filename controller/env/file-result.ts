// In: work with files under way. Out: what came of it, a refusal as the name of its errno.
import type { FileResult } from '../model/doors.ts';

/** @throws what the kernel did not say: a fault of ours */
export async function settled<T>(work: Promise<T>): Promise<FileResult<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    return { ok: false, errno: code };
  }
}

// In place of env/cluster-files.ts: /etc/pve of one simulated node, which lives in the parent, behind a socket.
import { askControl } from '../../controller/env/control-socket.ts';
import type { ClusterFiles, FileResult } from '../../controller/model/doors.ts';
import { Failure } from '../../controller/model/finding.ts';
import { readStageFile, type FileRequest } from './stage-file.ts';

export { CLUSTER_FILES_ROOT, isOnNode } from '../../controller/env/cluster-files.ts';

export function createClusterFiles(): ClusterFiles {
  const { socket } = readStageFile();
  const node = process.env['LATIDO_E2E_NODE'] ?? '';
  const ask = <T>(request: FileRequest) => answered<T>(socket, request);
  return {
    read: (path) => ask({ node, op: 'read', path }),
    list: (path) => ask({ node, op: 'list', path }),
    mtime: (path) => ask({ node, op: 'mtime', path }),
    mkdir: (path) => ask({ node, op: 'mkdir', path }),
    rmdir: (path) => ask({ node, op: 'rmdir', path }),
    utime: (path, seconds) => ask({ node, op: 'utime', path, seconds }),
  };
}

async function answered<T>(socket: string, request: FileRequest): Promise<FileResult<T>> {
  try {
    return (await askControl(socket, { ...request })) as unknown as FileResult<T>;
  } catch (error) {
    if (error instanceof Failure) return { ok: false, errno: 'ENOTCONN' };
    throw error;
  }
}

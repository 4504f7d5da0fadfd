/** Parameters of POST /nodes/{node}/qemu and …/lxc that say how to create, not what (API data, all versions). */
export const CREATE_ONLY: ReadonlySet<string> = new Set([
  'bwlimit', 'force', 'unique', 'live-restore', 'import-working-storage', 'password', 'ssh-public-keys', 'ignore-unpack-errors',
]);

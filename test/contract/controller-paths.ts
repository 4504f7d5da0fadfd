// The methods that the controller calls, as templates of the API tables: on these every recorded exchange must be answered alike.

export const controllerMethods: readonly string[] = [
  'GET /version', 'GET /access/permissions', 'GET /cluster/config/qdevice',
  'GET /cluster/status', 'GET /cluster/resources', 'GET /cluster/tasks', 'GET /cluster/nextid',
  'GET /cluster/options', 'PUT /cluster/options',
  'GET /cluster/backup', 'POST /cluster/backup', 'GET /cluster/backup/{id}', 'PUT /cluster/backup/{id}', 'DELETE /cluster/backup/{id}',
  'GET /cluster/ha/resources', 'POST /cluster/ha/resources', 'GET /cluster/ha/resources/{sid}', 'PUT /cluster/ha/resources/{sid}', 'DELETE /cluster/ha/resources/{sid}',
  'POST /cluster/ha/resources/{sid}/migrate', 'POST /cluster/ha/resources/{sid}/relocate',
  'GET /cluster/ha/rules', 'POST /cluster/ha/rules', 'GET /cluster/ha/rules/{rule}', 'PUT /cluster/ha/rules/{rule}', 'DELETE /cluster/ha/rules/{rule}',
  'GET /cluster/ha/groups', 'POST /cluster/ha/groups', 'PUT /cluster/ha/groups/{group}', 'DELETE /cluster/ha/groups/{group}',
  'GET /cluster/ha/status/current', 'GET /cluster/ha/status/manager_status',
  'GET /pools', 'POST /pools', 'PUT /pools', 'DELETE /pools', 'GET /pools/{poolid}', 'PUT /pools/{poolid}', 'DELETE /pools/{poolid}',
  'GET /storage', 'POST /storage', 'GET /storage/{storage}', 'PUT /storage/{storage}', 'DELETE /storage/{storage}',
  'GET /nodes', 'GET /nodes/{node}/status', 'GET /nodes/{node}/tasks', 'GET /nodes/{node}/dns', 'PUT /nodes/{node}/dns', 'GET /nodes/{node}/time', 'PUT /nodes/{node}/time',
  'GET /nodes/{node}/tasks/{upid}/status', 'GET /nodes/{node}/tasks/{upid}/log', 'DELETE /nodes/{node}/tasks/{upid}',
  'GET /nodes/{node}/storage', 'GET /nodes/{node}/storage/{storage}/status',
  'GET /nodes/{node}/storage/{storage}/content', 'DELETE /nodes/{node}/storage/{storage}/content/{volume}',
  ...guest('qemu'), ...guest('lxc'),
  'POST /nodes/{node}/qemu/{vmid}/move_disk', 'POST /nodes/{node}/lxc/{vmid}/move_volume', 'POST /nodes/{node}/qemu/{vmid}/config',
];

function guest(type: string): readonly string[] {
  const below = `/nodes/{node}/${type}`;
  const one = `${below}/{vmid}`;
  return [
    `GET ${below}`, `POST ${below}`, `DELETE ${one}`, `GET ${one}/config`, `PUT ${one}/config`, `GET ${one}/pending`, `PUT ${one}/resize`,
    `GET ${one}/status/current`, ...['start', 'stop', 'shutdown', 'reboot', 'suspend', 'resume'].map((verb) => `POST ${one}/status/${verb}`),
    `POST ${one}/clone`, `POST ${one}/template`, `GET ${one}/snapshot`, `GET ${one}/migrate`, `POST ${one}/migrate`,
  ];
}

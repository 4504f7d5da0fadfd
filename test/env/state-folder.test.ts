import { expect, test } from 'vitest';
import { stateFolder } from '../../controller/env/state-folder.ts';

const person = { environment: {}, uid: 1000, home: '/home/ana', exists: () => true };
const root = { environment: {}, uid: 0, home: '/root', exists: () => false };
const SERVICE = '/var/lib/latido';

test.each([
  ['a person has it at home', person, '/home/ana/.local/state/latido/unq'],
  ['or where XDG says', { ...person, environment: { XDG_STATE_HOME: '/home/ana/s' } }, '/home/ana/s/latido/unq'],
  ['systemd names it for a service', { ...person, environment: { STATE_DIRECTORY: SERVICE, INVOCATION_ID: 'x' } }, `${SERVICE}/unq`],
  ['the first of several', { ...person, environment: { STATE_DIRECTORY: `${SERVICE}:/var/lib/more` } }, `${SERVICE}/unq`],
  ['a service of root without a name', { ...root, environment: { INVOCATION_ID: 'x' } }, `${SERVICE}/unq`],
  ['root finds what the service made', { ...root, exists: (path: string) => path === SERVICE }, `${SERVICE}/unq`],
  ['root without a service is a person', root, '/root/.local/state/latido/unq'],
])('%s', (_, started, folder) => {
  expect(stateFolder('unq', undefined, started)).toBe(folder);
});

test('what is named is the folder itself', () => expect(stateFolder('unq', '/x', person)).toBe('/x'));

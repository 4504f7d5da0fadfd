// Secrets for a simulated cluster: every name has a value, and none is real.
import type { MachineSecrets } from '../model/doors.ts';

export const INVENTED: MachineSecrets = {
  file: () => Promise.resolve(undefined),
  variable: (name) => `invented for ${name}`,
  identities: () => Promise.resolve([]),
  isConfigured: () => true,
};

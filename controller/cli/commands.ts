// Which function serves which command. The kinds and the manifests are joined here, the worlds in main.ts.
import { explainCommand } from './explain.ts';
import { labCommand } from './lab.ts';
import { daemonCommand } from './daemon-commands.ts';
import { guestSchema } from '../kinds/guest/spec.ts';
import type { Commands } from './program.ts';

export function commandsOf(): Commands {
  return {
    validate: () => daemonCommand('run'), plan: () => daemonCommand('run'), apply: () => daemonCommand('run'), doctor: () => daemonCommand('run'), rehearse: () => daemonCommand('run'), demo: () => daemonCommand('run'),
    explain: (path, options, context) => explainCommand(path, options, context, () => [{ kind: 'VirtualMachine', schema: guestSchema('qemu') }, { kind: 'Container', schema: guestSchema('lxc') }]),
    lab: (dir, options, context) => labCommand(undefined, options, context),
  };
}

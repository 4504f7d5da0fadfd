// Which function serves which command; the world comes with the context.
import { applyCommand } from './apply.ts';
import { daemonCommand } from './daemon-commands.ts';
import { explainCommand } from './explain.ts';
import { labCommand } from './lab.ts';
import { planCommand } from './plan.ts';
import type { Commands } from './program.ts';
import { validateCommand } from './validate.ts';

export const COMMANDS: Commands = {
  validate: validateCommand,
  plan: planCommand,
  apply: applyCommand,
  explain: explainCommand,
  doctor: () => daemonCommand('run'), rehearse: () => daemonCommand('run'), demo: () => daemonCommand('run'),
  lab: labCommand,
};

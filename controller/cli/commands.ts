// Which function serves which command; the world comes with the context.
import { applyCommand } from './apply.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { labCommand } from './lab.ts';
import { planCommand } from './plan.ts';
import type { Commands } from './program.ts';
import { rehearseCommand } from './rehearse.ts';
import { validateCommand } from './validate.ts';

export const COMMANDS: Commands = {
  validate: validateCommand, explain: explainCommand, lab: labCommand, rehearse: rehearseCommand, demo: demoCommand,
  plan: planCommand, apply: applyCommand, doctor: doctorCommand,
};

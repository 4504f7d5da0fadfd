// Which function serves which command; the world comes with the context. Each is loaded when it is asked for:
// `latido --version` and `latido explain` need neither YAML nor HTTP, and start four times as fast without them.
import type { Commands } from './program.ts';

export const COMMANDS: Commands = {
  validate: async (...given) => (await import('./validate.ts')).validateCommand(...given),
  explain: async (...given) => (await import('./explain.ts')).explainCommand(...given),
  lab: async (...given) => (await import('./lab.ts')).labCommand(...given),
  rehearse: async (...given) => (await import('./rehearse.ts')).rehearseCommand(...given),
  demo: async (...given) => (await import('./demo.ts')).demoCommand(...given),
  plan: async (...given) => (await import('./plan.ts')).planCommand(...given),
  apply: async (...given) => (await import('./apply.ts')).applyCommand(...given),
  doctor: async (...given) => (await import('./doctor.ts')).doctorCommand(...given),
};

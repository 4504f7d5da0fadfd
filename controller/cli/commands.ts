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
  comment: async (...given) => (await import('./comment.ts')).commentCommand(...given),
  token: async (...given) => (await import('./token.ts')).tokenCommand(...given),
  run: async (...given) => (await import('./daemon-run.ts')).runCommand(...given),
  status: async (...given) => (await import('./daemon-status.ts')).statusCommand(...given),
  get: async (...given) => (await import('./daemon-status.ts')).getCommand(...given),
  events: async (...given) => (await import('./daemon-events.ts')).eventsCommand(...given),
  history: async (...given) => (await import('./daemon-events.ts')).historyCommand(...given),
  suspend: async (...given) => (await import('./daemon-commands.ts')).suspendCommand(...given),
  resume: async (...given) => (await import('./daemon-commands.ts')).resumeCommand(...given),
  reconcile: async (...given) => (await import('./daemon-commands.ts')).reconcileCommand(...given),
  approve: async (...given) => (await import('./daemon-commands.ts')).approveCommand(...given),
  apply: async (...given) => (await import('./apply.ts')).applyCommand(...given),
  init: async (options, context) => {
    const { initServerCommand, programOf } = await import('./init-server.ts');
    if (options.server !== undefined) return initServerCommand(options.server, options, programOf(process), context);
    return (await import('./init.ts')).initCommand(options, programOf(process), context);
  },
  receiveHook: async (context) => {
    const { hookOf, receiveHookCommand } = await import('./receive-hook.ts');
    return receiveHookCommand(hookOf(process), context);
  },
  doctor: async (...given) => (await import('./doctor.ts')).doctorCommand(...given),
  completion: async (...given) => (await import('./completion.ts')).completionCommand(...given),
  manual: async (...given) => (await import('./manual.ts')).manualCommand(...given),
};

// Commands of the daemon, which this build does not have: each says so, and which command does the job today.
import { failure } from '../model/finding.ts';

export const DAEMON_COMMANDS: readonly { readonly name: string; readonly args: string; readonly description: string; readonly today: string }[] = [
  { name: 'run', args: '', description: 'reconcile every commit and every drift', today: 'run `latido apply --yes` from a timer or a pipeline' },
  { name: 'status', args: '', description: 'how the cluster and its objects are', today: '`latido plan` shows what differs from the commit' },
  { name: 'get', args: '[KIND]', description: 'list objects and their conditions', today: '`latido plan --json` lists every object that differs' },
  { name: 'events', args: '', description: 'what was done, and why', today: '`latido apply` writes what it does to standard error; keep its output' },
  { name: 'history', args: '', description: 'past rounds', today: '`git log` has the commits; the tasks are in the log of Proxmox' },
  { name: 'suspend', args: '[REF]', description: 'leave an object, or all, alone', today: 'do not run `latido apply` meanwhile' },
  { name: 'resume', args: '[REF]', description: 'take it up again', today: 'run `latido apply`' },
  { name: 'reconcile', args: '', description: 'hurry', today: 'run `latido apply`' },
  { name: 'import', args: '[DIR]', description: 'write manifests from a live cluster', today: 'write the manifest by hand and run `latido plan`: with `adopt: matching` it takes over guests that exist' },
];

export function daemonCommand(name: string): never {
  const today = DAEMON_COMMANDS.find((each) => each.name === name)?.today;
  throw failure('USAGE', `latido ${name} comes with the daemon, which this version does not have`, today === undefined ? {} : { fix: today });
}

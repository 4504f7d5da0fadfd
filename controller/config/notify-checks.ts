// What the schema cannot say of `notify` and `forge`. In: a configuration that fits the schema. Out: mistakes with their pointers. Pure.
import type { DaemonConfig } from './schema.ts';

export interface Mistake { readonly pointer: string; readonly fact: string; readonly fix: string }

export function toldMistakes({ notify = [], forge }: DaemonConfig): readonly Mistake[] {
  const channels = notify.flatMap((channel, at): readonly Mistake[] => {
    const pointer = `/notify/${at}`;
    const first = notify.findIndex(({ name }) => name === channel.name);
    const twice = first < at ? [{ pointer: `${pointer}/name`, fact: `two channels are called ${channel.name}`, fix: 'give each a name of its own: what was told is remembered by it' }] : [];
    if (channel.type !== 'email') return twice;
    const isOpen = channel.security === 'none' && !isLoopback(channel.host);
    const open = isOpen ? [{ pointer: `${pointer}/security`, fact: `security none would send mail to ${channel.host} unprotected`, fix: 'write tls or starttls; none is for a mail server on this machine' }] : [];
    const half = (channel.user === undefined) !== (channel.password === undefined) ? [{ pointer, fact: 'user and password of a channel belong together', fix: 'write both or none' }] : [];
    return [...twice, ...open, ...half];
  });
  const isNowhere = forge !== undefined && forge.url === undefined && (forge.type === 'gitea' || forge.type === 'forgejo');
  return [...channels, ...(isNowhere ? [{ pointer: '/forge', fact: `forge says not where the ${forge.type} is`, fix: 'write its url: https://git.example.org' }] : [])];
}

export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

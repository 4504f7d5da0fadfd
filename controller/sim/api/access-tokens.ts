// API tokens of the simulated cluster.
import type { Json } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import type { TokenState } from '../state.ts';
import { randomUuid } from '../random.ts';
import { existingUser } from './access-users.ts';
import { failure, flag, number, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /access/users/{userid}/token': (call) => tokensOf(call, existingUser(call)) ?? [],
  'GET /access/users/{userid}/token/{tokenid}': (call) => shown(existingToken(call).token),
  'POST /access/users/{userid}/token/{tokenid}': createToken,
  'PUT /access/users/{userid}/token/{tokenid}': updateToken,
  'DELETE /access/users/{userid}/token/{tokenid}': (call) => {
    const { id } = existingToken(call);
    return changeFile(call, 'user.cfg', 'deleting token failed', () => {
      delete call.state.access.tokens[id];
      call.state.access.acl = call.state.access.acl.filter((entry) => entry.type !== 'token' || entry.ugid !== id);
      return undefined;
    });
  },
};

/** A user's tokens without their secrets; null when it has none, as Proxmox says it. */
export function tokensOf(call: Call, userid: string): Json {
  const own = Object.entries(call.state.access.tokens).filter(([id]) => id.startsWith(`${userid}!`));
  return own.length === 0 ? null : own.map(([id, token]) => ({ tokenid: id.slice(userid.length + 1), ...shown(token) }));
}

function shown({ expire, privsep, comment }: TokenState): { readonly [key: string]: Json } {
  return { expire, privsep, ...(comment === undefined ? {} : { comment }) };
}

function existingToken(call: Call): { readonly id: string; readonly token: TokenState } {
  const userid = existingUser(call);
  const name = requiredText(call, 'tokenid');
  const token = call.state.access.tokens[`${userid}!${name}`];
  if (!token) throw failure(`no such token '${name}' for user '${userid}'`);
  return { id: `${userid}!${name}`, token };
}

function createToken(call: Call): Promise<Json> {
  const id = `${existingUser(call)}!${requiredText(call, 'tokenid')}`;
  if (call.state.access.tokens[id]) throw parameterError({ tokenid: 'Token already exists.' });
  const comment = text(call, 'comment');
  const expire = text(call, 'expire');
  return changeFile(call, 'user.cfg', 'creating token failed', () => {
    const secret = randomUuid(() => call.sim.random());
    call.state.access.tokens[id] = { secret, privsep: number(call, 'privsep') ?? 1, expire: Number(expire ?? 0), ...(comment === undefined ? {} : { comment }) };
    // What was sent is told back as it was sent: as text.
    const info = { privsep: text(call, 'privsep') ?? '1', ...(expire === undefined ? {} : { expire }), ...(comment === undefined ? {} : { comment }) };
    return { 'full-tokenid': id, info, value: secret };
  });
}

function updateToken(call: Call): Promise<Json> {
  const { token } = existingToken(call);
  return changeFile(call, 'user.cfg', 'updating token info failed', () => {
    token.privsep = number(call, 'privsep') ?? token.privsep;
    token.expire = number(call, 'expire') ?? token.expire;
    const comment = text(call, 'comment');
    if (comment !== undefined) token.comment = comment;
    if (!flag(call, 'regenerate')) return shown(token);
    token.secret = randomUuid(() => call.sim.random());
    return { ...shown(token), value: token.secret };
  });
}

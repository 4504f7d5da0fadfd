// In: a user and the hour. Out: a ticket and its CSRF token, and later whether they hold. Signed with a key that
// follows from the simulation's seed, so that a run repeats itself.
import { createHmac } from 'node:crypto';
import type { Simulation } from './simulation.ts';

const TICKET_SECONDS = 7200;

export function newTicket(sim: Simulation, userid: string): string {
  const text = `PVE:${userid}:${hexNow(sim)}`;
  return `${text}::${sign(sim, text)}`;
}

/** The user of a ticket that is whole and younger than two hours. */
export function userOfTicket(sim: Simulation, ticket: string): string | undefined {
  const found = /^(PVE:([^:]+):([0-9A-F]{8}))::(.+)$/.exec(ticket);
  if (!found || sign(sim, found[1] ?? '') !== found[4]) return undefined;
  const ageSeconds = sim.clock.now() / 1000 - parseInt(found[3] ?? '', 16);
  return ageSeconds > TICKET_SECONDS ? undefined : found[2];
}

export function csrfToken(sim: Simulation, userid: string): string {
  const at = hexNow(sim);
  return `${at}:${sign(sim, `csrf:${at}:${userid}`)}`;
}

export function holdsCsrf(sim: Simulation, userid: string, token: string | undefined): boolean {
  const [at = '', signature] = (token ?? '').split(':');
  return signature !== undefined && signature === sign(sim, `csrf:${at}:${userid}`);
}

function hexNow(sim: Simulation): string {
  return Math.floor(sim.clock.now() / 1000).toString(16).toUpperCase().padStart(8, '0');
}

function sign(sim: Simulation, text: string): string {
  return createHmac('sha256', `latido ${sim.seed}`).update(text).digest('base64').replace(/=+$/, '');
}

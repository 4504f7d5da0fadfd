// The shape of a named format's check, and the small tools that the tables of formats share.

/** Proxmox's complaint about `text` (without the newline at its end), or nothing. `version` is `9.2` and its like. */
export type TextCheck = (text: string, version: string) => string | undefined;

export function textCheck(isGood: (text: string) => boolean, complaint: (text: string) => string): TextCheck {
  return (text) => (isGood(text) ? undefined : complaint(text));
}

/** The parts of a list as Proxmox splits it: at NUL when there is one, else at commas, semicolons and blanks. */
export function splitList(text: string): readonly string[] {
  const parts = text.includes('\0') ? text.split('\0') : text.replaceAll(/[,;]/g, ' ').trimStart().split(/\s+/);
  while (parts.length > 0 && parts.at(-1) === '') parts.pop();
  return parts;
}

/** Whether version `a` (`9.2`) is `b` or newer. */
export function isAtLeast(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA > majorB || (majorA === majorB && minorA >= minorB);
}

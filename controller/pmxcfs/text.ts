// Text as files of /etc/pve keep it: bytes that would disturb a line stand as %XX.

/** What cannot be decoded stays as it is written. */
export function decodeText(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    const bytes = Uint8Array.from(escaped.slice(1).split('%'), (hex) => Number.parseInt(hex, 16));
    return new TextDecoder().decode(bytes);
  });
}

/** The names in a list, as Proxmox splits it. */
export function splitList(text: string): readonly string[] {
  return text.split(/[\s,;\0]+/).filter((word) => word !== '');
}

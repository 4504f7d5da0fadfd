/** Names one object of the manifests; printed `VirtualMachine/web`. */
export interface Ref { readonly kind: string; readonly name: string }

export function refText(ref: Ref): string {
  return `${ref.kind}/${ref.name}`;
}

export function sameRef(a: Ref, b: Ref): boolean {
  return a.kind === b.kind && a.name === b.name;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

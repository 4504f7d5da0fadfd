/** Everything that comes from outside has a maximum; a commit over one of them is refused, never cut. */
export interface Limits {
  readonly files: number;
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly documents: number;
  /** Values of one document, each use of an alias counted in full. */
  readonly values: number;
  readonly depth: number;
}

export const LIMITS: Limits = {
  // Room for a file per guest in the largest clusters that Proxmox VE is run as, several times over.
  files: 20_000,
  // A megabyte is some 50,000 lines; parsing one of the worst shape takes a few seconds.
  fileBytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
  documents: 50_000,
  // The largest honest document has some thousands; aliases of aliases multiply and would fill the memory.
  values: 100_000,
  // Manifests are nested less than ten deep.
  depth: 50,
};

/** A broken line breaks many after it; more than these help nobody. */
export const SYNTAX_FINDINGS_PER_DOCUMENT = 5;
export const FINDINGS_PER_DOCUMENT = 50;

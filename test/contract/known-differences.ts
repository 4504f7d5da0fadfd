// The recorded exchanges that the simulation cannot answer alike, each with the reason. The contract test fails when
// an exchange differs that is not listed here, and when a listed one no longer differs.

export const knownDifferences: Readonly<Record<string, string>> = {};

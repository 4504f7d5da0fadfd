/** What this process took so far. */
export function processUsage(): { readonly cpuSeconds: number; readonly residentBytes: number; readonly startedAtSeconds: number } {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startedAtSeconds: performance.timeOrigin / 1000 };
}

// In: what is in the bundle. Out: the copyright file of the Debian package, in its machine-readable form (DEP 5).
import type { Bundled } from './bundle.ts';

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Every bundled package is a paragraph with its whole licence, because each names its own holders. */
export function copyrightText(bundled: readonly Bundled[]): string {
  const own = ['Files: *', 'Copyright: the authors of latido', 'License: Expat', ...indented(MIT)];
  const others = bundled.map(({ name, version, license, text }) => [
    `Files: usr/lib/latido/program/*`, `Comment: ${name} ${version}, bundled`, `Copyright: ${holders(text).join('\n ')}`, `License: ${license === 'MIT' ? 'Expat' : license}-${name.replaceAll(/[^\w.]+/g, '-').replace(/^-/, '')}-${version}`, ...indented(licenseText(license, text)),
  ]);
  return `${[['Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/', 'Upstream-Name: latido'], own, ...others].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Debian carries the Apache licence itself; its copies are 11 kB each. */
function licenseText(license: string, text: string): string {
  return license === 'Apache-2.0' ? 'On Debian systems the text of the Apache License, version 2.0, is in /usr/share/common-licenses/Apache-2.0.' : text;
}

function holders(text: string): readonly string[] {
  const found = text.split('\n').map((line) => line.trim()).filter((line) => /^(?:portions )?copyright\b.*(?:\d{4}|\(c\)|©)/i.test(line) && !/\[yyyy\]/.test(line));
  return found.length > 0 ? found.map((line) => line.replace(/^copyright:?\s*/i, '')) : ['its authors'];
}

/** A line of a paragraph begins with a blank; an empty one is a dot. */
function indented(text: string): readonly string[] {
  return text.trim().split(/\r?\n/).map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`));
}

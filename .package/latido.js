#!/usr/bin/node
// /usr/bin/latido of the package: looks at Node's version before anything that an old one could not even parse.
// Must stay without imports of its own and in a JavaScript that Node 12 understands.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write('latido needs Node.js 20.19 or newer; ' + process.execPath + ' is ' + process.versions.node + '\n  fix: install the nodejs of Debian 13, or one from nodesource.com\n');
  process.exit(1);
}
import('./program/main.js');

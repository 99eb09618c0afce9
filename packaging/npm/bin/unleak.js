#!/usr/bin/env node
'use strict';
// Runs the program of the package that npm installed for this platform.
const { spawn } = require('node:child_process');
const { constants } = require('node:os');

function fail(message, hint) {
  console.error(`error: ${message}\nhint: ${hint}`);
  process.exit(2);
}

const name = `@unleak/${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/bin/unleak`);
} catch {
  fail(
    `'${name}' is not installed`,
    "install without '--omit=optional'; if there is no such package, unleak is not built for this system",
  );
}
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
child.on('error', (e) => fail(`cannot run '${program}': ${e.message}`, 'install unleak again'));
// A terminal sends SIGINT to both processes. The program handles it, since it may have to remove locks.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (status, signal) => process.exit(signal ? 128 + constants.signals[signal] : status));

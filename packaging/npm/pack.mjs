#!/usr/bin/env node
// Makes the npm packages: pack.mjs OUT TARGET=PROGRAM...
//
// The package 'unleak' is a small launcher. Each program has a separate package that names its platform; npm
// installs the one for the current platform. The installation runs no script and downloads nothing else.
import { copyFileSync, chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

// Releases use the static Linux programs: one package works with every libc.
const PLATFORMS = {
  'x86_64-unknown-linux-gnu': { os: 'linux', cpu: 'x64' },
  'aarch64-unknown-linux-gnu': { os: 'linux', cpu: 'arm64' },
  'x86_64-unknown-linux-musl': { os: 'linux', cpu: 'x64' },
  'aarch64-unknown-linux-musl': { os: 'linux', cpu: 'arm64' },
  'x86_64-apple-darwin': { os: 'darwin', cpu: 'x64' },
  'aarch64-apple-darwin': { os: 'darwin', cpu: 'arm64' },
};

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const [out, ...programs] = process.argv.slice(2);
if (!out || programs.length === 0) {
  console.error('usage: pack.mjs OUT TARGET=PROGRAM...');
  process.exit(2);
}

const manifest = readFileSync(join(root, 'Cargo.toml'), 'utf8');
const field = (name) => {
  const found = manifest.match(new RegExp(`^${name} = "(.*)"$`, 'm'));
  if (!found) throw new Error(`Cargo.toml has no ${name}`);
  return found[1];
};
const common = {
  version: field('version'),
  description: field('description'),
  license: field('license'),
};

function pack(dir, about) {
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ ...about, ...common }, null, 2) + '\n');
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) copyFileSync(join(root, name), join(dir, name));
  const said = execFileSync('npm', ['pack', '--silent', '--pack-destination', resolve(out), dir], { encoding: 'utf8' });
  console.log(join(resolve(out), said.trim()));
}

mkdirSync(out, { recursive: true });
const scratch = join(resolve(out), 'scratch');
const optionalDependencies = {};
for (const item of programs) {
  const [target, program] = item.split('=');
  const platform = PLATFORMS[target];
  if (!platform) throw new Error(`${target} is none of ${Object.keys(PLATFORMS).join(', ')}`);
  const name = `@unleak/${platform.os}-${platform.cpu}`;
  const dir = join(scratch, `${platform.os}-${platform.cpu}`);
  mkdirSync(join(dir, 'bin'), { recursive: true });
  copyFileSync(program, join(dir, 'bin/unleak'));
  chmodSync(join(dir, 'bin/unleak'), 0o755);
  writeFileSync(join(dir, 'README.md'), `The program of [unleak](https://www.npmjs.com/package/unleak) for ${platform.os} ${platform.cpu}.\n`);
  pack(dir, { name, os: [platform.os], cpu: [platform.cpu], files: ['bin'], preferUnplugged: true });
  optionalDependencies[name] = common.version;
}

const dir = join(scratch, 'unleak');
mkdirSync(dir, { recursive: true });
cpSync(join(here, 'bin'), join(dir, 'bin'), { recursive: true });
chmodSync(join(dir, 'bin/unleak.js'), 0o755);
copyFileSync(join(root, 'README.md'), join(dir, 'README.md'));
pack(dir, {
  name: 'unleak',
  keywords: ['git', 'secrets', 'security', 'scanner', 'leak'],
  bin: { unleak: 'bin/unleak.js' },
  files: ['bin'],
  engines: { node: '>=16' },
  optionalDependencies,
});
rmSync(scratch, { recursive: true });

import { spawnSync } from 'node:child_process';

import { expect, it } from 'vitest';

import { probeOf, usesOf } from '../../../../src/bench/runtimes/uses.ts';

it('the modules of Node that a bundle loads are found, with what it reads of them', () => {
  const text =
    'var import_node_fs=require("node:fs"),import_node_path2=__toESM(require("node:path"));' +
    '(0,import_node_fs.readFileSync)(import_node_path2.default.join(a));import_node_fs.watch(b);' +
    'const later=require("./later.cjs");process.getBuiltinModule("node:os").cpus();';
  expect(usesOf([text]).modules).toEqual({
    'node:fs': ['readFileSync', 'watch'],
    'node:os': [],
    'node:path': [],
  });
});

it('the same name in another file is another variable', () => {
  const files = ['import_a=require("node:fs");import_a.watch()', 'import_a=require("node:net");import_a.connect()']; // prettier-ignore
  expect(usesOf(files).modules).toEqual({ 'node:fs': ['watch'], 'node:net': ['connect'] });
});

it('globals are what Node has by a name that is called or looked into', () => {
  const text =
    'AbortSignal.any([a]);new TextDecoder();b.fetch();own.AbortSignal;"URL(";process.argv';
  expect(usesOf([text]).globals).toEqual([
    'AbortSignal',
    'AbortSignal.any',
    'TextDecoder',
    'process',
    'process.argv',
  ]);
});

it('the probe prints what its runtime lacks, once', () => {
  const uses = {
    modules: { 'node:fs': ['watch', 'nothing'], 'node:absent': ['x'] },
    globals: ['URL', 'Absent', 'Absent.member', 'URL.nothing'],
  };
  const { stdout } = spawnSync(process.execPath, ['--eval', probeOf(uses)], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual(['node:fs.nothing', 'node:absent', 'Absent', 'URL.nothing']);
});

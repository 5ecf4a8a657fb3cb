import { describe, expect, it } from 'vitest';

import { Tree } from '../../../../src/build/formats/tree.ts';
import { assertPrograms, unknownPrograms } from '../../../../src/build/image/programs.ts';
import { LAYERS, STORE } from '../../../../src/build/store/store.ts';
import { makeElf } from '../../../support/elf.ts';
import { origin } from '../../../support/trees.ts';

const layer = (where: string): string => `${STORE}/${LAYERS}/3/fs${where}`;

/** An ELF file of type ET_DYN, as programs and libraries are. */
const elf = makeElf([]);
elf.writeUInt16LE(3, 16);
const module = Buffer.from(elf);
module.writeUInt16LE(1, 16);
const script = Buffer.from('#!/bin/sh\n');
const text = Buffer.from('text\n');

const rootWith = (where: string, bytes: Buffer, mode = 0o644): Tree =>
  new Tree()
    .file('/bin/kubelet', 0o755, { bytes: elf }, origin)
    .file(layer('/bin/bun'), 0o755, { bytes: elf }, origin)
    .file(where, mode, { bytes }, origin)
    .symlink('/bin/mount', 'init');

describe('finds', () => {
  it.each([
    ['a shell in the root', '/bin/sh', elf, 0o755],
    ['one whose mode does not say so', '/lib/firmware/sh', elf, 0o644],
    ['a script', '/etc/kios/hook', script, 0o644],
    ['a file that may be executed', '/etc/note', text, 0o744],
    ['a program of the root in an image', layer('/bin/kubelet'), elf, 0o755],
    ['a program of an image in the root', '/bin/bun', elf, 0o755],
    ['a shell in an image', layer('/usr/bin/busybox'), elf, 0o755],
    ['one among the libraries', layer('/usr/lib/x86_64-linux-gnu/bash'), elf, 0o755],
    ['a script in an image', layer('/agent/agent.cjs'), script, 0o644],
    ['one beside the layers', `${STORE}/${LAYERS}/sh`, elf, 0o644],
  ])('%s', async (_, where, bytes, mode) => {
    const root = rootWith(where, bytes, mode);
    expect(await unknownPrograms(root)).toEqual([where]);
    await expect(assertPrograms(root)).rejects.toThrow(`put ${where} on the node`);
  });
});

describe('accepts', () => {
  it.each([
    ['kubelet', '/bin/kubelet', elf, 0o755],
    ['a kernel module', '/lib/modules/6.12/a.ko', module, 0o644],
    ['a text', '/etc/passwd', text, 0o644],
    ['the loader', layer('/lib64/ld-linux-x86-64.so.2'), elf, 0o755],
    ['a library', layer('/usr/lib/aarch64-linux-gnu/libstdc++.so.6'), elf, 0o755],
    ['a CNI plugin', layer('/cni/bin/host-local'), elf, 0o755],
    ['a program of the user’s agent', layer('/plugins/credential'), script, 0o755],
  ])('%s', async (_, where, bytes, mode) => {
    await expect(assertPrograms(rootWith(where, bytes, mode))).resolves.toBeUndefined();
  });
});

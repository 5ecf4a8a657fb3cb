import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { mergeDocuments } from '../../src/core/document/merge.ts';
import { checkNetwork } from '../../src/core/document/network.ts';
import { NETWORK_FILE, networkFile } from '../../src/core/files/network-file.ts';
import { documentFiles } from '../../src/core/files/user-files.ts';
import { checkUserData } from '../../src/verbs/check-userdata.ts';
import { type Joined, joinNode } from '../../src/verbs/join.ts';
import { renderPlan } from '../../src/verbs/render.ts';
import { planReset } from '../../src/verbs/reset.ts';
import { parseDocument } from '../support/documents.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder } from '../support/node-folder.ts';

const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const STATIC = `${HEAD}network:
  version: 2
  ethernets:
    eth0:
      match: {macaddress: 52:54:00:12:34:56}
      addresses: [192.0.2.10/24]
      routes: [{to: default, via: 192.0.2.1}]
    eth1:
  vlans:
    v5: {id: 5, link: eth1, dhcp4: yes}
`;
const BAD = `${HEAD}network: {version: 2, ethernets: {eth0: {dhpc4: true}, eth1: {mtu: 1}}}\n`;
const OTHER = `${HEAD}network: {version: 2, ethernets: {eth9: {dhcp4: true}}}\n`;

let node: NodeFolder;
let onLine: (line: string) => void = () => {};
const log = testLogger({ stdout: (line) => onLine(line) });
const context = (signal = AbortSignal.timeout(20_000)) => ({
  settings: node.settings,
  log,
  signal,
  openApi: () => ({ get: () => Promise.reject(new Error('no API server here')) }),
});
const run = (): Promise<Joined> => joinNode(context());
const file = (): string | undefined => node.read(`etc/${NETWORK_FILE}`);

beforeEach(async () => {
  node = await NodeFolder.make();
  onLine = () => {};
});
afterEach(() => node[Symbol.asyncDispose]());

describe('the network of a document', () => {
  it('is there before the network is, on which a run waits', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', STATIC);
    const stop = new AbortController();
    onLine = (line) => {
      if (line.includes('file.written')) stop.abort();
    };
    await expect(joinNode(context(stop.signal))).rejects.toThrow('aborted');
    expect(file()).toMatch(/^# The network of the bootstrap document.*\nnetwork:\n {2}version: 2\n/);
    expect(file()).toContain('macaddress: 52:54:00:12:34:56');
  });

  it('goes with the document', async () => {
    node.lease();
    node.write('run/kios/seed/boot/bootstrap.yaml', STATIC);
    await run();
    expect(file()).toBeDefined();
    node.write('run/kios/seed/boot/bootstrap.yaml', HEAD);
    await run();
    expect(file()).toBeUndefined();
  });

  it('leaves the file of a person alone, until it takes its place', async () => {
    node.lease();
    node.write(`etc/${NETWORK_FILE}`, 'network: {version: 2}\n');
    node.write('run/kios/seed/boot/bootstrap.yaml', HEAD);
    await run();
    expect(file()).toBe('network: {version: 2}\n');
    const reset = await planReset(node.settings);
    expect(reset.map((planned) => planned.path)).not.toContain(NETWORK_FILE);
    node.write('run/kios/seed/boot/bootstrap.yaml', STATIC);
    await run();
    expect(file()).toContain('192.0.2.10/24');
    expect(await planReset(node.settings)).toContainEqual(
      expect.objectContaining({ path: NETWORK_FILE, content: undefined }),
    );
  });

  it('is refused by its rules, with the path as it was written, and nothing is changed', async () => {
    node.lease();
    node.write('run/kios/seed/boot/bootstrap.yaml', STATIC);
    await run();
    const before = file();
    node.write('run/kios/seed/boot/bootstrap.yaml', BAD);
    await expect(run()).rejects.toThrow(
      /^read .*bootstrap\.yaml: network\.ethernets\.eth0\.dhpc4: is not a known key, did you mean dhcp4\?; and at network\.ethernets\.eth1\.mtu$/,
    );
    expect(file()).toBe(before);
  });

  it('is shown by render and by check-userdata', async () => {
    node.write('run/kios/seed/boot/bootstrap.yaml', STATIC);
    const { files, values } = await renderPlan(context());
    expect(files[0]).toMatchObject({ path: NETWORK_FILE });
    expect(values).toContainEqual(expect.objectContaining({ path: 'network.vlans.v5.id', value: 5 }));
    const text = path.join(node.root, 'document');
    await writeFile(text, STATIC);
    const { document } = await checkUserData(text);
    expect(document).toHaveProperty('network.version', 2);
    await writeFile(text, BAD);
    await expect(checkUserData(text)).rejects.toThrow('network.ethernets.eth0.dhpc4');
  });

  it('is never mixed of two documents', () => {
    const [one, two] = [STATIC, OTHER].map((text) => parseDocument('x', text).document);
    expect(mergeDocuments([one!, two!])?.network).toEqual(two?.network);
    expect(mergeDocuments([one!, parseDocument('x', HEAD).document])?.network).toEqual(one?.network);
  });

  it('may have any value that a network file may have', async () => {
    const { document } = parseDocument(
      'x',
      `${HEAD}network: {version: 1, config: [{type: physical, name: eth0, subnets: [{type: dhcp}]}]}\n`,
    );
    await expect(checkNetwork('x', document)).resolves.toBeUndefined();
  });

  it('is not written twice', () => {
    const files = `files: [{path: /etc/${NETWORK_FILE}, content: x}]\n`;
    expect(() => documentFiles(parseDocument('x', STATIC + files).document)).toThrow(
      'files.0.path: is written because of network',
    );
    expect(documentFiles(parseDocument('x', HEAD + files).document)).toContainEqual(
      expect.objectContaining({ path: NETWORK_FILE, content: 'x' }),
    );
    expect(networkFile({}, 'x')).toEqual([]);
  });
}); // prettier-ignore

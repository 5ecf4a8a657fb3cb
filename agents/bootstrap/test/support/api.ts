import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { Netns } from '@kios/testkit';
import { makeCa, makeLeaf } from '@kios/testkit/control-plane';

/** The part of an API server that verifying needs, in a namespace. */
export class Api {
  readonly endpoint = 'https://127.0.0.1:6443';
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(netns: Netns): Promise<Api> {
    const dir = netns.folder;
    makeCa(dir, 'ca');
    makeCa(dir, 'unused');
    makeLeaf(dir, 'api', 'ca', { subject: '/CN=api', usage: 'serverAuth', san: 'IP:127.0.0.1' });
    const program = path.join(import.meta.dirname, 'api-process.ts');
    const files = ['api.crt', 'api.key'].map((name) => path.join(dir, name));
    const server = netns.start(process.execPath, [program, ...files, '127.0.0.1', '6443']);
    await server.expect('ready', 60_000);
    return new Api(dir);
  }

  get ca(): string {
    return this.#read('ca.crt');
  }

  /** A CA that signed nothing. */
  get unusedCa(): string {
    return this.#read('unused.crt');
  }

  /** Returns certificate and key in one file, as kubelet keeps them. */
  identityOf(node: string): string {
    const subject = `/O=system:nodes/CN=system:node:${node}`;
    makeLeaf(this.#folder, 'kubelet', 'ca', { subject, usage: 'clientAuth' });
    return this.#read('kubelet.crt') + this.#read('kubelet.key');
  }

  #read(name: string): string {
    return readFileSync(path.join(this.#folder, name), 'utf8');
  }
}

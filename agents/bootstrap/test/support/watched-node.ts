import type { Settings } from '../../src/core/settings/settings.ts';
import { NODE, READY } from './fake-cluster.ts';
import { CLIENT } from './fixtures.ts';
import { LocalAgent } from './local-agent.ts';
import { NodeFolder } from './node-folder.ts';

/** An agent whose machine has a lease, and which forgets at each start what it did before. */
export class WatchedNode extends LocalAgent {
  static async make(): Promise<WatchedNode> {
    const watched = new WatchedNode(await NodeFolder.make());
    watched.node.lease();
    return watched;
  }

  override async start(change: Partial<Settings> = {}): Promise<void> {
    await this.stop();
    this.forget();
    await super.start(change);
  }

  /** Makes it a member whose document is this one. */
  async join(document: string): Promise<void> {
    this.node.seed(document);
    this.cluster.answers[NODE] ??= READY;
    await this.start();
    await this.sees('restart.sent');
    this.node.kubeletJoins(CLIENT);
    await this.sees('node.ready');
    this.forget();
  }

  /** Waits until the agent has looked at its Node again, so that what it does by itself is done. */
  async looks(times = 3): Promise<void> {
    const before = this.#looks();
    await this.until(() => {
      if (this.#looks() < before + times) throw new Error('the agent does not look');
    });
  }

  #looks(): number {
    return this.cluster.asked.filter(({ path }) => path === NODE).length;
  }
}

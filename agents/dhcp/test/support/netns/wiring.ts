import type { Scene } from './scene.ts';

/** How a machine is plugged into the network of its scene, which gives it `eth0` and the server's end `port1`. */
export interface Wiring {
  /** Cards of the machine. */
  readonly cards: readonly string[];
  /** The server's ends of the cables. */
  readonly ports: readonly string[];
  /** Makes what the scene does not have. */
  readonly connect: (scene: Scene) => Promise<void>;
}

export const ONE_CARD: Wiring = {
  cards: ['eth0'],
  ports: ['port1'],
  connect: async () => undefined,
};

/** A second card, whose cable leads to a port of the server that is not in its bridge yet. */
async function addCard({ client, server }: Scene): Promise<void> {
  const peer = ['peer', 'name', 'port3', 'netns', server.name];
  await client.exec('ip', 'link', 'add', 'eth1', 'type', 'veth', ...peer);
}

export const TWO_CARDS: Wiring = {
  cards: ['eth0', 'eth1'],
  ports: ['port1', 'port3'],
  async connect(scene) {
    await addCard(scene);
    await scene.server.exec('ip', 'link', 'set', 'port3', 'master', 'srv0', 'up');
  },
};

/** Makes a VLAN of a port of the server, or of its bond, the only port of its bridge. */
async function tag({ server }: Scene, port: string): Promise<void> {
  const name = `${port}.7`;
  await server.exec('ip', 'link', 'add', 'link', port, 'name', name, 'type', 'vlan', 'id', '7');
  await server.exec('ip', 'link', 'set', port, 'up');
  await server.exec('ip', 'link', 'set', name, 'master', 'srv0', 'up');
}

/** The server's end of the cable has the VLAN alone. */
export const VLAN: Wiring = {
  ...ONE_CARD,
  async connect(scene) {
    await scene.server.exec('ip', 'link', 'set', 'port1', 'nomaster');
    await tag(scene, 'port1');
  },
};

/** Both cards lead to a bond of the server, which speaks LACP. */
export const BOND_TO_BOND: Wiring = {
  ...TWO_CARDS,
  async connect(scene) {
    const { server } = scene;
    await addCard(scene);
    const settings = ['mode', '802.3ad', 'lacp_rate', 'fast', 'miimon', '50'];
    await server.exec('ip', 'link', 'add', 'bond1', 'type', 'bond', ...settings);
    for (const port of TWO_CARDS.ports) {
      // A bond takes in links that are down.
      await server.exec('ip', 'link', 'set', port, 'down');
      await server.exec('ip', 'link', 'set', port, 'master', 'bond1');
      await server.exec('ip', 'link', 'set', port, 'up');
    }
    await server.exec('ip', 'link', 'set', 'bond1', 'master', 'srv0', 'up');
  },
};

/** Both cards lead to a switch, of which the server has the VLAN alone. */
export const VLAN_ON_BOND: Wiring = {
  ...TWO_CARDS,
  async connect(scene) {
    const { server } = scene;
    await addCard(scene);
    await server.exec('ip', 'link', 'add', 'switch', 'type', 'bridge', 'forward_delay', '0');
    for (const port of TWO_CARDS.ports)
      await server.exec('ip', 'link', 'set', port, 'master', 'switch', 'up');
    await tag(scene, 'switch');
  },
};

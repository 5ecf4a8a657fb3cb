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

/** The server's end of the cable has the VLAN alone. */
export const VLAN: Wiring = {
  ...ONE_CARD,
  async connect({ server }) {
    const vlan = ['name', 'port1.7', 'type', 'vlan', 'id', '7'];
    await server.exec('ip', 'link', 'set', 'port1', 'nomaster');
    await server.exec('ip', 'link', 'add', 'link', 'port1', ...vlan);
    await server.exec('ip', 'link', 'set', 'port1', 'up');
    await server.exec('ip', 'link', 'set', 'port1.7', 'master', 'srv0', 'up');
  },
};

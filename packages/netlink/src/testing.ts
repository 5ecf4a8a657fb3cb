import type { Address, Kind, Link, LinkChange, NetworkEvent, Route, Rtnetlink } from './index.ts';

/** A kernel in memory: keeps links, addresses and routes as the real one does, and notifies its followers. */
export class FakeRtnetlink implements Rtnetlink {
  readonly log: string[] = [];
  #links: Link[];
  #addresses: Address[] = [];
  #routes: Route[] = [];
  readonly #followers = new Set<(event: NetworkEvent) => void>();

  constructor(links: readonly Link[] = []) {
    this.#links = [...links];
  }

  links = (): Promise<Link[]> => Promise.resolve([...this.#links]);
  addresses = (): Promise<Address[]> => Promise.resolve([...this.#addresses]);
  routes = (): Promise<Route[]> => Promise.resolve([...this.#routes]);

  /** Adds or changes a link, as a driver does. */
  putLink(link: Link): void {
    this.#links = [...this.#links.filter(({ index }) => index !== link.index), link];
    this.#notify({ tag: 'link', gone: false, link });
  }

  changeLink(index: number, change: LinkChange): Promise<void> {
    this.log.push(`link ${index} ${JSON.stringify(change)}`);
    const link = this.#links.find((each) => each.index === index);
    if (link === undefined) return Promise.reject(new Error(`no link ${index}`));
    const { up = link.up, mtu = link.mtu } = change;
    this.putLink({ ...link, up, mtu });
    return Promise.resolve();
  }

  replaceAddress(address: Address): Promise<void> {
    this.log.push(`address ${address.address}/${address.prefix}`);
    this.#addresses = [...this.#addresses.filter((each) => !sameAddress(each, address)), address];
    this.#notify({ tag: 'address', gone: false, address });
    return Promise.resolve();
  }

  deleteAddress(address: Address): Promise<void> {
    this.log.push(`no address ${address.address}/${address.prefix}`);
    this.#addresses = this.#addresses.filter((each) => !sameAddress(each, address));
    this.#notify({ tag: 'address', gone: true, address });
    // The kernel flushes a link's routes with its last address.
    if (!this.#addresses.some(({ ifindex }) => ifindex === address.ifindex)) {
      this.#routes = this.#routes.filter(({ ifindex }) => ifindex !== address.ifindex);
    }
    return Promise.resolve();
  }

  replaceRoute(route: Route): Promise<void> {
    this.log.push(`route ${route.dst} via ${route.via ?? 'link'}`);
    this.#routes = [...this.#routes.filter((each) => !sameRoute(each, route)), route];
    this.#notify({ tag: 'route', gone: false, route });
    return Promise.resolve();
  }

  deleteRoute(route: Route): Promise<void> {
    this.log.push(`no route ${route.dst}`);
    this.#routes = this.#routes.filter((each) => !sameRoute(each, route));
    this.#notify({ tag: 'route', gone: true, route });
    return Promise.resolve();
  }

  events(signal: AbortSignal, kinds: readonly Kind[]): AsyncIterable<NetworkEvent> {
    const queue: NetworkEvent[] = [];
    let wake = Promise.withResolvers<void>();
    const follower = (event: NetworkEvent): void => {
      if (event.tag !== 'overrun' && !kinds.includes(event.tag)) return;
      queue.push(event);
      wake.resolve();
    };
    this.#followers.add(follower);
    signal.addEventListener('abort', () => wake.resolve(), { once: true });
    const followers = this.#followers;
    return (async function* follow(): AsyncGenerator<NetworkEvent> {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else {
          await wake.promise;
          if (!signal.aborted) wake = Promise.withResolvers<void>();
        }
      }
      followers.delete(follower);
    })();
  }

  close(): void {
    this.#followers.clear();
  }

  #notify(event: NetworkEvent): void {
    for (const follower of this.#followers) follower(event);
  }
}

const sameAddress = (a: Address, b: Address): boolean =>
  a.ifindex === b.ifindex && a.address === b.address && a.prefix === b.prefix;

const sameRoute = (a: Route, b: Route): boolean => a.dst === b.dst && a.metric === b.metric;

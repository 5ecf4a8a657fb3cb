const NAME = 'kios_dhcp_events_total';

/** How often each event of the log happened, for each link. */
export class EventCounter {
  readonly #counts = new Map<string, number>();

  add(event: string, link = ''): void {
    const series = `${NAME}{link="${escape(link)}",event="${event}"}`;
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
  }

  /** As Prometheus reads it. */
  format(): string {
    const lines = [...this.#counts].map(([series, count]) => `${series} ${count}`).toSorted();
    const head = [`# HELP ${NAME} Events in the log of the DHCP client.`, `# TYPE ${NAME} counter`];
    return `${[...head, ...lines].join('\n')}\n`;
  }
}

/** The kernel lets a link be called nearly anything. */
const escape = (link: string): string => link.replaceAll(/["\\]/g, '\\$&');

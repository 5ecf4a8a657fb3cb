const NAME = 'kios_dhcp_events_total';

/** Counts the log's events by link. */
export class EventCounter {
  readonly #counts = new Map<string, number>();

  add(event: string, link = ''): void {
    const series = `${NAME}{link="${escape(link)}",event="${event}"}`;
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
  }

  /** The counts in Prometheus' text format. */
  format(): string {
    const lines = [...this.#counts].map(([series, count]) => `${series} ${count}`).toSorted();
    const head = [`# HELP ${NAME} Events in the log of the DHCP client.`, `# TYPE ${NAME} counter`];
    return `${[...head, ...lines].join('\n')}\n`;
  }
}

/** Escapes a label's value: the kernel allows nearly any link name. */
const escape = (link: string): string => link.replaceAll(/["\\]/g, '\\$&');

import { Counter, Gauge, type Registry } from "prom-client";

/** How the figures of several processes are combined. */
export type Combination = "sum" | "min" | "max";

/** Each value with the values of the metric's labels, in order. */
export type LabelledValues = Iterable<readonly [labels: readonly string[], value: number]>;

/** Registers metrics that are read when they are scraped. */
export interface Instruments {
  readonly counter: (name: string, help: string, value: () => number) => void;
  readonly gauge: (
    name: string,
    help: string,
    value: () => number | Promise<number>,
    combination?: Combination,
  ) => void;
  /** While the values can't be read (`undefined`), the metric has none. */
  readonly gauges: (
    name: string,
    help: string,
    labelNames: readonly string[],
    values: () => LabelledValues | undefined | Promise<LabelledValues | undefined>,
    combination?: Combination,
  ) => void;
  readonly counters: (name: string, help: string, labelNames: readonly string[], values: () => LabelledValues) => void;
}

/** Gauges are summed up over processes unless said otherwise; counters always are. */
export function createInstruments(registry: Registry): Instruments {
  const registers = [registry];
  const labelled = (names: readonly string[], values: readonly string[]) =>
    Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
  return {
    counter(name, help, value) {
      const counter: Counter = new Counter({
        name,
        help,
        registers,
        collect() {
          counter.reset();
          counter.inc(value());
        },
      });
    },
    gauge(name, help, value, aggregator = "sum") {
      const gauge: Gauge = new Gauge({
        name,
        help,
        aggregator,
        registers,
        async collect() {
          gauge.set(await value());
        },
      });
    },
    gauges(name, help, labelNames, values, aggregator = "sum") {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames,
        aggregator,
        registers,
        async collect() {
          const read = await values();
          gauge.reset();
          for (const [labels, value] of read ?? []) gauge.set(labelled(labelNames, labels), value);
        },
      });
    },
    counters(name, help, labelNames, values) {
      const counter: Counter = new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          counter.reset();
          for (const [labels, value] of values()) counter.inc(labelled(labelNames, labels), value);
        },
      });
    },
  };
}

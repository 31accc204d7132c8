/** The processes that serve on the same ports: their metrics, and the steps at which they wait for each other. */
export interface ProcessGroup {
  gather(): Promise<readonly unknown[]>;
  report(read: () => Promise<unknown>, readCounters: () => Promise<unknown>, isStuck: () => boolean): void;
  waitForAll(step: string): Promise<void>;
}

/** Packets that the kernel took from the hardware and could not handle: /proc/net/softnet_stat. */

export interface Softnet {
  processed: number;
  /** Thrown away, because the CPU's backlog (net.core.netdev_max_backlog) was full. */
  dropped: number;
  /** Times a CPU stopped with packets left over, its budget used up. */
  squeezed: number;
}

/** The sum over all CPUs, a line of hexadecimal columns each; net/core/net-procfs.c. Undefined where there is none. */
export function parseSoftnet(text: string): Softnet | undefined {
  let sum: Softnet | undefined;
  for (const line of text.split("\n")) {
    const columns = line.trim().split(/\s+/);
    // A kernel that counts more has more columns, and every column has eight digits.
    if (columns.length < 3 || !columns.every((column) => /^[0-9a-f]{8}$/i.test(column))) continue;
    const [processed, dropped, squeezed] = columns.map((column) => Number.parseInt(column, 16));
    sum = {
      processed: (sum?.processed ?? 0) + (processed as number),
      dropped: (sum?.dropped ?? 0) + (dropped as number),
      squeezed: (sum?.squeezed ?? 0) + (squeezed as number),
    };
  }
  return sum;
}

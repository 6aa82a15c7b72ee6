/** NVMe controllers: what they are, whether they live, how warm they are. What befalls one befalls all of its disks. */
import type { BlockingReader } from "../../kernel/blocking.ts";
import { readNvmeControllers, type NvmeController } from "../../kernel/nvme.ts";
import type { Attrs } from "../../model/event.ts";
import type { Fault } from "./fault-book.ts";

/** A controller is asked for its temperature seldom: the question may wake one that saves power. */
const TEMPERATURE_AGE_MS = 30_000;
/** With so many controllers none is plugged in unnoticed for long, and a machine without any is not searched all the time. */
const LIST_AGE_MS = 10_000;

interface Temperature {
  celsius: number;
  /** Where the controller begins to shut down. */
  criticalCelsius: number | undefined;
  /** `temp1_input` */
  source: string;
}

export class Controllers {
  readonly #sys: string;
  readonly #reader: BlockingReader;
  #controllers: NvmeController[] = [];
  #listedMs = Number.NEGATIVE_INFINITY;
  #measuredMs = Number.NEGATIVE_INFINITY;
  readonly #temperatures = new Map<string, Temperature>();

  constructor(sys: string, reader: BlockingReader) {
    this.#sys = sys;
    this.#reader = reader;
  }

  look(atMs: number): void {
    if (this.#controllers.length > 0 || atMs - this.#listedMs >= LIST_AGE_MS) {
      this.#controllers = readNvmeControllers(this.#sys);
      this.#listedMs = atMs;
    }
    if (atMs - this.#measuredMs < TEMPERATURE_AGE_MS) return;
    this.#measuredMs = atMs;
    // Not waited for: a sick controller answers after a minute or never, and its answer is for the next look.
    for (const controller of this.#controllers) void this.#measure(controller);
  }

  disksOf(name: string): readonly string[] {
    return this.#controllers.find((controller) => controller.name === name)?.disks ?? [];
  }

  /** By disk. */
  facts(): Map<string, Attrs> {
    const facts = new Map<string, Attrs>();
    for (const { name, state, model, firmware, disks } of this.#controllers) {
      const attrs: Attrs = { controller: name, controller_state: state, model, firmware };
      const temperature = this.#temperatures.get(name);
      if (temperature !== undefined) attrs.temperature_c = temperature.celsius;
      for (const disk of disks) facts.set(disk, attrs);
    }
    return facts;
  }

  faults(): Fault[] {
    const faults: Fault[] = [];
    for (const controller of this.#controllers) {
      const found = [...stateFault(controller, this.#sys), ...heatFault(this.#temperatures.get(controller.name))];
      for (const disk of controller.disks) {
        const path = `/dev/${disk}`;
        for (const fault of found) faults.push({ ...fault, entity: disk, label: path, object: path });
      }
    }
    return faults;
  }

  async #measure({ name, sensor }: NvmeController): Promise<void> {
    if (sensor === undefined) return;
    const source = `${sensor}/temp1_input`;
    const texts = await Promise.all([
      this.#reader.readFrom(source, 64),
      this.#reader.readFrom(`${sensor}/temp1_crit`, 64),
    ]);
    const [celsius, criticalCelsius] = texts.map(milliCelsius);
    if (celsius === undefined) this.#temperatures.delete(name);
    else this.#temperatures.set(name, { celsius, criticalCelsius, source });
  }
}

type Found = Omit<Fault, "entity" | "label" | "object">;

/** Only these two: `connecting` and `deleting` are over in a moment, or somebody's wish. */
function stateFault({ name, state }: NvmeController, sys: string): Found[] {
  if (state !== "dead" && state !== "resetting") return [];
  const observed = `${name} is ${state}`;
  const head = state === "dead" ? "CONTROLLER_DEAD" : "CONTROLLER_RESETTING";
  return [{ head, words: observed, source: `${sys}/class/nvme/${name}/state`, observed }];
}

function heatFault(temperature: Temperature | undefined): Found[] {
  if (temperature?.criticalCelsius === undefined || temperature.celsius < temperature.criticalCelsius) return [];
  const observed = `${temperature.celsius} °C, critical from ${temperature.criticalCelsius} °C`;
  return [
    {
      head: "OVERHEATED",
      words: observed,
      isWarning: true,
      cause: "storage.slow",
      source: temperature.source,
      observed,
    },
  ];
}

/** hwmon has thousandths of a degree. */
function milliCelsius(text: string | undefined): number | undefined {
  const digits = /^(-?\d+)\n/.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits) / 1000;
}

/**
 * A device's own sensors: Documentation/hwmon/sysfs-interface.rst. Reading one asks the device's driver, which may not
 * answer for long; who reads them is the caller's choice.
 */
import { namesIn } from "./folders.ts";
import { readText } from "./procfs.ts";

export interface SensorReadings {
  temperatures: Temperature[];
  powerW?: number;
  /** What the device may draw. */
  powerLimitW?: number;
  energyJ?: number;
  /** Of the first clock: a graphics card's engine. */
  clockMhz?: number;
  fanRpm?: number;
}

interface Temperature {
  /** `edge`, `junction`, `mem`; empty where there is but one. */
  label: string;
  celsius: number;
  /** Above this the device slows down or stops to save itself. */
  criticalCelsius?: number;
}

const MAX_TEMPERATURES = 8;

/** The folder of the device's sensors; undefined where it has none. */
export function sensorFolder(device: string): string | undefined {
  const name = namesIn(`${device}/hwmon`).find((entry) => /^hwmon\d+$/.test(entry));
  return name === undefined ? undefined : `${device}/hwmon/${name}`;
}

/** `files`: the names in the folder, for they do not change. */
export function readSensors(folder: string, files: ReadonlySet<string>): SensorReadings {
  const read = (name: string) => (files.has(name) ? numberIn(readText(`${folder}/${name}`)) : undefined);
  const readings: SensorReadings = { temperatures: temperaturesIn(folder, files, read) };
  const micro = (name: string) => scaled(read(name), 1e6);
  const figures = {
    powerW: micro("power1_average") ?? micro("power1_input"),
    powerLimitW: micro("power1_cap") ?? micro("power1_max"),
    energyJ: micro("energy1_input"),
    clockMhz: scaled(read("freq1_input"), 1e6),
    fanRpm: read("fan1_input"),
  };
  for (const [key, value] of Object.entries(figures))
    if (value !== undefined) Object.assign(readings, { [key]: value });
  return readings;
}

export function sensorFiles(folder: string): Set<string> {
  return new Set(namesIn(folder));
}

function temperaturesIn(
  folder: string,
  files: ReadonlySet<string>,
  read: (name: string) => number | undefined,
): Temperature[] {
  const temperatures: Temperature[] = [];
  for (let number = 1; number <= MAX_TEMPERATURES; number++) {
    const celsius = scaled(read(`temp${number}_input`), 1000);
    if (celsius === undefined) continue;
    const criticalCelsius = scaled(read(`temp${number}_crit`), 1000);
    const label = files.has(`temp${number}_label`) ? (readText(`${folder}/temp${number}_label`) ?? "").trim() : "";
    temperatures.push({ label, celsius, ...(criticalCelsius === undefined ? {} : { criticalCelsius }) });
  }
  return temperatures;
}

/** A whole number, as every sensor is told. */
export function numberIn(text: string | undefined): number | undefined {
  const word = text?.trim() ?? "";
  return /^-?\d{1,18}$/.test(word) ? Number(word) : undefined;
}

function scaled(value: number | undefined, divisor: number): number | undefined {
  return value === undefined ? undefined : value / divisor;
}

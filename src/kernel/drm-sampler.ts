/**
 * All that the kernel says of graphics cards and who uses them, in one sample. For the helper process: what is read here
 * may hang. NVIDIA's cards are left to its own library.
 */
import { DrmClients, type ClientSample } from "./drm-clients.ts";
import { CardReader, type CardFigures } from "./drm-card.ts";
import { readDrmCards, type DrmCard } from "./drm.ts";
import { readKfdUses, type KfdUse } from "./kfd.ts";

export interface DrmSample {
  /** Milliseconds of a clock of its own that does not go back. */
  atMs: number;
  cards: { card: DrmCard; figures: CardFigures }[];
  clients: ClientSample[];
  kfd: KfdUse[];
}

/** Cards may be plugged in and drivers loaded. */
const CARDS_MS = 30_000;
/** For memory errors the driver looks through the card's registers. */
const ERRORS_MS = 30_000;

export class DrmSampler {
  readonly #sys: string;
  readonly #clients: DrmClients;
  #cards: CardReader[] = [];
  #cardsDueMs = Number.NEGATIVE_INFINITY;
  #errorsDueMs = Number.NEGATIVE_INFINITY;

  /** `root`: the folder that proc and sys are in; empty for this machine's. */
  constructor(root: string) {
    this.#sys = `${root}/sys`;
    this.#clients = new DrmClients(`${root}/proc`);
  }

  sample(nowMs: number): DrmSample {
    if (nowMs >= this.#cardsDueMs) {
      this.#cards = readComputingCards(this.#sys).map((card) => new CardReader(card, this.#sys));
      this.#cardsDueMs = nowMs + CARDS_MS;
    }
    const withErrors = nowMs >= this.#errorsDueMs;
    if (withErrors) this.#errorsDueMs = nowMs + ERRORS_MS;
    return {
      atMs: nowMs,
      cards: this.#cards.map((reader) => ({ card: reader.card, figures: reader.read(withErrors) })),
      clients: this.#clients.read(nowMs),
      kfd: readKfdUses(this.#sys),
    };
  }
}

/** Those that programs can compute or draw with, and that NVIDIA's library does not see. */
export function readComputingCards(sys: string): DrmCard[] {
  return readDrmCards(sys).filter(({ renderNode, driver }) => renderNode !== undefined && !driver.startsWith("nvidia"));
}

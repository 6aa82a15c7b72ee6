/** What an agent may read to understand the answers: the package's documents, and the catalogue of causes. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CAUSE_KINDS, CAUSES, type CauseKind, type Weight } from "../../model/cause.ts";
import { sentencesOf, type Sentences } from "../../views/sentences/index.ts";

export interface Resource {
  name: string;
  uri: string;
  title: string;
  description: string;
  mimeType: string;
  read(): Promise<string>;
}

// The package's folder lies beside src/ and beside dist/ (rolldown.config.ts).
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const DOCS = new URL(FROM_SOURCE ? "../../../docs/" : "../docs/", import.meta.url);

export const RESOURCES: readonly Resource[] = [
  {
    ...markdown("events"),
    title: "Events",
    description: "The contract of events: fields, types, ids, kinds of wait, and what each does to the graph.",
  },
  {
    ...markdown("documents", "cli"),
    title: "Documents",
    description: "The contract of the answers: the JSON documents of ps, why, events, status and doctor.",
  },
  {
    ...markdown("errors"),
    title: "Errors",
    description: "Every error code and what to do about it.",
  },
  {
    name: "causes",
    uri: "xctl://causes",
    title: "Causes",
    description: "Every kind of root cause: its meaning in English and Chinese, and how much it weighs.",
    mimeType: "application/json",
    read: async () => JSON.stringify({ causes: catalogue() }, null, 1),
  },
];

function markdown(name: string, file: string = name) {
  const path = fileURLToPath(new URL(`${file}.md`, DOCS));
  return { name, uri: `xctl://docs/${name}`, mimeType: "text/markdown", read: () => readFile(path, "utf8") };
}

interface CatalogueEntry {
  kind: CauseKind;
  /** `fault`, `slow`, `harmless` or `unknown`. */
  weight: Weight;
  /** Where one of these is known of the same process, this one follows from it. */
  symptom_of: readonly CauseKind[];
  meaning: { en: string; zh: string };
}

function catalogue(): CatalogueEntry[] {
  return CAUSE_KINDS.map((kind) => ({
    kind,
    weight: CAUSES[kind].weight,
    symptom_of: CAUSES[kind].symptomOf ?? [],
    meaning: { en: meaning(kind, sentencesOf("en")), zh: meaning(kind, sentencesOf("zh")) },
  }));
}

/** The sentence that an answer would have, of no process in particular. */
function meaning(kind: CauseKind, say: Sentences): string {
  const { who, others, thing } = say.mcp.anyone;
  const sentence = say.causes[kind]({
    who,
    actor: null,
    members: [who, others],
    tids: [],
    entity: thing,
    detail: "",
    wait: null,
    held: null,
    place: null,
  });
  // Names are set off by blanks in Chinese; these words are none.
  const joined = sentence.replace(/(?<=\p{Script=Han}) (?=\p{Script=Han})/gu, "");
  return joined.charAt(0).toUpperCase() + joined.slice(1);
}

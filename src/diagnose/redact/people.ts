/** Home folders, which are called after a person, and e-mail addresses. */
import { matches, type Detector } from "./span.ts";

const HOME =
  /()(\/(?:home|Users)\/(?!\[)[^\s/"':;,()[\]]+|[A-Za-z]:[\\/]Users[\\/][^\s\\/"':;,()[\]]+|(?<![\w./~-])\/root(?![\w.-]))/g;
const MAIL =
  /(?<![\w.+%-])()([\w.+%-]+@(?!\d)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?!(?:service|socket|timer|slice|mount|target|scope|device|path|swap)\b)[A-Za-z]{2,24})(?![\w-])/g;

export const people: Detector = (text) => [
  ...matches(text, HOME, "home"),
  // git@host is everybody's.
  ...matches(text, MAIL, "mail").filter(({ start }) => !text.startsWith("git@", start)),
];

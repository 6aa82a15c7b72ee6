/** A table that fits the terminal: the widest columns give way first. Cells are text that is safe to print. */
import { ink, signs, type Style } from "./style.ts";
import { cut, displayWidth } from "./width.ts";

export interface Column {
  header: string;
  /** One a row. */
  cells: readonly string[];
  align?: "left" | "right";
  /** Never cut: what a person types again. */
  whole?: boolean;
  /** Gives way before all others: the long text at the end. */
  yields?: boolean;
  /** Left out where there is no room: those first in which no row has anything, then the others from the right. */
  optional?: boolean;
  /** Colours a cell after it was cut. */
  paint?: (cell: string, row: number) => string;
}

export const NOTHING = "-";
const GAP = "  ";
const YIELDED_COLUMNS = 20;
/** A column keeps this much of itself as long as another has more. */
const FAIR_COLUMNS = 8;

export function table(all: readonly Column[], style: Style): string[] {
  const columns = chosen(all, style.width);
  const widths = fittingWidths(columns, style.width);
  const { more } = signs(style);
  const draw = (cells: readonly string[], paint: (cell: string, column: Column) => string) =>
    columns
      .map((column, place) => {
        const width = widths[place] as number;
        const shown = cut(cells[place] as string, width, more);
        const blank = " ".repeat(width - displayWidth(shown));
        const painted = paint(shown, column);
        return column.align === "right" ? blank + painted : painted + blank;
      })
      .join(GAP)
      .trimEnd();
  const rows = columns[0]?.cells.length ?? 0;
  const lines = [
    draw(
      columns.map(({ header }) => header),
      (cell) => ink(style, cell, "bold"),
    ),
  ];
  for (let row = 0; row < rows; row++) {
    const cells = columns.map((column) => column.cells[row] as string);
    lines.push(draw(cells, (cell, column) => column.paint?.(cell, row) ?? cell));
  }
  return lines;
}

function isTold(cell: string): boolean {
  return cell !== NOTHING && cell !== "";
}

function naturalWidths(columns: readonly Column[]): number[] {
  return columns.map(({ header, cells }) =>
    cells.reduce((widest, cell) => Math.max(widest, displayWidth(cell)), displayWidth(header)),
  );
}

function chosen(all: readonly Column[], width: number): readonly Column[] {
  const columns = [...all];
  while (total(leastWidths(columns)) > width) {
    const empty = columns.findLastIndex((column) => column.optional && !column.cells.some(isTold));
    const next = empty < 0 ? columns.findLastIndex(({ optional }) => optional) : empty;
    if (next < 0) break;
    columns.splice(next, 1);
  }
  return columns;
}

function leastWidths(columns: readonly Column[]): number[] {
  return naturalWidths(columns).map((width, place) => (columns[place]?.whole ? width : Math.min(width, FAIR_COLUMNS)));
}

function fittingWidths(columns: readonly Column[], width: number): number[] {
  const widths = naturalWidths(columns);
  const rounds = [
    { least: YIELDED_COLUMNS, taken: columns.filter((column) => column.yields) },
    { least: FAIR_COLUMNS, taken: columns },
    { least: 1, taken: columns },
  ];
  for (const { least, taken } of rounds) {
    while (total(widths) > width) {
      const widest = widestOf(columns, taken, widths, least);
      if (widest === undefined) break;
      widths[widest] = (widths[widest] as number) - 1;
    }
  }
  return widths;
}

function widestOf(
  columns: readonly Column[],
  taken: readonly Column[],
  widths: readonly number[],
  least: number,
): number | undefined {
  let widest: number | undefined;
  for (const [place, width] of widths.entries()) {
    const column = columns[place] as Column;
    if (column.whole || width <= least || !taken.includes(column)) continue;
    if (widest === undefined || width > (widths[widest] as number)) widest = place;
  }
  return widest;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP.length * Math.max(widths.length - 1, 0));
}

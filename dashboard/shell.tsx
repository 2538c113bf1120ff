/** What every view has around it and is made of. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { EdgesResponse } from "../mesh/api.ts";
import type { Resource } from "../mesh/resources/resource.ts";
import type { Health, Range } from "./model.ts";
import { altered, goQuietly, here, type Place } from "./place.ts";

/** What views are given. */
export type Shown = {
  readonly place: Place;
  readonly range: Range;
  readonly paused: boolean;
  readonly edges: EdgesResponse | undefined;
  /** Of the epoch in force; undefined until they have come. */
  readonly resources: readonly Resource[] | undefined;
};

export const Head = ({ title, sub, command }: { title: string; sub?: string; command: string }) => (
  <header class="head">
    <div>
      <h1>{title}</h1>
      {sub && <p class="sub">{sub}</p>}
    </div>
    <Command text={command} />
  </header>
);

/** The same from a terminal. */
function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1200);
    });
  };
  return (
    <button type="button" class="command" onClick={copy} title="Copy the command that shows the same in a terminal">
      <span aria-hidden="true">$</span>
      <code>{text}</code>
      <span class="copied">{copied ? "copied" : "copy"}</span>
    </button>
  );
}

type CardProps = { title?: string; note?: ComponentChildren; children: ComponentChildren; id?: string };
export const Card = ({ title, note, children, id }: CardProps) => (
  <section class="card" id={id}>
    {title && (
      <h2>
        {title}
        {note !== undefined && <span class="note">{note}</span>}
      </h2>
    )}
    {children}
  </section>
);

/** Why there is nothing, and what to do about it. */
export const Empty = ({ children, command }: { children: ComponentChildren; command?: string }) => (
  <div class="empty">
    <p>{children}</p>
    {command && <code>{command}</code>}
  </div>
);

export const Trouble = ({ error }: { error: Error | undefined }) =>
  error ? (
    <p class="trouble" role="status">
      What is shown may be old: {error.message}
    </p>
  ) : null;

export const Dot = ({ health }: { health: Health | "open" | "half-open" | "closed" | "unknown" }) => (
  <span class={`dot ${health}`} title={health} />
);

export const Pill = ({ tone, children }: { tone: "good" | "warn" | "bad" | "quiet"; children: ComponentChildren }) => (
  <span class={`pill ${tone}`}>{children}</span>
);

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand to the right. */
  readonly number?: true;
};

const PAGE = 50;

type TableProps<Row> = {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly empty: ComponentChildren;
  readonly href?: (row: Row) => string;
  /** With it, the page is in the URL. */
  readonly place?: Place;
};

/** Fifty rows at a time: a thousand would take longer to lay out than they are shown. */
export function Table<Row>({ rows, columns, keyOf, empty, place, href }: TableProps<Row>) {
  if (rows.length === 0) return <>{empty}</>;
  const pages = Math.ceil(rows.length / PAGE);
  const page = Math.min(pages, Math.max(1, Number(place?.query["page"]) || 1));
  const shown = place ? rows.slice((page - 1) * PAGE, page * PAGE) : rows.slice(0, PAGE);
  return (
    <>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {columns.map(({ title, number }) => (
                <th key={title} class={number && "number"} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={keyOf(row)} data-row={keyOf(row)}>
                {columns.map(({ title, cell, number }, index) => (
                  <td key={title} class={number && "number"}>
                    {href && index === 0 ? <a href={href(row)}>{cell(row)}</a> : cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {place && pages > 1 && (
        <nav class="pages" aria-label="Pages">
          <a href={altered(place, { page: String(Math.max(1, page - 1)) })}>← Back</a>
          <span>
            {(page - 1) * PAGE + 1}–{Math.min(rows.length, page * PAGE)} of {rows.length}
          </span>
          <a href={altered(place, { page: String(Math.min(pages, page + 1)) })}>Next →</a>
        </nav>
      )}
    </>
  );
}

export const Filter = ({ place, label }: { place: Place; label: string }) => (
  <input
    class="filter"
    type="search"
    placeholder={`${label}  ( / )`}
    aria-label={label}
    value={place.query["find"] ?? ""}
    onInput={(event) => goQuietly(altered(here(), { find: event.currentTarget.value, page: undefined }))}
  />
);

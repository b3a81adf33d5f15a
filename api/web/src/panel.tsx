// SPDX-License-Identifier: Apache-2.0
// The frame of a panel and what stands in it while there is nothing to show. Its height is fixed
// by its class before data arrive, so nothing moves when they do.
import type { ComponentChildren, JSX } from "preact";
import type { Problem } from "./api";
import { load, mistake, slow, summary, type Resource } from "./data";
import { exact, halves, visible } from "./format";
import { equals, narrow, withTerm } from "./query";
import { follow, go, href, view, type Route, type View } from "./url";

/** A hostile name: text nodes only, direction fixed, invisible characters written out. A DNS name
 * that is too long loses its middle, anything else its end; what a search list put behind it goes first. */
export function Name({ value, none = "none", dns, domain, added = 0 }: {
  value: string; none?: string; dns?: boolean; domain?: string; added?: number;
}): JSX.Element {
  if (value === "") return <span class="none">{none}</span>;
  const shown = visible(value.slice(0, value.length - added));
  const suffix = visible(value.slice(value.length - added));
  const [head, tail] = dns ? halves(shown, domain) : [shown, ""];
  return (
    <bdi dir="ltr" class="name" title={shown + suffix}>
      <span class="head">{head}</span>{tail && <span class="tail">{tail}</span>}{suffix && <span class="suffix">{suffix}</span>}
    </bdi>
  );
}

interface FilterProps { field: string; value: string; children: ComponentChildren; class?: string; title?: string; page?: Route }

/** A value that edits the filter: click adds it, Alt-click excludes it. */
export function Filter({ field, value, children, class: cls, title, page = view.value.page }: FilterProps): JSX.Element {
  const q = narrow(view.value.q, field, value);
  return (
    <a class={cls} href={href({ page, q, sel: "" })} title={title ?? visible(equals(field, value))} draggable={false}
      onClick={(e) => follow(e, { page, q: e.altKey ? narrow(view.value.q, field, value, true) : q, sel: "" })}>
      {children}
    </a>
  );
}

/** A figure that adds a whole term, `unanswered > 0`. */
export function TermLink({ term, children, class: cls, title }: {
  term: string; children: ComponentChildren; class?: string; title?: string;
}): JSX.Element {
  const q = withTerm(view.value.q, term);
  return (
    <a class={cls} href={href({ q, sel: "" })} title={title ?? term} draggable={false}
      onClick={(e) => follow(e, { q, sel: "" })}>{children}</a>
  );
}

/** A link to another state of the page: another route, an event's own filter and range. */
export function To({ change, children, class: cls, title }: {
  change: Partial<View>; children: ComponentChildren; class?: string; title?: string;
}): JSX.Element {
  const c = { sel: "", ...change };
  return <a class={cls} href={href(c)} title={title} onClick={(e) => follow(e, c)}>{children}</a>;
}

interface PanelProps {
  id: string; title: string; unit?: string; class: string; children: ComponentChildren; extra?: ComponentChildren;
}

export function Panel({ id, title, unit, class: cls, children, extra }: PanelProps): JSX.Element {
  return (
    <section class={`panel ${cls}${slow.value ? " slow" : ""}`} id={id} aria-labelledby={`${id}-title`}>
      <header class="panel-head">
        <h2 id={`${id}-title`}>{title}{unit && <span class="unit"> {unit}</span>}</h2>
        {extra}
      </header>
      <div class="panel-body">{children}</div>
    </section>
  );
}

export function ProblemNote({ problem }: { problem: Problem }): JSX.Element {
  const { title, detail } = problem.body;
  return (
    <div class="note error" role="alert">
      <p><strong>{visible(title)}</strong></p>
      {detail && <p>{visible(detail)}</p>}
      <button type="button" onClick={() => void load(false)}>Try again</button>
    </div>
  );
}

export function Empty({ words, first }: { words: string; first?: boolean }): JSX.Element {
  const { q } = view.value;
  const nothing = summary.data.value !== null && summary.data.value.newest === null;
  if (nothing) return first ? <FirstSteps /> : <div class="note"><p>No record yet.</p></div>;
  return (
    <div class="note">
      <p>{words}</p>
      {q.trim() !== "" && <p><button type="button" onClick={() => go({ q: "" })}>Remove the filter</button></p>}
    </div>
  );
}

function FirstSteps(): JSX.Element {
  const c = summary.data.value?.coverage;
  const tapped = c?.tapped ?? 0;
  return (
    <div class="note">
      <p>No record yet. {exact(tapped)} {tapped === 1 ? "pod" : "pods"} tapped
        on {exact(c?.nodes ?? 0)} {c?.nodes === 1 ? "node" : "nodes"}.</p>
      <p>{tapped === 0 ? "Start a pod; those that ran before the plugin are not seen."
        : "Rows arrive a few seconds after a pod asks."}</p>
    </div>
  );
}

type Kind = "chart" | "list" | "tiles" | "table";

export const Skeleton = ({ kind }: { kind: Kind }): JSX.Element =>
  <div class={`skeleton ${kind}`} aria-hidden="true"><i /><i /><i /><i /></div>;

interface StateProps<T> {
  of: Resource<T>; isEmpty: (data: T) => boolean; empty: string; skeleton: Kind;
  first?: boolean; // the panel that explains a fresh install
  children: (data: T) => ComponentChildren;
}

/** Loading, error, empty or the data; an error after data keeps the data and says so. */
export function State<T>({ of, isEmpty, empty, skeleton, first, children }: StateProps<T>): JSX.Element {
  const data = of.data.value;
  const problem = of.problem.value;
  if (data === null) {
    if (problem && !problem.body.query) return <ProblemNote problem={problem} />;
    if (mistake.value) return <div class="note"><p>Nothing was counted: the filter has a mistake.</p></div>;
    if (summary.problem.value?.offline) return <ProblemNote problem={summary.problem.value} />;
    return <Skeleton kind={skeleton} />;
  }
  const note = problem && <div class="stale" role="status">Not refreshed: {visible(problem.message)}</div>;
  return <>{note}{isEmpty(data) ? <Empty words={empty} first={first} /> : children(data)}</>;
}

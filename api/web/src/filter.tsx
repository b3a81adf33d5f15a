// SPDX-License-Identifier: Apache-2.0
// The filter box: a combobox after the ARIA authoring practices. Enter applies, Tab accepts, Escape
// closes the list and then restores the applied text. A mistake is underlined where it is and never
// replaces what is shown.
import { batch, signal, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { get, Problem } from "./api";
import { context, options, type Known, type Option } from "./complete";
import * as d from "./data";
import { count, visible } from "./format";
import { indexOfOctet, terms, without } from "./query";
import type { Field, Top } from "./types";
import { go, href, follow, view } from "./url";

/** What stands in the box; it becomes the filter on Enter. */
const draft = signal(view.value.q);
/** The mistake that belongs to a text which was not applied. */
const refused = signal<{ text: string; problem: Problem } | null>(null);

const input = (): HTMLInputElement | null => document.querySelector<HTMLInputElement>("#filter");

/** Asks first, so that neither the URL nor the panels ever get a text with a mistake. */
async function apply(text: string): Promise<boolean> {
  const { from, to } = view.value;
  try {
    await get("summary", { q: text, from, to });
  } catch (e) {
    if (e instanceof Problem && e.body.query) { refused.value = { text, problem: e }; return false; }
    if (!(e instanceof Problem)) throw e; // other problems are shown where the figures are
  }
  batch(() => { refused.value = null; go({ q: text, sel: "" }); });
  return true;
}

/** Values of a field in the range that is shown, the most frequent first. */
async function valuesOf(field: Field | undefined, signal: AbortSignal): Promise<Known[]> {
  if (!field?.groupable) return [];
  const top = await get<Top>("top", { by: field.name, limit: 20, ...d.summary.data.value?.range }, signal);
  return top.groups.map((g) => ({ value: g.key[field.name] ?? "", note: count(g.sums.count) })).filter((v) => v.value !== "");
}

function mistakeOf(text: string): Problem | null {
  const m = refused.value ?? d.mistake.value;
  return m && m.text === text ? m.problem : null;
}

/** The same text behind the input, to underline what is wrong at its place. */
function Paint({ text, problem, scroll }: { text: string; problem: Problem; scroll: number }): JSX.Element {
  const { at, length } = problem.body.query!;
  const from = indexOfOctet(text, at), to = Math.max(from, indexOfOctet(text, at + length));
  return (
    <div class="paint" aria-hidden="true"><span style={{ transform: `translateX(${-scroll}px)` }}>
      {text.slice(0, from)}<mark class="wrong">{text.slice(from, to) || "\u2003"}</mark>{text.slice(to)}</span></div>
  );
}

function Mistake({ text, problem }: { text: string; problem: Problem }): JSX.Element {
  const { at, length, message, suggestion } = problem.body.query!;
  const from = indexOfOctet(text, at);
  const fixed = suggestion ? text.slice(0, from) + suggestion + text.slice(indexOfOctet(text, at + length)) : "";
  const fix = (): void => { draft.value = fixed; void apply(fixed); };
  return (
    <div class="mistake" role="alert" id="filter-mistake">
      <span><b>Character {from + 1}:</b> {visible(message)}</span>
      {suggestion && <button type="button" onClick={fix}>Use <code>{visible(suggestion)}</code></button>}
      {d.summary.data.value && <span class="still">Shown: {view.value.q ? <code>{visible(view.value.q)}</code> : "everything"}</span>}
    </div>
  );
}

function List({ all, active, choose }: { all: Option[]; active: number; choose: (o: Option) => void }): JSX.Element {
  const box = useRef<HTMLUListElement>(null);
  useEffect(() => { box.current?.children[active]?.scrollIntoView({ block: "nearest" }); }, [active]);
  return (
    <ul id="filter-list" role="listbox" aria-label="What may come next" ref={box}>
      {all.map((o, i) => (
        <li key={o.label + o.note} id={`filter-option-${i}`} role="option" aria-selected={i === active}
          onPointerDown={(e) => { e.preventDefault(); choose(o); }}>
          <span class="what">{visible(o.label)}</span><span class="why">{visible(o.note)}</span></li>
      ))}
    </ul>
  );
}

export function FilterBox(): JSX.Element {
  const open = useSignal(false), active = useSignal(-1), caret = useSignal(draft.value.length), scroll = useSignal(0);
  const values = useSignal<Known[]>([]);
  const text = draft.value;
  const fields = d.fields.data.value?.fields ?? [];
  const c = context(text, caret.value);
  const all = open.value ? options(c, fields, values.value, text) : [];
  const problem = mistakeOf(text);
  const wanted = open.value && (c.want === "value" || c.want === "inside") ? c.key : "";

  useSignalEffect(() => { draft.value = view.value.q; refused.value = null; });
  useEffect(() => {
    values.value = [];
    if (!wanted) return;
    const stop = new AbortController();
    const t = setTimeout(() => {
      valuesOf(fields.find((f) => f.name === wanted), stop.signal)
        .then((v) => { if (!stop.signal.aborted) values.value = v; })
        .catch(() => { /* completion is a help: without it the box works as before */ });
    }, 150);
    return () => { clearTimeout(t); stop.abort(); };
  }, [wanted]);
  useEffect(() => {
    if (!open.value) return;
    d.holds.value++;
    return () => { d.holds.value--; };
  }, [open.value]);

  const look = (): void => {
    const el = input();
    if (el) { caret.value = el.selectionStart ?? el.value.length; scroll.value = el.scrollLeft; }
  };
  const choose = (o: Option): void => {
    const next = text.slice(0, c.from) + o.insert + text.slice(caret.value).replace(/^ /, "");
    const at = c.from + o.insert.length;
    const el = input();
    if (el) { el.value = next; el.focus(); el.setSelectionRange(at, at); } // at once: the next key may be down already
    batch(() => { draft.value = next; caret.value = at; active.value = -1; });
  };
  const submit = (): void => { batch(() => { open.value = false; active.value = -1; }); void apply(text); };
  const escape = (): void => {
    if (open.value) { open.value = false; return; }
    batch(() => { draft.value = view.value.q; refused.value = null; });
    input()?.blur();
  };
  const move = (by: number): void => {
    if (!open.value) { open.value = true; return; }
    if (all.length) active.value = (active.value + by + all.length + (active.value < 0 && by < 0 ? 1 : 0)) % all.length;
  };
  const key = (e: KeyboardEvent): void => {
    const chosen = all[active.value] ?? (e.key === "Tab" && c.prefix ? all[0] : undefined);
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); move(e.key === "ArrowDown" ? 1 : -1); }
    else if (e.key === "Tab" && !e.shiftKey && chosen && open.value) { e.preventDefault(); choose(chosen); }
    else if (e.key === "Enter") { e.preventDefault(); if (chosen && open.value) choose(chosen); else submit(); }
    else if (e.key === "Escape") { e.preventDefault(); escape(); }
  };
  const type = (el: HTMLInputElement): void =>
    batch(() => { draft.value = el.value; open.value = true; active.value = -1; look(); });
  return (
    <div class={`filter${problem ? " bad" : ""}`} role="search">
      <div class="filter-line">
        {problem && <Paint text={text} problem={problem} scroll={scroll.value} />}
        <input id="filter" type="text" role="combobox" aria-label="Filter" autocomplete="off" autocapitalize="off"
          spellcheck={false} placeholder="Filter, e.g. client_namespace = shop AND rcode != NOERROR" value={text}
          aria-expanded={all.length > 0} aria-controls="filter-list" aria-autocomplete="list" aria-invalid={problem !== null}
          aria-describedby={problem ? "filter-mistake" : undefined}
          aria-activedescendant={all[active.value] ? `filter-option-${active.value}` : undefined}
          onInput={(e) => type(e.currentTarget)} onKeyDown={key} onKeyUp={look} onClick={() => { look(); open.value = true; }}
          onScroll={look} onBlur={() => { open.value = false; active.value = -1; }} />
        {text && <button type="button" class="quiet" aria-label="Remove the filter" onClick={() => { draft.value = ""; void apply(""); }}>✕</button>}
      </div>
      {all.length > 0 && <List all={all} active={active.value} choose={choose} />}
      {problem && all.length === 0 && <Mistake text={text} problem={problem} />}
    </div>
  );
}

/** The terms of the applied text; each can be found in the text, or taken out. */
export function Chips(): JSX.Element | null {
  const q = view.value.q;
  const all = q.trim() ? terms(q) : [];
  if (!all?.length) return null;
  const find = (at: number, end: number): void => {
    draft.value = q;
    requestAnimationFrame(() => { input()?.focus(); input()?.setSelectionRange(at, end); });
  };
  return (
    <ul class="chips" aria-label="Terms of the filter">
      {all.map((t) => {
        const change = { q: without(q, t), sel: "" };
        return (
          <li key={t.at}>
            <button type="button" class="term" title="Show it in the text" onClick={() => find(t.at, t.end)}>{visible(t.text)}</button>
            <a href={href(change)} aria-label={`Remove ${visible(t.text)}`} onClick={(e) => follow(e, change)}>✕</a>
          </li>
        );
      })}
    </ul>
  );
}

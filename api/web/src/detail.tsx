// SPDX-License-Identifier: Apache-2.0
// One row in full: every field it has, each with "only these" and "not these". Arrow keys walk
// through the rows without closing it; Escape closes.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import * as d from "./data";
import { bytes, clock, day, exact, latency, visible } from "./format";
import { Filter, Name } from "./panel";
import { narrow } from "./query";
import type { Field, Row } from "./types";
import { follow, go, href, view } from "./url";
import { isBlocked, Shield, VerdictSentence } from "./verdict";

/** Bucket i counts latencies below 2^(i + FIRST_BIT) ns (lib/record). */
const FIRST_BIT = 14;

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

function known(name: string): Field | undefined {
  return d.fields.data.value?.fields.find((f) => f.name === name || (f.name.endsWith(".") && name.startsWith(f.name)));
}

function inWords(value: string | number | boolean, unit: string): string {
  if (typeof value !== "number") return String(value);
  if (unit === "ns") return value < 1000 ? latency(value) : `${latency(value)} (${exact(value)} ns)`;
  if (unit === "octets") return value < 1024 ? `${exact(value)} octets` : `${bytes(value)} (${exact(value)} octets)`;
  return exact(value) + (unit ? ` ${value === 1 ? unit.replace(/s$/, "") : unit}` : "");
}

function Scalar({ field, value }: { field: string; value: string | number | boolean }): JSX.Element {
  const f = known(field);
  const shown = typeof value === "string" ? <Name value={value} none="empty" /> : <>{inWords(value, f?.unit ?? "")}</>;
  if (!f) return shown;
  const raw = String(value), not = narrow(view.value.q, field, raw, true);
  return (
    <span class="scalar">
      <Filter field={field} value={raw}>{shown}</Filter>
      <a class="minus" href={href({ q: not, sel: "" })} aria-label={`Not ${visible(field)} ${visible(raw)}`} title="Not these"
        onClick={(e) => follow(e, { q: not, sel: "" })}>−</a>
    </span>
  );
}

function Histogram({ counts }: { counts: number[] }): JSX.Element {
  return (
    <>{counts.map((n, i) => n > 0 && (
      <div key={i}>{i === counts.length - 1 ? `above ${latency(2 ** (i + FIRST_BIT - 1))}` : `below ${latency(2 ** (i + FIRST_BIT))}`}: {exact(n)}</div>
    ))}</>
  );
}

function Value({ field, value }: { field: string; value: unknown }): JSX.Element {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return <Scalar field={field} value={value} />;
  if (field === "latency_histogram" && Array.isArray(value)) return <Histogram counts={value as number[]} />;
  if (Array.isArray(value)) {
    if (!value.length) return <span class="none">none</span>;
    return <>{value.map((v: unknown, i) => <div key={i} class={isObject(v) ? "entry" : ""}><Value field={field} value={v} /></div>)}</>;
  }
  if (isObject(value)) {
    return <table class="inner"><tbody>{Object.entries(value).map(([k, v]) => (
      <tr key={k}><th scope="row">{visible(k)}</th><td><Value field={`${field}.${k}`} value={v} /></td></tr>
    ))}</tbody></table>;
  }
  return <span class="none">–</span>;
}

function Fields({ row }: { row: Row }): JSX.Element {
  return (
    <table class="fields"><tbody>
      {Object.entries(row.record).map(([k, v]) => (
        <tr key={k} title={known(k)?.description}><th scope="row">{k}</th><td><Value field={k} value={v} /></td></tr>
      ))}
    </tbody></table>
  );
}

function Copy({ row }: { row: Row }): JSX.Element {
  const said = useSignal("");
  const copy = async (): Promise<void> => {
    try { await navigator.clipboard.writeText(JSON.stringify(row.record, null, 2)); said.value = "Copied"; }
    catch { said.value = "The browser does not allow it"; }
  };
  return <><button type="button" class="quiet" onClick={() => void copy()}>Copy as JSON</button> <span role="status">{said.value}</span></>;
}

function Frame({ title, children, close }: { title: string; children: ComponentChildren; close: () => void }): JSX.Element {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => { head.current?.focus({ preventScroll: true }); }, []);
  return (
    <aside class="detail" aria-labelledby="detail-title">
      <header><h2 id="detail-title" tabIndex={-1} ref={head}>{title}</h2>
        <button type="button" class="quiet" aria-label="Close the row" onClick={close}>✕</button></header>
      <div class="detail-body" tabIndex={0} role="region" aria-label="Fields of the row">{children}</div>
    </aside>
  );
}

/** Back to the row's own link, so that the keyboard goes on where it was. */
function shut(): void {
  const id = view.value.sel;
  go({ sel: "" });
  d.reading.value = false;
  document.querySelector<HTMLElement>(`tr[data-row="${CSS.escape(id)}"] a.time`)?.focus();
}

function walk(by: number): void {
  const rows = d.logs.data.value?.rows ?? [];
  const next = rows[rows.findIndex((r) => r.row === view.value.sel) + by];
  if (!next) return;
  go({ sel: next.row }, "replace");
  document.querySelector(`tr[data-row="${CSS.escape(next.row)}"]`)?.scrollIntoView({ block: "nearest" });
}

export function Detail(): JSX.Element | null {
  const { sel } = view.value;
  useEffect(() => {
    if (!sel) return;
    d.reading.value = true;
    const key = (e: KeyboardEvent): void => {
      if ((e.target as Element).closest("input,dialog,[role=slider]")) return;
      if (e.key === "Escape") shut();
      else if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); walk(e.key === "ArrowDown" ? 1 : -1); }
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, [sel !== ""]);
  if (!sel || !d.logs.data.value) return null;
  const row = [...d.logs.data.value.rows, ...(d.gaps.data.value?.rows ?? [])].find((r) => r.row === sel);
  if (!row) {
    return <Frame title="Row" close={shut}><p class="note">This row is not among the rows that are loaded. Load more, or widen the range.</p></Frame>;
  }
  const t = row.record.start_time ?? "";
  return (
    <Frame title={`${day(t)} ${clock(t)} UTC`} close={shut}>
      <p class="headline"><Name value={row.record.qname ?? "not parsed"} /></p>
      {isBlocked(row.record) && <p class="verdict-note"><Shield verdict={row.record.verdict ?? ""} /> <VerdictSentence r={row.record} /></p>}
      <Copy row={row} />
      <Fields row={row} />
    </Frame>
  );
}

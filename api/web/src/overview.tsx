// SPDX-License-Identifier: Apache-2.0
// The panels: which figures of which answer, under which words. How they are drawn is elsewhere.
import type { ComponentChildren, JSX } from "preact";
import { Bars, type Bar } from "./bars";
import * as d from "./data";
import { bytes, count, exact, latency, share } from "./format";
import { LatencyLines } from "./lines";
import { Filter, Name, Panel, Skeleton, State, TermLink } from "./panel";
import { Stack, type Series } from "./stack";
import type { Group, Latency, Point, Summary, Sums, Timeseries, Top } from "./types";
import { blockedSums } from "./verdict";
import { BLOCKED, NO_ANSWER, OUTCOME_ORDER, SEARCH, outcomeLook, scopeLook, typeClass, type Look } from "./words";

const NOTHING = "Nothing in this range.";
const noPoints = (t: Timeseries): boolean => !t.series.some((s) => s.points.some((p) => p.count > 0));
const noGroups = (t: Top): boolean => t.groups.length === 0;

function Tile({ id, label, children, sub }: {
  id: string; label: string; children: ComponentChildren; sub: ComponentChildren;
}): JSX.Element {
  return (
    <div class="tile" id={id}>
      <dt>{label}</dt>
      <dd class="big">{children}</dd>
      <dd class="sub">{sub}</dd>
    </div>
  );
}

/** The figure is exact in the tooltip; lost packets make it "at least". */
function Figure({ n, term, lost }: { n: number; term?: string; lost: boolean }): JSX.Element {
  const title = exact(n) + (lost ? ", at least: packets of this range are not in the log" : "");
  const text = <>{count(n)}{lost && <span class="least">*</span>}</>;
  return term && n > 0 ? <TermLink term={term} title={title}>{text}</TermLink> : <span title={title}>{text}</span>;
}

/** A percentile needs enough measurements to mean something; it is an upper bucket bound. */
function Percentile({ name, value, of, needs }: { name: string; value: number | null; of: number; needs: number }): JSX.Element {
  return (
    <span title={of < needs ? `Too few measurements: ${exact(of)}, it needs ${needs}` : `At most: the upper bound of its bucket`}>
      {name} <b>{of === 0 ? "–" : of < needs ? "too few" : latency(value)}</b></span>
  );
}

function LatencyTile({ l }: { l: Latency }): JSX.Element {
  return (
    <Tile id="tile-latency" label="Latency, mean" sub={<>
      <span>min <b>{latency(l.min)}</b></span> <span>max <b>{l.max
        ? <TermLink term={`latency_max >= ${l.max}`} title="Rows with this latency">{latency(l.max)}</TermLink> : "–"}</b></span></>}>
      {latency(l.mean)}
    </Tile>
  );
}

function misses(): number {
  const s = d.scopes.data.value?.series.find((x) => x.key === "search");
  return s?.points.reduce((n, p) => n + p.count - p.blocked, 0) ?? 0;
}

const isBlocking = (): boolean => (d.blocked.data.value?.groups.length ?? 0) > 0;

/** Only where a policy stopped something, or would have. */
function BlockedTile({ lost }: { lost: boolean }): JSX.Element | null {
  const { denied, audited } = blockedSums();
  if (!isBlocking()) return null;
  return (
    <Tile id="tile-blocked" label="Blocked by policy" sub={<>would deny <b><Figure n={audited} term={d.AUDITED} lost={false} /></b></>}>
      <Figure n={denied} term={d.DENIED} lost={lost} /></Tile>
  );
}

function TileRow({ data }: { data: Summary }): JSX.Element {
  const s = data.sums, asked = s.count - s.blocked, l = s.latency, lost = (d.loss.value?.packets ?? 0) > 0, search = misses();
  return (
    <dl class={`tiles${isBlocking() ? " eight" : ""}`}>
      <Tile id="tile-queries" label="Queries" sub={<>retries <b><Figure n={s.retries} term="retries > 0" lost={false} /></b></>}>
        <Figure n={s.queries} lost={lost} /></Tile>
      <Tile id="tile-replies" label="Replies" sub={<>truncated <b><Figure n={s.truncated} term="truncated > 0" lost={false} /></b></>}>
        <Figure n={s.replies} lost={lost} /></Tile>
      <Tile id="tile-unanswered" label="No answer" sub={asked ? `${share(silent(s), asked)} of ${count(asked)}` : "nothing asked"}>
        <Figure n={silent(s)} term="unanswered > 0" lost={lost} /></Tile>
      <Tile id="tile-search" label="Search-list misses" sub={asked ? `${share(search, asked)} of ${count(asked)}` : "nothing asked"}>
        {d.scopes.data.value ? <Figure n={search} term={d.MISSED} lost={lost} /> : "…"}</Tile>
      <LatencyTile l={l} />
      <Tile id="tile-percentiles" label="Latency, p95" sub={<>
        <Percentile name="p50" value={l.p50} of={l.count} needs={1} /> <Percentile name="p99" value={l.p99} of={l.count} needs={100} /></>}>
        {l.count < 20 ? <span class="few" title={`Too few measurements: ${exact(l.count)}`}>{l.count ? "too few" : "–"}</span>
          : <span title="At most: the upper bound of its bucket">≤ {latency(l.p95)}</span>}</Tile>
      <Tile id="tile-bytes" label="Bytes in" sub={<>out <b title={`${exact(s.bytes_out)} octets`}>{bytes(s.bytes_out)}</b></>}>
        <span title={`${exact(s.bytes_in)} octets of DNS messages that the pods got`}>{bytes(s.bytes_in)}</span></Tile>
      <BlockedTile lost={lost} />
    </dl>
  );
}

/** One more tile must not push the others aside later: how many there are is known before they come. */
const tiled = (): boolean => d.blocked.data.value !== null || d.blocked.problem.value !== null;

export function Totals(): JSX.Element {
  return (
    <section class="totals" aria-labelledby="totals-title">
      <h2 id="totals-title" class="away">Totals</h2>
      <State of={d.summary} isEmpty={() => false} empty="" skeleton="tiles">
        {(data) => tiled() ? <TileRow data={data} /> : <Skeleton kind="tiles" />}</State>
    </section>
  );
}

/** What DNS made of it: a query that a policy stopped has an outcome of neither kind. */
const answered = (s: Sums | Point): number => s.count - s.blocked - silent(s);
const silent = (s: Sums | Point): number => s.unanswered - s.blocked_unanswered;

/** Outcomes above the axis, search-list misses and what policies stopped below it: they are never added
 *  up in silence. */
function outcomeSeries(data: Timeseries, scopes: Timeseries | null, whole: Timeseries | null): Series[] {
  const n = data.series[0]?.points.length ?? 0;
  const zero = (): number[] => new Array<number>(n).fill(0);
  const add = (to: number[], from: number[]): number[] => to.map((v, i) => v + (from[i] ?? 0));
  const known = new Map(OUTCOME_ORDER.map((k) => [k, zero()]));
  let other = zero(), none = zero();
  for (const s of data.series) {
    const mine = known.get(s.key);
    if (mine) known.set(s.key, add(mine, s.points.map(answered)));
    else other = add(other, s.points.map((p) => Math.max(0, answered(p))));
    none = add(none, s.points.map(silent));
  }
  const search = scopes?.series.find((s) => s.key === "search")?.points.map((p) => p.count - p.blocked);
  const blocked = whole?.series[0]?.points.map((p) => p.blocked);
  const named: Series[] = [...known].map(([value, values]) =>
    ({ ...outcomeLook(value), values, pick: { field: "rcode", value } }));
  const all: Series[] = [...named,
    { cls: "o-other", glyph: "·", label: "other", values: other },
    { ...NO_ANSWER, values: none, pick: { term: "unanswered > 0" } },
    { ...SEARCH, values: search?.length === n ? search : zero(), below: true, pick: { term: d.MISSED } },
    { ...BLOCKED, values: blocked?.length === n ? blocked : zero(), below: true, pick: { term: d.DENIED } }];
  return all.filter((s, i) => i === 0 || s.values.some((v) => v > 0));
}

function Outcome(): JSX.Element {
  const searchOnly = (): boolean => !d.scopes.data.value?.series.some((s) => s.key === "search" && s.points.some((p) => p.count > 0));
  return (
    <Panel id="outcome" title="Outcome over time" unit="transactions" class="wide">
      <State first of={d.outcome} isEmpty={(t) => noPoints(t) && searchOnly()} empty={NOTHING} skeleton="chart">
        {(data) => <Stack of={frameFor(data)} name="Outcome over time" unit="transactions"
          series={outcomeSeries(frameFor(data), d.scopes.data.value, d.whole.data.value)} />}
      </State>
    </Panel>
  );
}

/** An answer without series has no points either: borrow the buckets of the whole. */
function frameFor(data: Timeseries): Timeseries {
  if (data.series.length) return data;
  const points = d.scopes.data.value?.series[0]?.points ?? [];
  const empty = points.map((p) => ({ ...p, count: 0, queries: 0, replies: 0, unanswered: 0, blocked: 0, blocked_unanswered: 0 }));
  return { ...data, series: [{ key: "NOERROR", points: empty }] };
}

function Latencies(): JSX.Element {
  return (
    <Panel id="latency" title="Latency over time" unit="shortest, mean, longest" class="wide">
      <State of={d.whole} isEmpty={(t) => !t.series.some((s) => s.points.some((p) => p.latency_mean !== null))}
        empty="No latency was measured in this range." skeleton="chart">
        {(data) => <LatencyLines of={data} />}
      </State>
    </Panel>
  );
}

const SCOPE_ORDER = ["cluster", "external", "reverse", "", "~other", "search"];

function scopeSeries(data: Timeseries): Series[] {
  return [...data.series]
    .sort((a, b) => SCOPE_ORDER.indexOf(a.key) - SCOPE_ORDER.indexOf(b.key))
    .map((s) => ({
      ...scopeLook(s.key), values: s.points.map((p) => p.queries), below: s.key === "search",
      ...(s.key === "~other" ? {} : { pick: { field: "scope", value: s.key } }),
    }));
}

function Scopes(): JSX.Element {
  return (
    <Panel id="scopes" title="Internal and external over time" unit="queries" class="wide tall">
      <State of={d.scopes} isEmpty={noPoints} empty={NOTHING} skeleton="chart">
        {(data) => <Stack of={data} name="Internal and external over time" unit="queries" series={scopeSeries(data)} />}
      </State>
    </Panel>
  );
}

/** Groups by (field, scope) as one bar per field value, its search-list part apart. */
function split(groups: Group[], field: string, of: (g: Group) => number): { value: string; real: number; search: number }[] {
  const rows = new Map<string, { value: string; real: number; search: number }>();
  for (const g of groups) {
    const value = g.key[field] ?? "";
    const r = rows.get(value) ?? { value, real: 0, search: 0 };
    if (g.key["scope"] === "search") r.search += of(g);
    else r.real += of(g);
    rows.set(value, r);
  }
  return [...rows.values()].sort((a, b) => b.real + b.search - a.real - a.search);
}

const ROWS = 8;

function Types(): JSX.Element {
  return (
    <Panel id="types" title="By record type" unit="queries" class="narrow">
      <State of={d.types} isEmpty={noGroups} empty={NOTHING} skeleton="list">
        {(data) => {
          const all = split(data.groups, "qtype", (g) => g.sums.queries);
          const sum = all.reduce((n, r) => n + r.real + r.search, 0);
          return <Bars more={data.more || all.length > ROWS} rows={all.slice(0, ROWS).map((r): Bar => ({
            id: r.value,
            label: <Filter field="qtype" value={r.value}><Name value={r.value} none="not a question" /></Filter>,
            parts: [{ value: r.real, cls: typeClass(r.value) }, { value: r.search, cls: "o-search" }],
            figure: count(r.real + r.search), note: share(r.real + r.search, sum),
            title: `${exact(r.real)} queries and ${exact(r.search)} search-list misses`,
          }))} />;
        }}
      </State>
    </Panel>
  );
}

function codeRow(id: string, label: JSX.Element, n: number, sum: number, cls: string): Bar {
  return { id, label, parts: [{ value: n, cls }], figure: count(n), note: share(n, sum), title: `${exact(n)} transactions` };
}

const glyphed = (look: Look): JSX.Element =>
  <><span class={`glyph ${look.cls}`} aria-hidden="true">{look.glyph}</span><Name value={look.label} /></>;

/** Codes, then what has none: no answer, packets that are no DNS message; search-list misses and what
 *  policies stopped, whose code is the policy's, apart. */
function codeRows(data: Top): Bar[] {
  const total = (groups: Group[], of: (s: Sums) => number): number => groups.reduce((n, g) => n + of(g.sums), 0);
  const [search, real] = [true, false].map((is) => data.groups.filter((g) => (g.key["scope"] === "search") === is)) as [Group[], Group[]];
  const sum = total(data.groups, (s) => s.count);
  const coded = real.filter((g) => g.key["rcode"] !== "" && answered(g.sums) > 0);
  const rows = split(coded, "rcode", (g) => answered(g.sums)).map((r) => {
    const look = outcomeLook(r.value);
    return codeRow(r.value, <Filter field="rcode" value={r.value}>{glyphed(look)}</Filter>, r.real, sum, look.cls);
  });
  const apart = (id: string, term: string, look: Look, n: number): void => {
    if (n > 0) rows.push(codeRow(id, <TermLink term={term}>{glyphed(look)}</TermLink>, n, sum, look.cls));
  };
  apart("none", "unanswered > 0", NO_ANSWER, total(real, silent));
  apart("broken", "error NOT EMPTY", { cls: "o-other", glyph: "·", label: "not parsed" }, total(real.filter((g) => g.key["rcode"] === ""), answered));
  apart("search", d.MISSED, SEARCH, total(search, (s) => s.count - s.blocked));
  apart("blocked", d.DENIED, BLOCKED, total(data.groups, (s) => s.blocked));
  return rows;
}

function Codes(): JSX.Element {
  return (
    <Panel id="codes" title="By response code" unit="transactions" class="narrow">
      <State of={d.codes} isEmpty={noGroups} empty={NOTHING} skeleton="list">
        {(data) => <Bars rows={codeRows(data).slice(0, ROWS)} more={data.more} />}
      </State>
    </Panel>
  );
}

function Domains(): JSX.Element {
  return (
    <Panel id="domains" title="External domains" unit="queries, top 10" class="narrow tall">
      <State of={d.domains} isEmpty={noGroups} empty="No external name was asked for in this range." skeleton="list">
        {(data) => <Bars more={data.more} rows={data.groups.map((g) => ({
          id: g.key["domain"] ?? "",
          label: <Filter field="domain" value={g.key["domain"] ?? ""}><Name dns value={g.key["domain"] ?? ""} none="no registrable domain" /></Filter>,
          parts: [{ value: g.sums.queries, cls: "s-6" }],
          figure: count(g.sums.queries), title: `${exact(g.sums.queries)} queries`,
        }))} />}
      </State>
    </Panel>
  );
}

export function Client({ g }: { g: Group }): JSX.Element {
  const ns = g.key["client_namespace"] ?? "", name = g.key["client_name"] ?? "";
  return (
    <span class="pair">
      <Filter field="client_namespace" value={ns} class="side"><Name value={ns} none="no namespace" /></Filter>
      <span class="slash">/</span>
      <Filter field="client_name" value={name}><Name value={name} none="no pod" /></Filter>
    </span>
  );
}

export const clientId = (g: Group): string => JSON.stringify(g.key);

function Clients(): JSX.Element {
  return (
    <Panel id="clients" title="Who asks" unit="queries by pod" class="narrow tall">
      <State of={d.clients} isEmpty={noGroups} empty={NOTHING} skeleton="list">
        {(data) => <Bars more={data.more} rows={data.groups.map((g) => ({
          id: clientId(g), label: <Client g={g} />, parts: [{ value: g.sums.queries, cls: "s-1" }],
          figure: count(g.sums.queries),
          title: `${exact(g.sums.queries)} queries, ${exact(g.sums.unanswered)} without an answer`,
        }))} />}
      </State>
    </Panel>
  );
}

/** Who is behind an address: its Service, else its pod, else nobody of this cluster. */
function serverName(g: Group): string {
  const k = (f: string): string => g.key[`servers.${f}`] ?? "";
  if (k("service")) return k("service");
  return k("name") && k("name") !== "-" ? `${k("namespace")}/${k("name")}` : "";
}

function Servers(): JSX.Element {
  return (
    <Panel id="servers" title="Which servers are asked" unit="queries" class="narrow tall">
      <State of={d.servers} isEmpty={noGroups} empty={NOTHING} skeleton="list">
        {(data) => <Bars more={data.more} rows={data.groups.map((g) => ({
          id: clientId(g),
          label: <span class="pair server"><Filter field="servers.ip" value={g.key["servers.ip"] ?? ""}><Name value={g.key["servers.ip"] ?? ""} /></Filter>
            <span class="who">{serverName(g) ? <Name value={serverName(g)} /> : "no pod"}</span></span>,
          parts: [{ value: g.sums.queries, cls: "s-4" }],
          figure: count(g.sums.queries),
          title: `${exact(g.sums.queries)} queries, ${exact(g.sums.unanswered)} without an answer, mean latency ${latency(g.sums.latency.mean)}`,
        }))} />}
      </State>
    </Panel>
  );
}

function Traffic(): JSX.Element {
  return (
    <Panel id="traffic" title="Bytes by pod" unit="out · in" class="narrow tall">
      <State of={d.traffic} isEmpty={noGroups} empty={NOTHING} skeleton="list">
        {(data) => <Bars mirrored more={data.more} rows={data.groups.map((g) => ({
          id: clientId(g), label: <Client g={g} />,
          parts: [{ value: g.sums.bytes_out, cls: "s-2" }, { value: g.sums.bytes_in, cls: "s-1" }],
          figure: `${bytes(g.sums.bytes_out)} · ${bytes(g.sums.bytes_in)}`,
          title: `${exact(g.sums.bytes_out)} octets out, ${exact(g.sums.bytes_in)} in`,
        }))} />}
      </State>
    </Panel>
  );
}

export function Overview(): JSX.Element {
  return (
    <>
      <Totals />
      <div class="grid-panels">
        <Outcome /><Codes />
        <Latencies /><Types />
        <Domains /><Clients /><Servers />
        <Scopes /><Traffic />
      </div>
    </>
  );
}
